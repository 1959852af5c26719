import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import canonicalize from "canonicalize";
import { exampleMembers } from "../../tests/lib/mesh_examples.ts";
import { filled, hub, nodeKey } from "../../tests/lib/mesh_keys.ts";
import { readObject, sealObject } from "./signed_object.ts";
import { isTokenMac, tokenMac } from "./token_mac.ts";

const secret = filled(11);
const { token_mac: _, ...members } = exampleMembers["ek.register"];

Deno.test("the MAC is over the registration without MAC and signature", () => {
  const text = canonicalize({ ...members, hub, typ: "ek.register", v: 1 }) ?? "";
  assert.equal(tokenMac(secret, { ...members, hub }), createHmac("sha256", secret).update(text).digest("base64"));
});

Deno.test("the hub finds the MAC in the registration, and any change to it", () => {
  const token_mac = tokenMac(secret, { ...members, hub });
  const register = readObject("ek.register", sealObject("ek.register", hub, { ...members, token_mac }, nodeKey));
  assert.ok(isTokenMac(secret, register));
  assert.ok(!isTokenMac(filled(12), register));
  for (const change of [{ hostname: "x" }, { version: "9" }, { token_id: "y" }, { statement: "[]" }]) {
    assert.ok(!isTokenMac(secret, { ...register, ...change }));
  }
});
