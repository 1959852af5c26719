import assert from "node:assert/strict";
import { SourceLimit } from "./source_limit.ts";

Deno.test("Each source has a limit of its own, and no number of sources takes more memory", () => {
  let nowMs = 0;
  const limit = new SourceLimit(2, () => nowMs);
  assert.deepEqual([limit.take("a"), limit.take("a"), limit.take("a"), limit.take("b")], [true, true, false, true]);
  nowMs = 500;
  assert.deepEqual([limit.take("a"), limit.take("a")], [true, false]);
  for (let source = 0; source < 10_000; source++) limit.take(String(source));
  assert.equal(limit.size, 4096);
});
