import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { adminKey, filled, hubKey } from "../../tests/lib/mesh_keys.ts";
import {
  isSigningPublicKey,
  isWireGuardPublicKey,
  newSeed,
  sharedSecret,
  signingKeyOf,
  verifySignature,
  wireGuardKeyOf,
} from "./keys.ts";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

Deno.test("signatures are those of RFC 8032", () => {
  // RFC 8032 §7.1, tests 1 and 3
  const one = signingKeyOf(bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  assert.deepEqual(one.publicKey, bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
  const three = signingKeyOf(bytes("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"));
  assert.deepEqual(
    three.sign(bytes("af82")),
    bytes(
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
  );
});

Deno.test("a signature fits its data and its key only", () => {
  const data = new TextEncoder().encode("a tick");
  const signature = hubKey.sign(data);
  assert.ok(verifySignature(hubKey.publicKey, data, signature));
  assert.ok(!verifySignature(adminKey.publicKey, data, signature));
  assert.ok(!verifySignature(hubKey.publicKey, data.subarray(1), signature));
  for (let bit = 0; bit < 512; bit += 7) {
    const flipped = signature.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.ok(!verifySignature(hubKey.publicKey, data, flipped));
  }
  for (const length of [0, 63, 65]) assert.ok(!verifySignature(hubKey.publicKey, data, new Uint8Array(length)));
  for (const length of [0, 31, 33]) assert.ok(!verifySignature(new Uint8Array(length), data, signature));
  assert.ok(!verifySignature(filled(2), data, signature)); // not a point of the curve
});

/** Points of order 1, 2, 4 and 8 in every encoding that a decoder may take: reduced or not, both signs. */
const smallOrderEd25519 = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].flatMap((hex) => {
  const negative = bytes(hex);
  negative[31] = (negative[31] ?? 0) | 0x80;
  return [bytes(hex), negative];
});

Deno.test("no key of small order verifies anything, though the library would let it", () => {
  // R = identity, S = 0: fits every message whose hash is a multiple of the key's order.
  const forged = new Uint8Array(64);
  forged[0] = 1;
  let taken = 0;
  for (const publicKey of smallOrderEd25519) {
    assert.ok(!isSigningPublicKey(publicKey));
    const spki = Buffer.concat([bytes("302a300506032b6570032100"), publicKey]);
    const key = createPublicKey({ key: spki, format: "der", type: "spki" });
    for (let message = 0; message < 64; message++) {
      const data = Uint8Array.of(message);
      if (verify(null, data, key, forged)) taken++;
      assert.ok(!verifySignature(publicKey, data, forged));
    }
  }
  assert.ok(taken > 64, `The library takes ${taken} forged signatures: without the check, so would we`);
});

Deno.test("keys have one encoding", () => {
  // y = 2^255−19 + 3 is a second spelling of 3, a point of large order
  const unreduced = filled(0xff);
  [unreduced[0], unreduced[31]] = [0xf0, 0x7f];
  assert.ok(!isSigningPublicKey(unreduced) && !isWireGuardPublicKey(unreduced));
  assert.ok(isSigningPublicKey(hubKey.publicKey));
});

Deno.test("Diffie-Hellman is that of RFC 7748", () => {
  // RFC 7748 §5.2
  const scalar = bytes("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
  const u = bytes("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  const shared = bytes("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  assert.deepEqual(sharedSecret(scalar, u), shared);
  const [one, two] = [wireGuardKeyOf(newSeed()), wireGuardKeyOf(newSeed())];
  assert.deepEqual(sharedSecret(one.privateKey, two.publicKey), sharedSecret(two.privateKey, one.publicKey));
});

Deno.test("private keys are clamped as wg does it", () => {
  const { privateKey, publicKey } = wireGuardKeyOf(filled(0xff));
  assert.deepEqual([privateKey[0], privateKey[31]], [0xf8, 0x7f]);
  assert.deepEqual(wireGuardKeyOf(privateKey), { privateKey, publicKey });
});

Deno.test("a WireGuard key with which everybody agrees on zero is refused", () => {
  const keys = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ].map(bytes);
  const mine = wireGuardKeyOf(newSeed());
  for (const key of keys) {
    assert.throws(() => sharedSecret(mine.privateKey, key), { name: "MeshError", code: "E_KEY" });
    key[31] = (key[31] ?? 0) | 0x80; // X25519 ignores this bit
    assert.throws(() => sharedSecret(mine.privateKey, key), { name: "MeshError", code: "E_KEY" });
  }
  assert.throws(() => sharedSecret(mine.privateKey, new Uint8Array(31)), { name: "MeshError", code: "E_KEY" });
});

Deno.test("seeds of another length are refused", () => {
  assert.throws(() => signingKeyOf(new Uint8Array(31)), RangeError);
  assert.throws(() => wireGuardKeyOf(new Uint8Array(33)), RangeError);
  assert.equal(newSeed().length, 32);
  assert.equal(newSeed(64).length, 64);
});
