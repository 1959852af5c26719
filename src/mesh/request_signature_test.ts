import assert from "node:assert/strict";
import fc from "fast-check";
import { CompactSign, compactVerify, importJWK } from "jose";
import { filled, hub, node, nodeKey, other, otherKey, vectorTimeUs } from "../../tests/lib/mesh_keys.ts";
import { fromBase64, fromBase64Url, toBase64Url } from "./encoding.ts";
import type { HubId } from "./ids.ts";
import { MeshError } from "./mesh_error.ts";
import { readRequestClaims, signRequest, verifyRequest } from "./request_signature.ts";

const body = new TextEncoder().encode('{"epoch":1}');
const request = {
  nodeId: node,
  hub,
  method: "POST",
  path: `/v1/nodes/${node}/heartbeat?x=%20`,
  body,
  nowUs: vectorTimeUs,
};
const { header, nonce } = await signRequest({ ...request, key: nodeKey });
const received = { ...request, header, publicKey: nodeKey.publicKey };
const code = (wanted: string) => ({ name: "MeshError", code: wanted });

Deno.test("a signed request verifies, and its nonce is the jti", async () => {
  const { jti, expUs, nonce: again } = await verifyRequest(received);
  assert.deepEqual([again, expUs], [nonce, vectorTimeUs + 60_000_000]);
  assert.deepEqual(fromBase64Url(jti), fromBase64(nonce, 16));
  assert.equal(readRequestClaims(header).iss, node);
  assert.notEqual((await signRequest({ ...request, key: nodeKey })).nonce, nonce);
});

Deno.test("the header is a compact JWS of RFC 7515 to another library", async () => {
  const jwk = { kty: "OKP", crv: "Ed25519", x: toBase64Url(nodeKey.publicKey) };
  const { payload, protectedHeader } = await compactVerify(
    header.slice("EdgekeepSig ".length),
    await importJWK(jwk, "EdDSA"),
  );
  assert.deepEqual(protectedHeader, { alg: "EdDSA", typ: "ek-request+jwt" });
  assert.deepEqual(Object.keys(JSON.parse(new TextDecoder().decode(payload))).sort(), [
    "aud",
    "bh",
    "exp",
    "htm",
    "htu",
    "iat",
    "iss",
    "jti",
  ]);
});

Deno.test("a request of another library verifies", async () => {
  const claims = JSON.stringify(readRequestClaims(header));
  const d = toBase64Url(filled(0x02));
  const key = await importJWK({ kty: "OKP", crv: "Ed25519", x: toBase64Url(nodeKey.publicKey), d }, "EdDSA");
  const sign = (protectedHeader: { alg: string; typ: string }) =>
    new CompactSign(new TextEncoder().encode(claims)).setProtectedHeader(protectedHeader).sign(key);
  const jws = await sign({ alg: "EdDSA", typ: "ek-request+jwt" });
  assert.ok(await verifyRequest({ ...received, header: `EdgekeepSig ${jws}` }));
  const wrong = await sign({ alg: "EdDSA", typ: "JWT" });
  await assert.rejects(verifyRequest({ ...received, header: `EdgekeepSig ${wrong}` }), code("E_FORM"));
});

Deno.test("a request is good for one node, hub, method, path, body and time", async () => {
  const cases: [string, object][] = [
    ["E_HUB", { hub: `h_${"0".repeat(32)}` as HubId }],
    ["E_AUDIENCE", { nodeId: other }],
    ["E_SIGNATURE", { publicKey: otherKey.publicKey }],
    ["E_KEY", { publicKey: filled(0) }],
    ["E_SIGNATURE", { method: "PUT" }],
    ["E_SIGNATURE", { path: request.path.replace("%20", "+") }],
    ["E_SIGNATURE", { body: body.subarray(1) }],
    ["E_SIGNATURE", { body: new Uint8Array(0) }],
    ["E_AGE", { nowUs: vectorTimeUs + 61_000_000 }],
    ["E_AGE", { nowUs: vectorTimeUs - 61_000_000 }],
    ["E_SIZE", { header: `EdgekeepSig ${"a".repeat(4000)}` }],
    ["E_FORM", { header: header.replace("EdgekeepSig", "Bearer") }],
    ["E_FORM", { header: "" }],
  ];
  for (const [wanted, change] of cases) await assert.rejects(verifyRequest({ ...received, ...change }), code(wanted));
  for (const seconds of [-60, 60]) {
    assert.ok(await verifyRequest({ ...received, nowUs: vectorTimeUs + seconds * 1_000_000 }));
  }
});

/** A header with other claims or another protected header, and a signature that fits. */
function forged(change: object, head = '{"alg":"EdDSA","typ":"ek-request+jwt"}'): string {
  const payload = JSON.stringify({ ...readRequestClaims(header), ...change });
  const signed = `${toBase64Url(Buffer.from(head))}.${toBase64Url(Buffer.from(payload))}`;
  return `EdgekeepSig ${signed}.${toBase64Url(nodeKey.sign(Buffer.from(signed)))}`;
}

Deno.test("no other algorithm, header or life is taken, though the signature fits", async () => {
  assert.ok(await verifyRequest({ ...received, header: forged({}) }));
  const heads = [
    '{"alg":"none"}',
    '{"alg":"HS256","typ":"ek-request+jwt"}',
    '{"alg":"EdDSA","typ":"ek-request+jwt","kid":"1"}',
    "{}",
  ];
  for (
    const head of [...heads, '{"typ":"ek-request+jwt","alg":"EdDSA"}', '{"alg":"EdDSA","b64":false,"crit":["b64"]}']
  ) {
    await assert.rejects(verifyRequest({ ...received, header: forged({}, head) }), code("E_FORM"));
  }
  const { iat } = readRequestClaims(header);
  for (const exp of [iat + 59, iat + 61, iat + 86_400, iat]) {
    await assert.rejects(verifyRequest({ ...received, header: forged({ exp }) }), code("E_AGE"));
  }
  for (
    const change of [
      { jti: "short" },
      { jti: "B".repeat(22) },
      { bh: "x" },
      { htm: "post" },
      { more: 1 },
      { iss: "n" },
      { iat: 1.5 },
    ]
  ) {
    await assert.rejects(verifyRequest({ ...received, header: forged(change) }), code("E_FORM"));
  }
});

Deno.test("no cut or changed header verifies, and nothing but a MeshError is thrown", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(header.length - 1),
      fc.constantFrom(..."aB0-_.= €"),
      fc.boolean(),
      async (at, letter, cut) => {
        const changed = cut ? header.slice(0, at) : header.slice(0, at) + letter + header.slice(at + 1);
        if (changed !== header) await assert.rejects(verifyRequest({ ...received, header: changed }), MeshError);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a request that cannot be signed is not", async () => {
  await assert.rejects(async () => await signRequest({ ...request, path: "no slash", key: nodeKey }), code("E_FORM"));
  await assert.rejects(async () => await signRequest({ ...request, method: "get", key: nodeKey }), code("E_FORM"));
});
