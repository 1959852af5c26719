import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { CopiedKeyServer } from "../../../tests/lib/copied_key_server.ts";
import { pinnedPair, TlsAnswerer } from "../../../tests/lib/tls_answerer.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { HubRequestError } from "./hub_requests.ts";
import { connectPinned } from "./pinned_socket.ts";

const pair = await pinnedPair();
const other = await pinnedPair();

const refusedAs = (code: string) => (error: unknown) => error instanceof HubRequestError && error.code === code;

Deno.test("a server with a pinned key is connected to, whatever its name is", async () => {
  await using server = await TlsAnswerer.start(pair, (_, response) => response.end());
  const socket = await connectPinned({ url: server.url, pins: [other.pin, pair.pin], timeoutMs: 30_000 });
  assert.equal(socket.getProtocol(), "TLSv1.3");
  socket.destroy();
});

Deno.test("a server with another key gets not one byte through TLS", async () => {
  await using server = await TlsAnswerer.start(pair, (_, response) => response.end());
  const attempt = connectPinned({ url: server.url, pins: [other.pin], timeoutMs: 30_000 });
  await assert.rejects(attempt, refusedAs("wrong_pin"));
  await waitFor("the server to have seen the connection", () => server.connections === 1);
  assert.deepEqual({ received: server.received, requests: server.requests }, { received: 0, requests: 0 });
});

const genuine = new Uint8Array(new X509Certificate(pair.cert).raw);

for (
  const [what, pattern, bytes] of [
    ["as it is", "", []],
    ["as one of version 1", "a003020102", [0xa0, 0x03, 0x02, 0x01, 0x00]],
    ["with a name that TLS libraries cannot read", "0603551d11040f30", [6, 3, 0x55, 0x1d, 0x11, 4, 15, 0x31]],
  ] as const
) {
  Deno.test(`whoever shows the pinned certificate ${what} but lacks its private key is refused`, async () => {
    const certificate = Buffer.from(genuine);
    if (pattern !== "") certificate.set(bytes, certificate.indexOf(Buffer.from(pattern, "hex")));
    await using server = await CopiedKeyServer.start(certificate);
    const attempt = connectPinned({ url: server.url, pins: [pair.pin], timeoutMs: 30_000 });
    await assert.rejects(attempt, (error) => error instanceof HubRequestError && error.code !== "timeout");
  });
}

Deno.test("a server that accepts and says nothing is given up in time", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const url = `https://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  await assert.rejects(connectPinned({ url, pins: [pair.pin], timeoutMs: 200 }), refusedAs("timeout"));
  (await accepted).close();
  listener.close();
  await assert.rejects(connectPinned({ url, pins: [pair.pin], timeoutMs: 30_000 }), refusedAs("unreachable"));
});

Deno.test("an abort ends the attempt", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const url = `https://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  const ending = new AbortController();
  const attempt = connectPinned({ url, pins: [pair.pin], timeoutMs: 60_000, signal: ending.signal });
  const rejected = assert.rejects(attempt, refusedAs("unreachable"));
  const connection = await accepted;
  ending.abort();
  await rejected;
  connection.close();
  listener.close();
});
