import assert from "node:assert/strict";
import { exampleMembers } from "../../tests/lib/mesh_examples.ts";
import { filled, hub, node, nodeKey, other, otherKey } from "../../tests/lib/mesh_keys.ts";
import { sha256Hex, toBase64 } from "./encoding.ts";
import type { HubId } from "./ids.ts";
import type { SigningKey } from "./keys.ts";
import { sealObject } from "./signed_object.ts";
import { openStatement, sealStatement } from "./statements.ts";

const { node_id: _node, identity_key: _key, ...keys } = exampleMembers["ek.node"];

Deno.test("a statement proves itself and has a name", () => {
  const text = sealStatement(hub, keys, nodeKey);
  const statement = openStatement(text, hub);
  assert.deepEqual([statement.node_id, statement.text, statement.sha256], [node, text, sha256Hex(text)]);
  assert.equal(statement.wireguard_key, keys.wireguard_key);
});

Deno.test("nobody states for another node, or for another hub", () => {
  const forged = (members: object, key: SigningKey) =>
    sealObject("ek.node", hub, { ...exampleMembers["ek.node"], ...members }, key);
  assert.throws(() => openStatement(forged({}, otherKey), hub), { code: "E_SIGNATURE" });
  assert.throws(() => openStatement(forged({ node_id: other }, nodeKey), hub), { code: "E_AUDIENCE" });
  const identity_key = toBase64(otherKey.publicKey);
  assert.throws(() => openStatement(forged({ identity_key }, otherKey), hub), { code: "E_AUDIENCE" });
  const elsewhere = `h_${"0".repeat(32)}` as HubId;
  assert.throws(() => openStatement(sealStatement(hub, keys, nodeKey), elsewhere), { code: "E_HUB" });
});

Deno.test("keys that nobody may have are refused", () => {
  const wireguard_key = toBase64(filled(0));
  assert.throws(() => openStatement(sealStatement(hub, { ...keys, wireguard_key }, nodeKey), hub), { code: "E_KEY" });
  const forged = new Uint8Array(64);
  forged[0] = 1; // a signature that fits the identity element for every text
  const weak = { publicKey: Uint8Array.of(1, ...new Uint8Array(31)), sign: () => forged };
  assert.throws(() => openStatement(sealStatement(hub, keys, weak), hub), { code: "E_KEY" });
});

Deno.test("generations begin with 1, and a statement is small", () => {
  assert.throws(() => sealStatement(hub, { ...keys, generation: 0 }, nodeKey), { code: "E_FORM" });
  assert.throws(() => openStatement("x".repeat(9000), hub), { code: "E_SIZE" });
  assert.ok(sealStatement(hub, keys, nodeKey).length < 2200);
});
