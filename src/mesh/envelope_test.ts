import assert from "node:assert/strict";
import fc from "fast-check";
import { exampleEnvelope, examplePayloads } from "../../tests/lib/mesh_examples.ts";
import { adminKey, hub, hubKey, node, nonceOf, other, otherKey } from "../../tests/lib/mesh_keys.ts";
import { canonicalText } from "./canonical.ts";
import { maxObjectBytes } from "./constants.ts";
import { sha256Hex, toBase64 } from "./encoding.ts";
import { openEnvelope, openRegistration, sealEnvelope, sealEnvelopeText } from "./envelope.ts";
import { eventSchemas, type EventType } from "./events.ts";
import type { HubId } from "./ids.ts";
import { MeshError } from "./mesh_error.ts";
import { sealObject } from "./signed_object.ts";

const expected = {
  hub,
  audience: node,
  keyOf: (index: number) => index === 0 ? hubKey.publicKey : null,
  replyTo: nonceOf(4),
};
const removed = exampleEnvelope("peer_removed", { peer_id: other });
const text = sealEnvelope(removed, hubKey);
const code = (wanted: string) => ({ name: "MeshError", code: wanted });

Deno.test("every kind of event arrives as it was sent", () => {
  for (const type of Object.keys(eventSchemas) as EventType[]) {
    const sealed = sealEnvelope(exampleEnvelope(type, examplePayloads[type]), hubKey);
    const envelope = openEnvelope(sealed, expected);
    assert.deepEqual(envelope.event, { type, payload: examplePayloads[type] });
    assert.deepEqual([envelope.epoch, envelope.sequence, envelope.key_index, envelope.text], [1, 7, 0, sealed]);
  }
});

Deno.test("an envelope whose payload is a text is the same", () => {
  const given = { ...removed, nonce: nonceOf(3), event_id: `evt_${"0".repeat(32)}` };
  const sealed = sealEnvelopeText({ ...given, payload: canonicalText(given.payload) }, hubKey);
  assert.equal(sealed, sealEnvelope(given, hubKey));
  const { hub: _, ...members } = given;
  assert.equal(sealed, sealObject("ek.event", hub, members, hubKey));
  const bad = { ...given, payload: "{}", reply_to: 'x","sequence":9' };
  assert.throws(() => sealEnvelopeText(bad, hubKey), code("E_FORM"));
});

Deno.test("event ids and nonces are fresh unless given", () => {
  const [one, two] = [openEnvelope(text, expected), openEnvelope(sealEnvelope(removed, hubKey), expected)];
  assert.notEqual(one.nonce, two.nonce);
  assert.notEqual(one.event_id, two.event_id);
  const given = { ...removed, nonce: nonceOf(3), event_id: `evt_${"0".repeat(32)}` };
  assert.equal(sealEnvelope(given, hubKey), sealEnvelope(given, hubKey));
});

Deno.test("what is wrong is found in the order of the protocol", () => {
  // Each one has every fault that comes after the one it is refused for, too.
  const elsewhere = `h_${"0".repeat(32)}` as HubId;
  const late = { ...removed, reply_to: nonceOf(5) };
  const cases: [string, string, object][] = [
    ["E_SIZE", sealEnvelope({ ...late, hub: elsewhere, audience: other, key_index: 9 }, adminKey), { maxBytes: 100 }],
    ["E_FORM", ` ${sealEnvelope({ ...late, hub: elsewhere, audience: other, key_index: 9 }, adminKey)}`, {}],
    ["E_HUB", sealEnvelope({ ...late, hub: elsewhere, audience: other, key_index: 9 }, adminKey), {}],
    ["E_AUDIENCE", sealEnvelope({ ...late, audience: other, key_index: 9 }, adminKey), {}],
    ["E_KEY", sealEnvelope({ ...late, key_index: 9 }, adminKey), {}],
    ["E_SIGNATURE", sealEnvelope(late, adminKey), {}],
    ["E_REPLY", sealEnvelope(late, hubKey), {}],
  ];
  for (const [wanted, sealed, change] of cases) {
    assert.throws(() => openEnvelope(sealed, { ...expected, ...change }), code(wanted), wanted);
  }
});

Deno.test("a payload is read after the signature fits, and has to be that of its kind", () => {
  const { hub: _, ...members } = { ...removed, event_id: `evt_${"0".repeat(32)}`, nonce: nonceOf(3) };
  const bad = (key: typeof hubKey) => sealObject("ek.event", hub, { ...members, payload: { peer_id: "n_1" } }, key);
  assert.throws(() => openEnvelope(bad(adminKey), expected), code("E_SIGNATURE"));
  assert.throws(() => openEnvelope(bad(hubKey), expected), code("E_FORM"));
  assert.throws(() => sealEnvelope({ ...removed, payload: {} as { peer_id: typeof other } }, hubKey), code("E_FORM"));
});

Deno.test("an event of a newer hub opens, and says its name", () => {
  const { hub: _, ...members } = { ...removed, event_id: `evt_${"0".repeat(32)}`, nonce: nonceOf(3) };
  const newer = sealObject("ek.event", hub, { ...members, event_type: "peer_renamed", payload: { a: 1 } }, hubKey);
  assert.deepEqual(openEnvelope(newer, expected).event, { type: "unknown", name: "peer_renamed" });
});

Deno.test("only a state may be larger than 1 MiB", () => {
  const { hub: _, ...members } = { ...removed, event_id: `evt_${"0".repeat(32)}`, nonce: nonceOf(3) };
  const payload = { peer_id: other, fill: "x".repeat(maxObjectBytes) };
  assert.throws(
    () => openEnvelope(sealObject("ek.event", hub, { ...members, payload }, hubKey), expected),
    code("E_SIZE"),
  );
  const state = { ...examplePayloads.node_state, fill: "x".repeat(maxObjectBytes) };
  assert.equal(
    openEnvelope(sealEnvelope(exampleEnvelope("node_state", state), hubKey), expected).event.type,
    "node_state",
  );
});

Deno.test("the time may be for anybody", () => {
  const sealed = sealEnvelope({ ...exampleEnvelope("time", {}), audience: other }, hubKey);
  assert.equal(openEnvelope(sealed, { ...expected, audience: null }).event.type, "time");
  assert.throws(() => openEnvelope(text, { ...expected, audience: null }), code("E_AUDIENCE"));
});

Deno.test("no cut, flipped or inserted byte verifies, and nothing but a MeshError is thrown", () => {
  const bytes = new TextEncoder().encode(text);
  const mutation = fc.tuple(
    fc.constantFrom("cut", "flip", "insert", "double"),
    fc.nat(bytes.length - 1),
    fc.integer({ min: 1, max: 255 }),
  );
  fc.assert(
    fc.property(mutation, ([kind, at, value]) => {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ value;
      const parts = {
        cut: bytes.slice(0, at),
        flip: changed,
        insert: Uint8Array.of(...bytes.slice(0, at), value, ...bytes.slice(at)),
        double: Uint8Array.of(...bytes, ...bytes.slice(at)),
      };
      assert.throws(
        () => openEnvelope(new TextDecoder().decode(parts[kind as keyof typeof parts]), expected),
        MeshError,
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("members of another type never verify, and nothing but a MeshError is thrown", () => {
  const names = Object.keys(JSON.parse(text));
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, value) => {
      const members = { ...JSON.parse(text), [name]: value };
      if (JSON.stringify(value) === JSON.stringify(JSON.parse(text)[name])) return;
      assert.throws(() => openEnvelope(canonicalText(members), expected), MeshError);
    }),
    { numRuns: 1000 },
  );
});

const registered = sealEnvelope(exampleEnvelope("registered", examplePayloads.registered), hubKey);
const token = { hub, audience: node, keySha256: sha256Hex(hubKey.publicKey), keyIndex: 0, replyTo: nonceOf(4) };

Deno.test("a registration's answer brings the key that the token names", () => {
  assert.equal(openRegistration(registered, token).event.payload.mesh_ip, "10.100.0.2");
});

Deno.test("a registration's answer of another key is refused before it verifies anything", () => {
  const members = exampleEnvelope("registered", {
    ...examplePayloads.registered,
    signing_key: toBase64(otherKey.publicKey),
  });
  assert.throws(() => openRegistration(sealEnvelope(members, otherKey), token), code("E_KEY"));
  assert.throws(() => openRegistration(registered, { ...token, keyIndex: 1 }), code("E_KEY"));
  const forged = sealEnvelope(exampleEnvelope("registered", examplePayloads.registered), otherKey);
  assert.throws(() => openRegistration(forged, token), code("E_SIGNATURE"));
  assert.throws(() => openRegistration(registered, { ...token, audience: other }), code("E_AUDIENCE"));
  assert.throws(() => openRegistration(registered, { ...token, replyTo: nonceOf(5) }), code("E_REPLY"));
  assert.throws(() => openRegistration(text, token), code("E_FORM"));
});
