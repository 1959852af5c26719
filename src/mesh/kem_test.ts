import assert from "node:assert/strict";
import { decapsulate, encapsulate, kemKeyOf, kemSizes } from "./kem.ts";
import { newSeed } from "./keys.ts";

Deno.test("a secret reaches the owner of the key", async () => {
  const key = await kemKeyOf(newSeed(64));
  assert.equal(key.publicKey.length, kemSizes.publicKey);
  const { ciphertext, secret } = await encapsulate(key.publicKey);
  assert.deepEqual([ciphertext.length, secret.length], [kemSizes.ciphertext, kemSizes.secret]);
  assert.deepEqual(await decapsulate(key, ciphertext), secret);
  assert.notDeepEqual((await encapsulate(key.publicKey)).secret, secret);
});

Deno.test("a seed gives the same key again, which cannot be taken out", async () => {
  const seed = newSeed(64);
  const [one, two] = [await kemKeyOf(seed), await kemKeyOf(seed)];
  assert.deepEqual(one.publicKey, two.publicKey);
  assert.equal(one.privateKey.extractable, false);
});

Deno.test("a changed ciphertext gives another secret and no error", async () => {
  const key = await kemKeyOf(newSeed(64));
  const { ciphertext, secret } = await encapsulate(key.publicKey);
  ciphertext[5] = (ciphertext[5] ?? 0) ^ 1;
  assert.notDeepEqual(await decapsulate(key, ciphertext), secret);
});

Deno.test("what is no key and no ciphertext is refused", async () => {
  const key = await kemKeyOf(newSeed(64));
  for (const bad of [new Uint8Array(1183), new Uint8Array(1185), new Uint8Array(1184).fill(0xff)]) {
    await assert.rejects(encapsulate(bad), { name: "MeshError", code: "E_KEY" });
  }
  for (const bad of [new Uint8Array(1087), new Uint8Array(0)]) {
    await assert.rejects(decapsulate(key, bad), { name: "MeshError", code: "E_PSK" });
  }
  await assert.rejects(kemKeyOf(new Uint8Array(32)), RangeError);
});
