import assert from "node:assert/strict";
import fc from "fast-check";
import { adminKey, filled, hub, hubKey } from "../../tests/lib/mesh_keys.ts";
import { canonicalText } from "./canonical.ts";
import { sha256Hex, toBase64, toBase64Url } from "./encoding.ts";
import { formatJoinToken, type JoinToken, parseJoinToken } from "./join_token.ts";

const token: JoinToken = {
  url: "https://hub.example:8443",
  hub,
  key: sha256Hex(hubKey.publicKey),
  key_index: 0,
  tls_spki: [sha256Hex("tls 0")],
  admin: toBase64(adminKey.publicKey),
  cosign: true,
  id: "ekt_1",
  secret: toBase64(filled(11)),
  expires_at: "2025-01-15T10:45:00Z",
  group: "plc",
};
const refused = { name: "MeshError", code: "E_TOKEN" };

/** A token with any JSON in it and a sum that fits. */
function packed(members: unknown, write = (value: unknown) => JSON.stringify(value)): string {
  const body = `ekj1.${toBase64Url(new TextEncoder().encode(write(members)))}`;
  return `${body}.${sha256Hex(body).slice(0, 8)}`;
}

Deno.test("a token says all that its hub said", () => {
  const { admin: _, ...plain } = token;
  for (const one of [token, { ...plain, cosign: false }, { ...token, url: "https://[2001:db8::1]:8443" }]) {
    assert.deepEqual(parseJoinToken(formatJoinToken(one)), one);
  }
});

Deno.test("one changed, lost or added character is found", () => {
  const text = formatJoinToken(token);
  fc.assert(fc.property(fc.nat(text.length - 1), fc.constantFrom(..."aZ0-_.= \n€"), (at, letter) => {
    if (text[at] !== letter) {
      assert.throws(() => parseJoinToken(text.slice(0, at) + letter + text.slice(at + 1)), refused);
    }
    assert.throws(() => parseJoinToken(text.slice(0, at) + text.slice(at + 1)), refused);
    assert.throws(() => parseJoinToken(text.slice(0, at) + letter + text.slice(at)), refused);
    assert.throws(() => parseJoinToken(text.slice(0, at)), refused);
  }));
});

Deno.test("a token has its form, whatever its sum says", () => {
  assert.deepEqual(parseJoinToken(packed(token, canonicalText)), token);
  assert.throws(() => parseJoinToken(packed(token)), refused); // not canonical
  for (const name of Object.keys(token).filter((member) => member !== "admin")) {
    assert.throws(() => parseJoinToken(packed({ ...token, [name]: undefined }, canonicalText)), refused, name);
    assert.throws(() => parseJoinToken(packed({ ...token, [name]: 77.5 })), refused, name);
  }
  const urls = [
    "http://hub.example",
    "https://hub.example/",
    "https://u:p@hub.example",
    "https://hub.example/x",
    "hub",
    "javascript:1",
  ];
  for (const url of urls) assert.throws(() => parseJoinToken(packed({ ...token, url }, canonicalText)), refused, url);
  assert.throws(() => parseJoinToken(packed({ ...token, admin: undefined }, canonicalText)), refused);
  assert.throws(() => parseJoinToken(packed({ ...token, more: 1 }, canonicalText)), refused);
  assert.throws(
    () => parseJoinToken(packed({ ...token, url: `https://${"a.".repeat(4000)}` }, canonicalText)),
    refused,
  );
  for (const members of [null, [], "x", 1]) assert.throws(() => parseJoinToken(packed(members)), refused);
});

Deno.test("no text makes the reader fail otherwise", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.base64String().map((text) => `ekj1.${text}`)), (text) => {
      assert.throws(() => parseJoinToken(text), refused);
    }),
  );
});

Deno.test("a token of another form is not made, and errors do not tell the secret", () => {
  assert.throws(
    () => formatJoinToken({ ...token, group: "a b" }),
    (error: Error) => !error.message.includes(token.secret),
  );
});
