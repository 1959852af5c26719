import assert from "node:assert/strict";
import { connect } from "node:net";
import { connectControl } from "../../src/control/control_client.ts";
import { ControlPeer } from "../lib/control_peer.ts";
import { ControlWorld } from "../lib/control_world.ts";
import { waitFor } from "../lib/wait_for.ts";

const tcp = { endpoint: "tcp://127.0.0.1:0" };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes that nobody waits for, to a port, until the socket is closed. */
function rawSocket(url: string) {
  const { hostname, port } = new URL(url.replace(/^\w+:/, "http:"));
  const socket = connect({ host: hostname, port: Number(port) });
  const state = { socket, closed: false, text: "" };
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => state.text += new TextDecoder().decode(chunk));
  socket.on("close", () => state.closed = true);
  return state;
}

Deno.test("a peer that drips a line byte by byte is closed when its time is over", async () => {
  await using world = await ControlWorld.start({ ...tcp, idle_timeout_seconds: 1 });
  const peer = await ControlPeer.connect(world.url);
  const end = Date.now() + 15_000;
  while (!peer.closed && Date.now() < end) {
    peer.send("{");
    await pause(50);
  }
  assert.equal(peer.closed, true);
  assert.equal(peer.lines.at(-1)?.error_code, "timeout");
  await waitFor("it to be forgotten", () => world.control?.list().length === 0);
});

Deno.test("a peer that drips its TLS handshake, or says nothing at all, is cut", async () => {
  await using world = await ControlWorld.start(tcp, { tls: true, limits: { handshakeMs: 500 } });
  const silent = rawSocket(world.url);
  const dripping = rawSocket(world.url);
  const hello = [0x16, 0x03, 0x01, 0x02, 0x00, ...Array.from({ length: 200 }, () => 1)];
  for (const byte of hello) {
    if (dripping.closed) break;
    dripping.socket.write(Uint8Array.of(byte));
    await pause(50);
  }
  await waitFor("both to be cut", () => silent.closed && dripping.closed);
  await waitFor("both to be forgotten", () => world.control?.list().length === 0);
});

Deno.test("a peer that leaves in the middle of its TLS handshake gives up its place at once", async () => {
  await using world = await ControlWorld.start(tcp, { tls: true, limits: { handshakeMs: 60_000 } });
  const leaving = ["", "\u0016\u0003\u0001"].map((word) => {
    const peer = rawSocket(world.url);
    peer.socket.on("connect", () => peer.socket.end(word));
    return peer;
  });
  await waitFor("both to be closed", () => leaving.every(({ closed }) => closed));
  await waitFor("both to be forgotten", () => world.control?.list().length === 0);
});

Deno.test("an open stream and a running call are no idleness", async () => {
  await using world = await ControlWorld.start({ ...tcp, idle_timeout_seconds: 3 });
  const streaming = await connectControl({ endpoint: world.url, token: "viewer-token" });
  const calling = await connectControl({ endpoint: world.url, token: "viewer-token" });
  const idle = await ControlPeer.connect(world.url);
  const items: unknown[] = [];
  const stop = new AbortController();
  const reading = (async () => {
    for await (const item of streaming.stream("events.tail", {}, stop.signal)) items.push(item);
  })();
  const answer = calling.call("status", { wait: true });
  await waitFor("both to run", () => world.streams === 1 && world.calls === 1);
  await idle.untilClosed();
  await waitFor("the idle one alone to be forgotten", () => world.control?.list().length === 2);
  world.emit("still there");
  await waitFor("the item", () => items.length === 1);
  world.release();
  assert.deepEqual(await answer, { text: "xx" });
  stop.abort();
  await reading;
  streaming.close();
  calling.close();
});

Deno.test("plain text and garbage at a TLS port are told so and cut; the next client is served", async () => {
  await using world = await ControlWorld.start(tcp, { tls: true });
  const plain = await ControlPeer.connectPlain(world.url);
  plain.sendLine({ id: 1, type: "status", auth: "admin-token" });
  await plain.untilClosed();
  assert.deepEqual(plain.lines.map(({ id, error_code, error }) => [id, error_code, /TLS/.test(error ?? "")]), [
    [null, "bad_request", true],
  ]);
  const garbage = rawSocket(world.url);
  garbage.socket.write(Uint8Array.of(0x16, 3, 1, 0, 5, 9, 9, 9, 9, 9));
  await waitFor("garbage to be cut", () => garbage.closed);
  const http = rawSocket(world.url);
  http.socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await waitFor("the browser to be cut", () => http.closed);
  assert.match(http.text, /This port speaks TLS/);
  const client = await connectControl({ endpoint: world.url, token: "viewer-token", tls: { insecure: true } });
  assert.deepEqual(await client.call("whoami"), { name: "viewer token" });
  client.close();
  assert.equal(world.callers.length, 1);
});

Deno.test("a peer that asks and does not read is held, then cut, and costs little", async () => {
  await using world = await ControlWorld.start({}, { limits: { stalledMs: 500 } });
  const peer = await ControlPeer.connect(world.url);
  peer.socket.pause();
  for (let id = 1; id <= 5000; id++) peer.sendLine({ id, type: "status", params: { characters: 100_000 } });
  await waitFor("the peer to be cut", () => world.control?.list().length === 0);
  // what the system's buffers take, and what runs at once
  assert.ok(world.callers.length < 100, `${world.callers.length} calls ran for a peer that reads nothing`);
  peer.close();
});

Deno.test("a stream goes no faster than its reader, who is cut when he stops reading", async () => {
  await using world = await ControlWorld.start({}, { limits: { stalledMs: 500 } });
  const peer = await ControlPeer.connect(world.url);
  peer.sendLine({ id: 1, type: "events.tail" });
  await peer.next("the stream to open", ({ more }) => more === true);
  peer.socket.pause();
  const item = "x".repeat(100_000);
  for (let n = 0; n < 500; n++) world.emit(item);
  await waitFor("the peer to be cut", () => world.control?.list().length === 0);
  await waitFor("the operation to end", () => world.streams === 0);
  peer.close();
});

for (const [what, options] of [["unix", {}], ["TCP", tcp], ["TLS", tcp]] as const) {
  Deno.test(`over ${what} peers that hold every connection and do nothing lock nobody out`, async () => {
    const tls = what === "TLS";
    await using world = await ControlWorld.start({ ...options, max_connections: 8 }, {
      tls,
      limits: { evictIdleMs: 0 },
    });
    const idle: ControlPeer[] = [];
    for (let count = 0; count < 8; count++) {
      const peer = await ControlPeer.connect(world.url);
      if (count > 3 || what === "unix") await peer.ask({ id: 1, type: "hello" });
      idle.push(peer);
    }
    const client = await connectControl({
      endpoint: world.url,
      token: "admin-token",
      ...(tls ? { tls: { insecure: true } } : {}),
    });
    assert.deepEqual(await client.call("whoami"), { name: "admin token" });
    assert.ok((world.control?.list().length ?? 99) <= 8);
    const refusals = () =>
      idle.flatMap(({ lines }) => lines).filter(({ ok }) => !ok).map(({ error_code }) => error_code);
    await waitFor("somebody to be told", () => refusals().length > 0);
    assert.ok(refusals().every((code) => code === "too_many"));
    client.close();
    for (const peer of idle) peer.close();
  });
}

for (const tls of [false, true]) {
  Deno.test(`1,000 connections over ${tls ? "TLS" : "TCP"} leave a client that has shown its token alone`, async () => {
    await using world = await ControlWorld.start(tcp, { tls });
    const token = "viewer-token";
    const options = { endpoint: world.url, token, ...(tls ? { tls: { insecure: true } } : {}) };
    const client = await connectControl(options);
    const flood = Array.from({ length: 1000 }, (_, index) => {
      const peer = rawSocket(world.url);
      const words = ["\n", '{"id":1,"type":"status"}\n', "\u0016\u0003\u0001", "x".repeat(5000), ""];
      peer.socket.on("connect", () => peer.socket.write(words[index % words.length] ?? ""));
      return peer;
    });
    for (let count = 0; count < 50; count++) assert.deepEqual(await client.call("whoami"), { name: "viewer token" });
    const open = () => world.control?.list().length ?? 0;
    await waitFor("the flood to have come", () => flood.filter(({ closed }) => closed).length + open() - 1 >= 1000);
    assert.ok(open() <= 128 + 16 + 1, `${open()} connections are open`);
    const late = await connectControl(options);
    assert.deepEqual(await late.call("whoami"), { name: "viewer token" });
    for (const { socket } of flood) socket.destroy();
    client.close();
    late.close();
    await waitFor("all to be forgotten", () => world.control?.list().length === 0);
  });
}
