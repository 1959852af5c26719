import assert from "node:assert/strict";
import { SourceLimit, sourceOf } from "./source_limit.ts";

Deno.test("Each source has a limit of its own, and no number of sources takes more memory", () => {
  let nowMs = 0;
  const limit = new SourceLimit(2, () => nowMs);
  assert.deepEqual([limit.take("a"), limit.take("a"), limit.take("a"), limit.take("b")], [true, true, false, true]);
  nowMs = 500;
  assert.deepEqual([limit.take("a"), limit.take("a")], [true, false]);
  for (let source = 0; source < 10_000; source++) limit.take(String(source));
  assert.equal(limit.size, 4096);
});

Deno.test("A network of IPv6 is one source", () => {
  assert.equal(sourceOf("192.0.2.1"), "192.0.2.1");
  assert.equal(sourceOf("::ffff:192.0.2.1"), "::ffff:192.0.2.1");
  assert.equal(sourceOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
  assert.equal(sourceOf("2001:db8:1:2::6"), "2001:db8:1:2");
  assert.equal(sourceOf("2001:db8::6"), "2001:db8:0:0");
  assert.equal(sourceOf("2001:db8:0:0:9::"), "2001:db8:0:0");
  assert.equal(sourceOf("::1"), "0:0:0:0");
});
