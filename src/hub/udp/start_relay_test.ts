import assert from "node:assert/strict";
import { isNodeId, type NodeId } from "../../mesh/ids.ts";
import { mac1Of } from "../../mesh/wireguard_packet.ts";
import { udpSocket } from "../../../tests/lib/udp_socket.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { startRelay } from "./start_relay.ts";

function node(digit: string): NodeId {
  const id = `n_${digit.repeat(32)}`;
  return isNodeId(id) ? id : assert.fail();
}

const [a, b] = [node("a"), node("b")];
const keys = new Map([[a, new Uint8Array(32).fill(10)], [b, new Uint8Array(32).fill(11)]]);
const core = { wireguardKeys: (id: NodeId) => [keys.get(id) ?? assert.fail()] };
// below those that the kernel gives to whoever asks for any
const firstPort = 20_000 + 2 * Math.floor(Math.random() * 5000);

function initiation(to: NodeId): Uint8Array {
  const packet = new Uint8Array(148);
  packet.set([1, 0, 0, 0, 7]);
  packet.set(mac1Of(packet, keys.get(to) ?? assert.fail()) ?? [], 116);
  return packet;
}

Deno.test("A session has two ports, and what one node sends comes from the other's", async () => {
  const relay = startRelay({ host: "127.0.0.1", firstPort, sessions: 2, core, nowMs: () => 0 });
  try {
    const { portOfA, portOfB } = relay.open({ sessionId: "s", a, b, expiresUs: 1_000_000 });
    assert.deepEqual([portOfA, portOfB], [firstPort, firstPort + 1]);
    using one = udpSocket();
    using other = udpSocket();
    await one.send(initiation(b), portOfA);
    await waitFor("the first question", () => relay.drops().source === 1);
    await other.send(initiation(a), portOfB);
    assert.deepEqual(await one.receive(), initiation(a));
    assert.deepEqual(relay.status(), { sessions: 1, most: 2, forwardedBytes: 148, droppedPackets: 1 });
  } finally {
    await relay.stop();
  }
});

Deno.test("A relay of IPv6 serves both families", async () => {
  const relay = startRelay({ host: "::", firstPort: firstPort + 10, sessions: 1, core, nowMs: () => 0 });
  try {
    const { portOfA, portOfB } = relay.open({ sessionId: "s", a, b, expiresUs: 1_000_000 });
    using one = udpSocket();
    using other = udpSocket("::1");
    await one.send(initiation(b), portOfA);
    await waitFor("the first question", () => relay.drops().source === 1);
    await other.send(initiation(a), portOfB);
    assert.deepEqual(await one.receive(), initiation(a));
  } finally {
    await relay.stop();
  }
});

Deno.test("Sessions get other ports than the last one, their old ones after a restart, and none when all are taken", async () => {
  const relay = startRelay({ host: "127.0.0.1", firstPort: firstPort + 20, sessions: 3, core, nowMs: () => 0 });
  const open = (sessionId: string, portOfA?: number) =>
    relay.open({
      sessionId,
      a,
      b,
      expiresUs: 1,
      ...portOfA === undefined ? {} : { ports: { portOfA, portOfB: portOfA + 1 } },
    }).portOfA - firstPort - 20;
  try {
    assert.equal(open("one"), 0);
    relay.close("one");
    assert.equal(open("two"), 2);
    assert.equal(open("three", firstPort + 24), 4);
    assert.throws(() => open("three"), /it is open/);
    // a port is free a moment after it was closed
    const openSoon = (sessionId: string, portOfA: number) =>
      waitFor("the port", () => ({ at: open(sessionId, portOfA) })).then(({ at }) => at);
    assert.equal(await openSoon("four", firstPort + 24), 0);
    assert.throws(() => open("five"), /all 3 are taken/);
    relay.close("four");
    assert.equal(await openSoon("five", firstPort + 21), 0);
  } finally {
    await relay.stop();
  }
  assert.throws(() => open("six"), /has stopped/);
});

Deno.test("A port that another program has is left out", async () => {
  const taken = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: firstPort + 31 });
  const relay = startRelay({ host: "127.0.0.1", firstPort: firstPort + 30, sessions: 2, core, nowMs: () => 0 });
  try {
    assert.equal(relay.open({ sessionId: "s", a, b, expiresUs: 1 }).portOfA, firstPort + 32);
    assert.throws(() => relay.open({ sessionId: "t", a, b, expiresUs: 1 }), RangeError);
  } finally {
    taken.close();
    await relay.stop();
  }
});

Deno.test("A session ends at its time, unless it is renewed, and its ports close", async () => {
  let nowMs = 0;
  const expired: string[] = [];
  const relay = startRelay({
    host: "127.0.0.1",
    firstPort: firstPort + 40,
    sessions: 2,
    core,
    nowMs: () => nowMs,
    expired: (sessionId) => expired.push(sessionId),
  });
  try {
    const { portOfA } = relay.open({ sessionId: "s", a, b, expiresUs: 10_000_000 });
    relay.renew("s", 20_000_000);
    assert.throws(() => relay.renew("t", 1), /it is not open/);
    using one = udpSocket();
    nowMs = 15_000;
    await one.send(initiation(b), portOfA);
    await waitFor("a packet within its time", () => relay.drops().source === 1);
    nowMs = 20_000;
    await waitFor("the end", () => expired.length === 1);
    assert.equal(relay.status().sessions, 0);
    await waitFor("the port to be free", () => {
      Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: portOfA }).close();
      return true;
    });
  } finally {
    await relay.stop();
  }
});

Deno.test("A relay that cannot have its ports is refused", () => {
  const start = (port: number, sessions: number) =>
    startRelay({ host: "127.0.0.1", firstPort: port, sessions, core, nowMs: () => 0 });
  assert.throws(() => start(65_500, 256), RangeError);
  assert.throws(() => start(50_000, 257), RangeError);
  assert.throws(() => start(0, 1), RangeError);
});
