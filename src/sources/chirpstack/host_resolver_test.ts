import assert from "node:assert/strict";
import { Client, credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { hostScheme } from "./host_resolver.ts";

const bytes = (value: Buffer) => value;

/** A server with one echo call, on a free port of `host`. */
async function echoServer(host: string): Promise<{ readonly port: number; stop(): void }> {
  const server = new Server();
  const echo = {
    path: "/test/Echo",
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const;
  server.addService({ echo }, {
    echo: (call: { request: Buffer }, answer: (error: null, value: Buffer) => void) => answer(null, call.request),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, stop: () => server.forceShutdown() };
}

function call(target: string): Promise<string> {
  const client = new Client(`${hostScheme}:${target}`, credentials.createInsecure());
  return new Promise<string>((resolve, reject) => {
    client.makeUnaryRequest("/test/Echo", bytes, bytes, Buffer.from("hello"), (error, value) => {
      if (error === null) resolve(String(value));
      else reject(error);
    });
  }).finally(() => client.close());
}

for (const [bind, host] of [["127.0.0.1", "localhost"], ["127.0.0.1", "127.0.0.1"], ["[::1]", "[::1]"]] as const) {
  Deno.test(`A server is reached as ${host}`, async () => {
    const server = await echoServer(bind);
    try {
      assert.equal(await call(`${host}:${server.port}`), "hello");
    } finally {
      server.stop();
    }
  });
}

Deno.test("A name that does not exist is an error of the call", async () => {
  await assert.rejects(call("no-such-host.invalid:8080"), /UNAVAILABLE/);
});
