import assert from "node:assert/strict";
import fc from "fast-check";
import { wireGuardCapture as capture } from "../../tests/lib/wireguard_capture.ts";
import { wireGuardKeyOf } from "./keys.ts";
import {
  hasMac1,
  hasMac1With,
  mac1Key,
  mac1Of,
  type PacketKind,
  packetKind,
  packetSizes,
  receiverIndex,
  senderIndex,
} from "./wireguard_packet.ts";

const initiator = wireGuardKeyOf(capture.initiatorSeed).publicKey;
const responder = wireGuardKeyOf(capture.responderSeed).publicKey;

Deno.test("the packets of a real handshake are told apart", () => {
  assert.equal(packetKind(capture.initiation), "initiation");
  assert.equal(packetKind(capture.response), "response");
  assert.equal(packetKind(capture.transport), "transport");
});

Deno.test("each packet names the session of the other", () => {
  assert.equal(receiverIndex(capture.response), senderIndex(capture.initiation));
  assert.equal(receiverIndex(capture.transport), senderIndex(capture.response));
  assert.equal(receiverIndex(capture.initiation), null);
  assert.equal(senderIndex(capture.transport), null);
});

Deno.test("mac1 of a real handshake fits its receiver's key only", () => {
  assert.ok(hasMac1(capture.initiation, responder) && !hasMac1(capture.initiation, initiator));
  assert.ok(hasMac1(capture.response, initiator) && !hasMac1(capture.response, responder));
  assert.ok(hasMac1With(capture.response, mac1Key(initiator)));
  assert.equal(hasMac1(capture.transport, responder), false);
  assert.equal(mac1Of(capture.transport, responder), null);
});

Deno.test("a packet of another size, type or with reserved bytes set is none", () => {
  for (const kind of Object.keys(packetSizes) as PacketKind[]) {
    const type = { initiation: 1, response: 2, cookie: 3, transport: 4 }[kind];
    const packet = new Uint8Array(packetSizes[kind]);
    packet[0] = type;
    assert.equal(packetKind(packet), kind);
    assert.equal(packetKind(packet.subarray(0, -1)), null);
    assert.equal(packetKind(new Uint8Array([...packet, 0])), kind === "transport" ? "transport" : null);
    for (const at of [1, 2, 3]) assert.equal(packetKind(packet.map((byte, index) => index === at ? 1 : byte)), null);
  }
  for (const type of [0, 5, 255]) assert.equal(packetKind(new Uint8Array(148).fill(type, 0, 1)), null);
  assert.equal(packetKind(new Uint8Array(0)), null);
});

Deno.test("no changed packet keeps its mac1, and no bytes make the reader fail", () => {
  fc.assert(fc.property(fc.nat(131), fc.integer({ min: 1, max: 255 }), (at, value) => {
    const changed = capture.initiation.slice();
    changed[at] = (changed[at] ?? 0) ^ value;
    assert.ok(!hasMac1(changed, responder));
    assert.ok(!hasMac1(capture.initiation.slice(0, at), responder));
  }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (packet) => {
    assert.ok(!hasMac1(packet, responder));
    senderIndex(packet);
    receiverIndex(packet);
  }));
});
