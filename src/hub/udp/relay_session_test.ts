import assert from "node:assert/strict";
import fc from "fast-check";
import { mac1Of } from "../../mesh/wireguard_packet.ts";
import type { UdpAddress } from "./endpoint_text.ts";
import { RelaySession, type Side, type Verdict } from "./relay_session.ts";

const keyOf = [new Uint8Array(32).fill(0xa), new Uint8Array(32).fill(0xb)] as const;
const strange = new Uint8Array(32).fill(0xc);
const at = (port: number): UdpAddress => ({ hostname: "192.0.2.1", port });
const [a, b, x, y] = [at(1), at(2), at(3), at(4)];

function packet(type: number, length: number, ...indices: number[]): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = type;
  indices.forEach((index, n) => new DataView(bytes.buffer).setUint32(4 + 4 * n, index, true));
  return bytes;
}

function signed(bytes: Uint8Array, receiver: Uint8Array): Uint8Array {
  bytes.set(mac1Of(bytes, receiver) ?? [], bytes.length - 32);
  return bytes;
}

/** From the node of a side, for the other one. */
const initiation = (side: Side, index: number) => signed(packet(1, 148, index), keyOf[side === 0 ? 1 : 0]);
const response = (side: Side, index: number, to: number) => signed(packet(2, 92, index, to), keyOf[side === 0 ? 1 : 0]);
const cookie = (to: number) => packet(3, 64, to);
const transport = (to: number, length = 32) => packet(4, length, to);

function session(bitsPerSecond?: number): RelaySession {
  const made = new RelaySession(0, bitsPerSecond);
  made.setKeys(0, [keyOf[0]]);
  made.setKeys(1, [keyOf[1]]);
  return made;
}

const sent = (verdict: Verdict) => "to" in verdict ? verdict.to : verdict.dropped;

/** Both ask, as both do when a relay is assigned; A's question comes too early, and A answers B's. */
function tunnel(relay: RelaySession, nowMs = 0, [ia, ib] = [100, 200], [ea, eb] = [a, b]): void {
  relay.judge(0, initiation(0, ia + 1), ea, nowMs);
  assert.deepEqual(sent(relay.judge(1, initiation(1, ib), eb, nowMs)), ea);
  assert.deepEqual(sent(relay.judge(0, response(0, ia, ib), ea, nowMs)), eb);
  assert.deepEqual(sent(relay.judge(1, transport(ia), eb, nowMs)), ea);
  assert.deepEqual(sent(relay.judge(0, transport(ib), ea, nowMs)), eb);
}

Deno.test("Two nodes that ask find each other, and their transport messages pass both ways", () => {
  const relay = session();
  tunnel(relay);
  assert.deepEqual([relay.source(0), relay.source(1)], [a, b]);
});

Deno.test("A first initiation goes nowhere, since nobody knows where the other node is", () => {
  assert.equal(sent(session().judge(0, initiation(0, 1), a, 0)), "source");
});

Deno.test("What is not WireGuard's, or made for another key, is dropped", () => {
  const relay = session();
  tunnel(relay);
  for (
    const odd of [
      new Uint8Array(0),
      packet(0, 148),
      packet(5, 148),
      packet(1, 147),
      packet(2, 93),
      packet(3, 63),
      packet(4, 31),
      Uint8Array.of(4, 1, ...new Uint8Array(40)),
    ]
  ) assert.equal(sent(relay.judge(0, odd, a, 0)), "form");
  assert.equal(sent(relay.judge(0, signed(packet(1, 148, 1), strange), a, 1000)), "mac1");
  // right for the node that sends it, wrong for the one that gets it
  assert.equal(sent(relay.judge(0, initiation(1, 1), a, 1000)), "mac1");
  assert.equal(sent(relay.judge(0, transport(201), a, 0)), "index");
  // the index is right, the port is the other node's
  assert.equal(sent(relay.judge(1, transport(200), b, 0)), "index");
});

Deno.test("An initiation with the right mac1 from a third party moves nothing, however many come", () => {
  const relay = session();
  tunnel(relay);
  for (let n = 0; n < 50; n++) {
    relay.judge(0, initiation(0, 1000 + n), at(5000 + n), n * 1000);
    relay.judge(1, initiation(1, 2000 + n), at(6000 + n), n * 1000);
    assert.deepEqual(sent(relay.judge(0, transport(200), a, n * 1000)), b);
    assert.deepEqual(sent(relay.judge(1, transport(100), b, n * 1000)), a);
  }
});

Deno.test("A third party that sends both halves of a handshake gets nothing of a tunnel that works", () => {
  const relay = session();
  tunnel(relay);
  // delivered to B, which refuses it
  assert.deepEqual(sent(relay.judge(0, initiation(0, 7), x, 1000)), b);
  assert.equal(sent(relay.judge(1, response(1, 8, 7), y, 1000)), "source");
  assert.equal(sent(relay.judge(1, transport(7), y, 1000)), "index");
  assert.deepEqual(sent(relay.judge(1, transport(100), b, 1000)), a);
});

Deno.test("Even a response with a forged source opens a flow beside the tunnel's, not in its place", () => {
  const relay = session();
  tunnel(relay);
  relay.judge(0, initiation(0, 7), x, 1000);
  assert.deepEqual(sent(relay.judge(1, response(1, 8, 7), b, 1000)), x);
  assert.deepEqual(sent(relay.judge(1, transport(100), b, 1001)), a);
  assert.deepEqual(sent(relay.judge(0, transport(200), a, 1002)), b);
});

Deno.test("A copy of an initiation that its receiver still answers leads the tunnel's next handshake nowhere else", () => {
  const relay = session();
  tunnel(relay);
  relay.judge(0, initiation(0, 7), x, 1000);
  assert.deepEqual(sent(relay.judge(1, response(1, 8, 7), b, 1000)), x);
  // the stranger read B's index in the response, and makes itself heard; B never confirms
  assert.deepEqual(sent(relay.judge(0, transport(8), x, 5000)), b);
  assert.deepEqual(sent(relay.judge(1, initiation(1, 300), b, 6000)), a);
  assert.deepEqual(sent(relay.judge(1, initiation(1, 301), y, 7000)), a);
});

Deno.test("Flows that were never confirmed give way to those of a node that moves", () => {
  const relay = session();
  tunnel(relay);
  for (let n = 0; n < 3; n++) {
    relay.judge(0, initiation(0, 10 + n), at(5000 + n), n * 1000);
    assert.deepEqual(sent(relay.judge(1, response(1, 20 + n, 10 + n), b, n * 1000)), at(5000 + n));
  }
  relay.judge(0, initiation(0, 50), y, 12_000);
  assert.deepEqual(sent(relay.judge(1, response(1, 60, 50), b, 12_000)), y);
  assert.deepEqual(sent(relay.judge(0, transport(60), y, 12_000)), b);
  assert.deepEqual(sent(relay.judge(1, transport(100), b, 12_000)), a);
});

Deno.test("A response nobody asked for, or a second one, is dropped", () => {
  const relay = session();
  tunnel(relay);
  assert.equal(sent(relay.judge(0, response(0, 5, 999), a, 0)), "index");
  assert.equal(sent(relay.judge(0, response(0, 100, 200), a, 0)), "index");
});

Deno.test("A node that moves is followed by its next transport message, and heard at its old address again", () => {
  const relay = session();
  tunnel(relay);
  assert.deepEqual(sent(relay.judge(0, transport(200), x, 1000)), b);
  assert.deepEqual(sent(relay.judge(1, transport(100), b, 1001)), x);
  // somebody who saw a packet and sent it again has B's answers until A's next packet
  assert.deepEqual(sent(relay.judge(0, transport(200), a, 1002)), b);
  assert.deepEqual(sent(relay.judge(1, transport(100), b, 1003)), a);
});

Deno.test("A node that starts anew under another address is answered there", () => {
  const relay = session();
  tunnel(relay);
  assert.deepEqual(sent(relay.judge(0, initiation(0, 300), x, 40_000)), b);
  assert.deepEqual(sent(relay.judge(1, response(1, 400, 300), b, 40_001)), x);
  assert.deepEqual(sent(relay.judge(0, transport(400), x, 40_002)), b);
  assert.deepEqual(sent(relay.judge(1, transport(300), b, 40_003)), x);
  // B begins the next handshake, and knows where to
  assert.deepEqual(sent(relay.judge(1, initiation(1, 500), b, 120_000)), x);
});

Deno.test("A cookie passes once, from the node that was asked, to the one that asked", () => {
  const relay = session();
  tunnel(relay);
  relay.judge(0, initiation(0, 7), a, 1000);
  assert.equal(sent(relay.judge(1, cookie(7), x, 1000)), "source");
  assert.deepEqual(sent(relay.judge(1, cookie(7), b, 1000)), a);
  assert.deepEqual(sent(relay.judge(1, cookie(7), b, 1000)), a);
  assert.equal(sent(relay.judge(1, cookie(7), b, 1000)), "rate");
  assert.equal(sent(relay.judge(1, cookie(8), b, 1000)), "index");
});

Deno.test("An address that used up what it sent gets no response on top", () => {
  const relay = session();
  relay.judge(1, initiation(1, 200), b, 0);
  // on B's credit; the next of B's uses up X's
  assert.deepEqual(sent(relay.judge(0, initiation(0, 7), x, 1000)), b);
  assert.deepEqual(sent(relay.judge(1, initiation(1, 201), b, 2000)), x);
  assert.equal(sent(relay.judge(1, response(1, 8, 7), b, 2001)), "rate");
});

Deno.test("One address asks twice a second at most, and leaves others their turn", () => {
  const relay = session();
  tunnel(relay);
  const taken = (from: UdpAddress, index: number, nowMs: number) =>
    "to" in relay.judge(0, initiation(0, index), from, nowMs);
  assert.deepEqual([taken(x, 7, 1000), taken(x, 8, 1499), taken(x, 9, 1500)], [true, false, true]);
  for (let n = 0; n < 100; n++) taken(x, n, 2000 + n);
  assert.equal(taken(y, 10, 2100), true);
  assert.equal(taken(a, 11, 2100), true);
});

Deno.test("The last three handshakes count, older ones do not", () => {
  const relay = session();
  tunnel(relay);
  for (let n = 1; n <= 3; n++) {
    relay.judge(0, initiation(0, 100 + n), a, n * 10_000);
    assert.deepEqual(sent(relay.judge(1, response(1, 200 + n, 100 + n), b, n * 10_000)), a);
  }
  assert.equal(sent(relay.judge(0, transport(200), a, 30_000)), "index");
  for (let n = 1; n <= 3; n++) assert.deepEqual(sent(relay.judge(0, transport(200 + n), a, 30_000)), b);
});

Deno.test("After 180 s without a node the relay has forgotten where it was", () => {
  const relay = session();
  tunnel(relay);
  for (let nowMs = 25_000; nowMs <= 175_000; nowMs += 25_000) relay.judge(1, transport(100), b, nowMs);
  assert.deepEqual(sent(relay.judge(1, transport(100), b, 180_000)), a);
  assert.equal(sent(relay.judge(1, transport(100), b, 180_001)), "index");
  assert.equal(relay.source(0), null);
  tunnel(relay, 200_000, [110, 210], [x, y]);
});

Deno.test("A new key of a node is accepted beside the old one", () => {
  const relay = session();
  relay.setKeys(1, [keyOf[1], strange]);
  tunnel(relay);
  assert.deepEqual(sent(relay.judge(0, signed(packet(1, 148, 9), strange), a, 1000)), b);
  relay.setKeys(1, [strange]);
  assert.equal(sent(relay.judge(0, initiation(0, 10), a, 2000)), "mac1");
});

Deno.test("A session carries its rate and no more", () => {
  const relay = session(8_000_000);
  tunnel(relay);
  let passed = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs++) {
    for (let n = 0; n < 4; n++) if ("to" in relay.judge(0, transport(200, 1000), a, nowMs)) passed += 1000;
  }
  assert.ok(passed > 9_900_000 && passed < 10_350_000, `passed ${passed} of 40,000,000 bytes`);
});

Deno.test("Whatever arrives, no address is sent more than came from there, unless it shook hands", () => {
  const addresses = [a, b, x, y];
  const side = fc.constantFrom<Side>(0, 1);
  const index = fc.integer({ min: 0, max: 5 });
  const step = fc.record({
    side,
    from: fc.constantFrom(...addresses),
    laterMs: fc.constantFrom(0, 1, 600, 5000, 61_000, 181_000),
    make: fc.oneof(
      fc.tuple(fc.constant("1"), index, index),
      fc.tuple(fc.constant("2"), index, index),
      fc.tuple(fc.constant("3"), index, index),
      fc.tuple(fc.constant("4"), index, index),
    ),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const relay = session();
      let nowMs = 0;
      const came = new Map<UdpAddress, number>();
      const went = new Map<UdpAddress, number>();
      /** Of each side: addresses that sent or got a response, or a transport message that was taken. */
      const known = new Set<UdpAddress>();
      for (const { side, from, laterMs, make: [kind, first, second] } of steps) {
        nowMs += laterMs;
        const bytes = kind === "1"
          ? initiation(side, first)
          : kind === "2"
          ? response(side, first, second)
          : kind === "3"
          ? cookie(first)
          : transport(first);
        const verdict = relay.judge(side, bytes, from, nowMs);
        came.set(from, (came.get(from) ?? 0) + bytes.length);
        if (!("to" in verdict)) continue;
        went.set(verdict.to, (went.get(verdict.to) ?? 0) + bytes.length);
        if (kind === "2" || kind === "4") known.add(from).add(verdict.to);
        if (!known.has(verdict.to)) assert.ok((went.get(verdict.to) ?? 0) <= (came.get(verdict.to) ?? 0));
      }
    }),
    { numRuns: 2000 },
  );
});
