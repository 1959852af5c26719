import assert from "node:assert/strict";
import fc from "fast-check";
import { matchesGlob } from "./glob.ts";

Deno.test("a star stands for any characters, a question mark for one", () => {
  assert(matchesGlob("*/temperature", "a84041/temperature"));
  assert(matchesGlob("a8*/t*e", "a84041/temperature"));
  assert(matchesGlob("a8404?/*", "a84041/temperature"));
  assert(matchesGlob("*", ""));
  assert(!matchesGlob("*/temp", "a84041/temperature"));
  assert(!matchesGlob("?", ""));
});

Deno.test("a pattern matches as the regular expression of the same meaning", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "/") });
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "?"), maxLength: 8 });
  fc.assert(
    fc.property(pattern, letters, (glob, text) => {
      const expected = new RegExp(`^${glob.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(text);
      assert.equal(matchesGlob(glob, text), expected);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a hostile pattern takes no more steps than pattern × text", () => {
  assert(!matchesGlob("*a".repeat(100) + "b", "a".repeat(5_000)));
});
