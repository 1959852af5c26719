import assert from "node:assert/strict";
import fc from "fast-check";
import { exampleMembers } from "../../tests/lib/mesh_examples.ts";
import { adminKey, hub, hubKey } from "../../tests/lib/mesh_keys.ts";
import { canonicalText } from "./canonical.ts";
import { objectSchemas, type ObjectType } from "./objects.ts";
import type { HubId } from "./ids.ts";
import { MeshError } from "./mesh_error.ts";
import { openObject, readAnyObject, readObject, sealObject } from "./signed_object.ts";

const types = Object.keys(objectSchemas) as ObjectType[];
const publicKey = hubKey.publicKey;
const seal = (typ: ObjectType) => sealObject(typ, hub, exampleMembers[typ], hubKey);
const form = { name: "MeshError", code: "E_FORM" };

/** The text of an object with members replaced, removed (`undefined`) or added, and a signature that fits. */
function resealed(typ: ObjectType, change: Readonly<Record<string, unknown>>): string {
  const { signature: _, ...members } = { ...JSON.parse(seal(typ)), ...change };
  const text = canonicalText(members);
  const signature = "signature" in change
    ? change.signature
    : Buffer.from(hubKey.sign(Buffer.from(text))).toString("base64");
  return canonicalText({ ...members, signature });
}

for (const typ of types) {
  Deno.test(`${typ}: what is sealed opens, with all it says`, () => {
    const opened = openObject(typ, seal(typ), { hub, publicKey });
    const { typ: name, v, hub: of, signature, ...members } = opened;
    assert.deepEqual([name, v, of, signature.length], [typ, 1, hub, 88]);
    assert.deepEqual(members, exampleMembers[typ]);
    assert.deepEqual(readObject(typ, seal(typ)), opened);
  });

  Deno.test(`${typ}: members that lack, are too many or of another form are refused`, () => {
    assert.ok(openObject(typ, resealed(typ, {}), { hub, publicKey }));
    const names = Object.keys(JSON.parse(seal(typ))).filter((name) => name !== "ciphertext");
    for (const name of names) {
      for (const value of [undefined, true, "", [[]], "x".repeat(70_000)]) {
        assert.throws(() => readObject(typ, resealed(typ, { [name]: value })), form, `${name} ${value}`);
      }
    }
    for (const name of ["a", "extra", "z", "__proto_", "constructor"]) {
      assert.throws(() => readObject(typ, resealed(typ, { [name]: 1 })), form, name);
    }
    assert.throws(() => readObject(typ, resealed(typ, { v: 2 })), form);
    assert.throws(() => readObject(typ, resealed(typ, { typ: "ek.other" })), form);
  });

  Deno.test(`${typ}: another kind is not taken for it`, () => {
    for (const wrong of types.filter((candidate) => candidate !== typ)) {
      assert.throws(() => readObject(wrong, seal(typ)), form, wrong);
      assert.throws(() => readObject(wrong, resealed(typ, { typ: wrong })), form, wrong);
    }
  });
}

Deno.test("another hub, another key and a changed byte are told apart", () => {
  const text = seal("ek.cosign");
  const elsewhere = `h_${"0".repeat(32)}` as HubId;
  assert.throws(() => openObject("ek.cosign", text, { hub: elsewhere, publicKey }), { code: "E_HUB" });
  const wrong = { hub, publicKey: adminKey.publicKey };
  assert.throws(() => openObject("ek.cosign", text, wrong), { code: "E_SIGNATURE" });
  const changed = text.replace('"serial":1', '"serial":2');
  assert.throws(() => openObject("ek.cosign", changed, { hub, publicKey }), { code: "E_SIGNATURE" });
  assert.throws(() => openObject("ek.cosign", `${text} `, { hub, publicKey }), form);
});

Deno.test("size comes before form", () => {
  const text = seal("ek.node");
  assert.throws(() => readObject("ek.node", text, text.length - 1), { code: "E_SIZE" });
  assert.throws(() => openObject("ek.node", "[".repeat(2_000_000), { hub, publicKey }), { code: "E_SIZE" });
  assert.ok(readObject("ek.node", text, text.length));
});

Deno.test("a signature that looks the same elsewhere in the text is not the one cut out", () => {
  const members = exampleMembers["ek.event"];
  const signature = "A".repeat(86) + "==";
  const payload = { signature, text: `,"signature":"${signature}"` };
  const text = sealObject("ek.event", hub, { ...members, payload }, hubKey);
  assert.deepEqual(openObject("ek.event", text, { hub, publicKey }).payload, payload);
});

Deno.test("what is sealed has the form of its kind", () => {
  const bad = { ...exampleMembers["ek.cosign"], mesh_ip: "10.100.0.256" };
  assert.throws(() => sealObject("ek.cosign", hub, bad, hubKey), form);
});

Deno.test("the revoked are sorted and named once", () => {
  const { node_ids } = exampleMembers["ek.revoke"];
  assert.throws(() => readObject("ek.revoke", resealed("ek.revoke", { node_ids: node_ids.toReversed() })), form);
  assert.throws(() => readObject("ek.revoke", resealed("ek.revoke", { node_ids: [node_ids[0], node_ids[0]] })), form);
  assert.ok(readObject("ek.revoke", resealed("ek.revoke", { node_ids: [] })));
});

Deno.test("an offer may come without ciphertext", () => {
  const { ciphertext: _, ...members } = exampleMembers["ek.psk_offer"];
  const offer = openObject("ek.psk_offer", sealObject("ek.psk_offer", hub, members, hubKey), { hub, publicKey });
  assert.equal("ciphertext" in offer, false);
});

Deno.test("one of some kinds is read, and says which it is", () => {
  const kinds = ["ek.psk_offer", "ek.psk_accept", "ek.psk_commit"] as const;
  for (const typ of kinds) assert.equal(readAnyObject(kinds, seal(typ), 4096).typ, typ);
  assert.throws(() => readAnyObject(kinds, seal("ek.cosign"), 4096), form);
  assert.throws(() => readAnyObject(kinds, seal("ek.psk_offer"), 100), { code: "E_SIZE" });
});

Deno.test("whatever a key signed, the answer is an object of its form or a MeshError", () => {
  const change = fc.tuple(fc.constantFrom(...types), fc.nat(), fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" })));
  fc.assert(
    fc.property(change, ([typ, at, value]) => {
      const names = Object.keys(exampleMembers[typ]);
      const name = names[at % names.length] ?? "";
      try {
        const text = resealed(typ, { [name]: value });
        const object = openObject(typ, text, { hub, publicKey });
        assert.deepEqual(canonicalText(object), text);
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("errors repeat nothing of what was received", () => {
  for (const change of [{ node_id: "evil\nline" }, { "evil\nline": 1 }, { typ: "evil\nline" }]) {
    assert.throws(
      () => readObject("ek.cosign", resealed("ek.cosign", change)),
      (error: Error) => !error.message.includes("evil"),
    );
  }
});
