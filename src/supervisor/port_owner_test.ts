import assert from "node:assert/strict";
import { listeningInodes, portOwner } from "./port_owner.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:12E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   2: 0100007F:12E8 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 99999 1 0000000000000000 20 4 30 10 -1
`;

Deno.test("The sockets that listen on a port are found in the kernel's table, its connections are not", () => {
  assert.deepEqual(listeningInodes(table, 4840), ["31337"]);
  assert.deepEqual(listeningInodes(table, 8080), ["4711"]);
  assert.deepEqual(listeningInodes(table, 80), []);
});

/** Answers each connection with `answer` and closes it. */
function responder(answer: string | null) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(512));
      if (answer !== null) await connection.write(new TextEncoder().encode(answer));
      connection.close();
    }
  })();
  return {
    port: listener.addr.port,
    async stop() {
      listener.close();
      await serving;
    },
  };
}

const withoutProc: Deno.TestDefinition["permissions"] = { net: true };

Deno.test({
  name: "Where /proc can be read the program is named",
  async fn() {
    const server = responder(null);
    try {
      const owner = await portOwner("127.0.0.1", server.port);
      assert.ok(owner?.endsWith(`(process ${Deno.pid})`), owner ?? "null");
    } finally {
      await server.stop();
    }
  },
});

for (
  const [answer, expected] of [
    ["ACKF....", "another OPC UA server"],
    ["HTTP/1.0 200 OK\r\nServer: nginx/1.26\r\n\r\n", "another web server (nginx/1.26)"],
    ["HTTP/1.1 404 Not Found\r\n\r\n", "another web server"],
    ["220 smtp ready\r\n", null],
  ] as const
) {
  Deno.test({
    name: `Where it cannot, what answers ${JSON.stringify(answer.slice(0, 8))} is ${expected ?? "not known"}`,
    permissions: withoutProc,
    async fn() {
      const server = responder(answer);
      try {
        assert.equal(await portOwner("0.0.0.0", server.port, 30_000), expected);
      } finally {
        await server.stop();
      }
    },
  });
}

Deno.test({
  name: "A port that nobody holds has no owner",
  permissions: withoutProc,
  async fn() {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    assert.equal(await portOwner("127.0.0.1", port), null);
  },
});
