import assert from "node:assert/strict";
import { NonceMemory } from "./nonce_memory.ts";

Deno.test("a nonce is new once, and again after ten minutes", () => {
  const memory = new NonceMemory();
  assert.equal(memory.isNew("a", 0), true);
  assert.equal(memory.isNew("a", 599_999), false);
  assert.equal(memory.isNew("a", 600_000), true);
});

Deno.test("at most 4096 nonces are kept", () => {
  const memory = new NonceMemory();
  for (let i = 0; i < 10_000; i++) memory.isNew(`n${i}`, i);
  assert.equal(memory.size, 4096);
  assert.equal(memory.isNew("n9999", 10_000), false);
});
