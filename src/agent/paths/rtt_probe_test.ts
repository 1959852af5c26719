import assert from "node:assert/strict";
import { isNodeId, type NodeId } from "../../mesh/ids.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { RttProbe } from "./rtt_probe.ts";

// Addresses of loopback stand for mesh addresses; inside of a tunnel it is in tests/mesh/paths_test.ts.

function node(digit: string): NodeId {
  const id = `n_${digit.repeat(32)}`;
  return isNodeId(id) ? id : assert.fail();
}

const [a, b, c] = [node("a"), node("b"), node("c")];
// below those that the kernel gives to whoever asks for any
const port = 20_000 + Math.floor(Math.random() * 10_000);
const ofA = { nodeId: a, meshIp: "127.0.7.1" };
const ofB = { nodeId: b, meshIp: "127.0.7.2" };

Deno.test("Two agents measure the round trip to each other, and nobody else's packets count", async () => {
  let nowMs = 0;
  const probe = new RttProbe({ meshIp: ofA.meshIp, peers: () => [ofB], port, nowMs: () => nowMs, random: () => 0.9 });
  const other = new RttProbe({ meshIp: ofB.meshIp, peers: () => [ofA], port, random: () => 0.9 });
  const stranger = new RttProbe({ meshIp: "127.0.7.3", peers: () => [{ ...ofA, nodeId: c }], port, random: () => 0 });
  try {
    assert.equal(probe.rttMs(b), null);
    await waitFor("a round trip", () => {
      probe.ask(b);
      return probe.rttMs(b) !== null;
    });
    assert.equal(probe.rttMs(b), 0);
    probe.ask(c);
    stranger.ask(c);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(stranger.rttMs(c), null);
    nowMs = 96_000;
    assert.equal(probe.rttMs(b), null);
  } finally {
    for (const one of [probe, other, stranger]) await one.stop();
  }
});

Deno.test("An answer that waited for a handshake is measured again", async () => {
  let nowMs = 0;
  const probe = new RttProbe({ meshIp: ofA.meshIp, peers: () => [ofB], port: port + 4, nowMs: () => nowMs });
  const conn = Deno.listenDatagram({ transport: "udp", hostname: ofB.meshIp, port: port + 4 });
  const answer = async (tookMs: number) => {
    const [packet] = await conn.receive(new Uint8Array(64));
    packet[5] = 1;
    nowMs += tookMs;
    await conn.send(packet, { transport: "udp", hostname: ofA.meshIp, port: port + 4 });
  };
  try {
    probe.ask(b);
    await answer(3000);
    await answer(20);
    assert.equal(await waitFor("the second one", () => probe.rttMs(b)), 20);
  } finally {
    conn.close();
    await probe.stop();
  }
});

Deno.test("Each peer is asked in turn without being told to, and the value is a time", async () => {
  const probe = new RttProbe({ meshIp: ofA.meshIp, peers: () => [ofB], port: port + 1, random: () => 0 });
  const other = new RttProbe({ meshIp: ofB.meshIp, peers: () => [ofA], port: port + 1, random: () => 0.9 });
  try {
    const rttMs = await waitFor("a round trip", () => probe.rttMs(b));
    assert.ok(rttMs > 0 && rttMs < 30_000, String(rttMs));
  } finally {
    await probe.stop();
    await other.stop();
  }
});

Deno.test("Questions and answers have one size, a wrong one gets none, and a peer that floods gets ten a second", async () => {
  const probe = new RttProbe({ meshIp: ofA.meshIp, peers: () => [ofB], port: port + 2, nowMs: () => 5000 });
  const conn = Deno.listenDatagram({ transport: "udp", hostname: ofB.meshIp, port: port + 2 });
  const elsewhere = Deno.listenDatagram({ transport: "udp", hostname: ofB.meshIp, port: port + 3 });
  const to = { transport: "udp" as const, hostname: ofA.meshIp, port: port + 2 };
  const question = Uint8Array.of(0x65, 0x6b, 0x72, 0x74, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
  try {
    await elsewhere.send(question, to);
    for (const odd of [question.subarray(1), Uint8Array.of(...question, 0), question.map((byte) => byte ^ 1)]) {
      await conn.send(odd, to);
    }
    for (let n = 0; n < 30; n++) await conn.send(question, to);
    const answers: Uint8Array[] = [];
    const reading = (async () => {
      for (;;) answers.push((await conn.receive(new Uint8Array(64)))[0]);
    })().catch(() => {});
    await waitFor("ten answers", () => answers.length >= 10);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(answers.length, 10);
    assert.ok(answers.every((answer) => answer.length === 16 && answer[5] === 1 && answer[15] === 8));
    conn.close();
    await reading;
  } finally {
    elsewhere.close();
    await probe.stop();
  }
});

Deno.test("It waits for an address that is not there yet", async () => {
  const probe = new RttProbe({ meshIp: "192.0.2.1", peers: () => [ofB], port });
  probe.ask(b);
  assert.equal(probe.rttMs(b), null);
  await probe.stop();
});
