import assert from "node:assert/strict";
import http2, { type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { fixture } from "../../src/sources/chirpstack/testing/fixture.ts";
import { startWorld } from "../../src/sources/chirpstack/testing/world.ts";
import { waitFor } from "../lib/wait_for.ts";

const probe = "02ed9ee000000001";
const emptyMessage = new Uint8Array(5);

/**
 * The least that passes for a gRPC server: streams open and stay open, calls are answered with an empty message. It
 * can say goodbye (GOAWAY) as servers do when they restart, and as proxies do with connections that are old or idle.
 */
async function startPoliteServer() {
  const sessions = new Set<ServerHttp2Session>();
  const server = http2.createServer();
  let connections = 0;
  let calls = 0;
  server.on("session", (session) => {
    connections++;
    sessions.add(session);
    session.on("error", () => {});
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    stream.on("data", () => {});
    if (String(headers[":path"]).includes("StreamDeviceEvents")) {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      return;
    }
    calls++;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(emptyMessage);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    connections: () => connections,
    calls: () => calls,
    sayGoodbye: (code: number) => {
      for (const session of sessions) session.goaway(code);
    },
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

for (const mode of ["stream", "poll"] as const) {
  for (const [code, name] of [[0, "NO_ERROR"], [2, "INTERNAL_ERROR"], [11, "ENHANCE_YOUR_CALM"]] as const) {
    Deno.test(`in ${mode} mode a goodbye (${name}) costs the connections and nothing else`, async () => {
      const server = await startPoliteServer();
      try {
        await using world = startWorld(server.url, [], { fixture: fixture([{ devEui: probe }], { mode }) });
        await waitFor("the calls", () => server.calls() > 3 && world.source.status().state === "connected");
        for (let times = 0; times < 3; times++) {
          const before = server.connections();
          server.sayGoodbye(code);
          await waitFor("new connections", () => server.connections() > before);
          if (mode === "stream") await waitFor("the streams", () => world.source.status().reconnects > times);
          const calls = server.calls();
          await waitFor("calls over them", () => server.calls() > calls + 3);
        }
        await waitFor("its recovery", () => world.source.status().state === "connected");
        assert.deepEqual(world.faults.list(), []);
      } finally {
        await server.stop();
      }
    });
  }
}
