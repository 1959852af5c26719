import assert from "node:assert/strict";
import fc from "fast-check";
import { wireGuardCapture as capture } from "../../tests/lib/wireguard_capture.ts";
import { wireGuardKeyOf } from "./keys.ts";
import { isLaterTai64n, openInitiation } from "./noise_initiation.ts";
import { mac1Of } from "./wireguard_packet.ts";

const responder = wireGuardKeyOf(capture.responderSeed);
const initiator = wireGuardKeyOf(capture.initiatorSeed);

/** The packet with a byte changed and a `mac1` that fits again, as anybody who knows the receiver's key can make it. */
function changed(at: number, value: number): Uint8Array {
  const packet = capture.initiation.slice();
  packet[at] = (packet[at] ?? 0) ^ value;
  packet.set(mac1Of(packet, responder.publicKey) ?? [], 116);
  return packet;
}

Deno.test("a real initiation tells who sent it and when", () => {
  const initiation = openInitiation(capture.initiation, responder);
  assert.ok(initiation);
  assert.deepEqual(initiation.publicKey, initiator.publicKey);
  // TAI64: 2^62 and the seconds since 1970, which were counted from 10 s more.
  const seconds = Buffer.from(initiation.tai64n).readBigUInt64BE(0) - (1n << 62n);
  assert.equal(new Date(Number(seconds) * 1000).getUTCFullYear(), 2026);
});

Deno.test("only the receiver can read it", () => {
  assert.equal(openInitiation(capture.initiation, initiator), null);
  assert.equal(openInitiation(capture.response, responder), null);
  const mixed = { publicKey: responder.publicKey, privateKey: initiator.privateKey };
  assert.equal(openInitiation(capture.initiation, mixed), null);
});

Deno.test("nobody can change it, though mac1 fits again", () => {
  fc.assert(
    fc.property(fc.integer({ min: 8, max: 115 }), fc.integer({ min: 1, max: 255 }), (at, value) => {
      // X25519 ignores the highest bit of the ephemeral key; the transcript does not.
      assert.equal(openInitiation(changed(at, value), responder), null);
    }),
    { numRuns: 200 },
  );
});

Deno.test("no bytes make the reader fail", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 144, maxLength: 144 }), (rest) => {
    const packet = Uint8Array.of(1, 0, 0, 0, ...rest);
    packet.set(mac1Of(packet, responder.publicKey) ?? [], 116);
    assert.equal(openInitiation(packet, responder), null);
    assert.equal(openInitiation(packet.subarray(0, 100), responder), null);
  }));
  const zeroKey = capture.initiation.slice().fill(0, 8, 40);
  zeroKey.set(mac1Of(zeroKey, responder.publicKey) ?? [], 116);
  assert.equal(openInitiation(zeroKey, responder), null);
});

Deno.test("a copy of an older initiation is told by its time", () => {
  const [early, late] = [new Uint8Array(12), Uint8Array.of(...new Uint8Array(11), 1)];
  assert.ok(isLaterTai64n(late, early) && isLaterTai64n(early, null));
  assert.ok(!isLaterTai64n(early, late) && !isLaterTai64n(late, late));
});
