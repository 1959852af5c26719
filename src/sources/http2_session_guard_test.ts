import assert from "node:assert/strict";

const guard = new URL("./http2_session_guard.ts", import.meta.url).href;

// Both ends of many sessions, which end while nothing is open on them: the server says goodbye in one half of the
// rounds, the client in the other. In a process of its own, because what is tested against is the end of the process.
const program = `
import http2 from "node:http2";
import { guardHttp2Sessions } from ${JSON.stringify(guard)};
guardHttp2Sessions();
const server = http2.createServer();
const sessions = new Set();
server.on("session", (session) => {
  sessions.add(session);
  session.on("error", () => {});
  session.on("close", () => sessions.delete(session));
});
server.on("stream", (stream) => {
  stream.on("error", () => {});
  stream.respond({ ":status": 200 });
  stream.end("x");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const call = (client) =>
  new Promise((resolve, reject) => {
    const stream = client.request({ ":path": "/" });
    stream.on("data", () => {});
    stream.on("end", resolve);
    stream.on("error", reject);
    stream.end();
  });
for (let round = 0; round < 4; round++) {
  const client = http2.connect("http://127.0.0.1:" + server.address().port);
  client.on("error", () => {});
  const closed = new Promise((resolve) => client.on("close", resolve));
  for (let batch = 0; batch < 4; batch++) await Promise.all(Array.from({ length: 16 }, () => call(client)));
  if (round % 2 === 0) client.close();
  else for (const session of sessions) session.goaway(round % 4 === 1 ? 0 : 11, 1_000_001);
  await closed;
}
for (const session of sessions) session.destroy();
await new Promise((resolve) => server.close(resolve));
console.log("all sessions ended");
`;

Deno.test("a goodbye on an idle session ends the session and not the process", async () => {
  const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--cached-only", program],
    // glibc overwrites what is freed, so that using it later shows each time
    env: { MALLOC_PERTURB_: "165" },
    stdin: "null",
  }).output();
  const told = new TextDecoder().decode(stderr);
  assert.deepEqual([code, signal], [0, null], told);
  assert.match(new TextDecoder().decode(stdout), /all sessions ended/);
});
