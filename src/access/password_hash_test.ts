import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { dummyHash, hashPassword, isWeaker, verifyPassword } from "./password_hash.ts";

const cheap = { logN: 2, r: 8, p: 1 };

Deno.test("a hash fits its password alone, and says what it cost", async () => {
  const hash = await hashPassword("correct horse battery", cheap);
  assert.match(hash, /^scrypt\$2\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
  assert.ok(await verifyPassword("correct horse battery", hash));
  assert.ok(!await verifyPassword("correct horse batterz", hash));
  assert.notEqual(await hashPassword("correct horse battery", cheap), hash);
});

Deno.test("the default cost is the one that the design asks for", async () => {
  const hash = await hashPassword("correct horse battery");
  assert.match(hash, /^scrypt\$15\$8\$1\$/);
  assert.ok(await verifyPassword("correct horse battery", hash));
});

// RFC 7914 §12, third vector, cut to the 32 bytes that are stored
Deno.test("the hash is scrypt", async () => {
  const key = Buffer.from("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2", "hex");
  const salt = Buffer.from("SodiumChloride");
  assert.equal(key.length, 32);
  const hash = ["scrypt", 14, 8, 1, salt.toString("base64url"), key.toString("base64url")].join("$");
  // our salts have 16 bytes: another length is no hash of ours
  assert.ok(!await verifyPassword("pleaseletmein", hash));
  const { scryptSync } = await import("node:crypto");
  assert.deepEqual(scryptSync("pleaseletmein", salt, 32, { N: 2 ** 14, r: 8, p: 1 }), key);
});

Deno.test("weaker parameters are told apart", async () => {
  const hash = await hashPassword("correct horse battery", cheap);
  assert.ok(isWeaker(hash, { logN: 3, r: 8, p: 1 }));
  assert.ok(!isWeaker(hash, cheap));
  assert.ok(isWeaker("", cheap));
});

Deno.test("what is no hash fits no password", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.constantFrom("scrypt$30$99$99$", dummyHash(cheap))), async (hash) => {
      assert.equal(await verifyPassword("correct horse battery", hash), false);
    }),
    { numRuns: 100 },
  );
});
