import assert from "node:assert/strict";
import { TokenBuckets } from "./token_buckets.ts";

Deno.test("a bucket holds a minute's tokens and fills evenly", () => {
  let nowMs = 0;
  const buckets = new TokenBuckets(() => nowMs);
  for (let count = 0; count < 60; count++) assert.equal(buckets.take("a", 60).ok, true);
  assert.deepEqual(buckets.take("a", 60), { ok: false, waitMs: 1000 });
  nowMs = 999;
  assert.equal(buckets.take("a", 60).ok, false);
  nowMs = 1_000.5;
  assert.equal(buckets.take("a", 60).ok, true);
  assert.equal(buckets.take("a", 60).ok, false);
  nowMs = 3_600_000;
  for (let count = 0; count < 60; count++) assert.equal(buckets.take("a", 60).ok, true);
  assert.equal(buckets.take("a", 60).ok, false);
});

Deno.test("a bucket that holds less than a minute's tokens fills as fast", () => {
  let nowMs = 0;
  const buckets = new TokenBuckets(() => nowMs);
  for (let count = 0; count < 5; count++) assert.equal(buckets.take("a", 600, 5).ok, true);
  assert.deepEqual(buckets.take("a", 600, 5), { ok: false, waitMs: 100 });
  nowMs = 100.5;
  assert.equal(buckets.take("a", 600, 5).ok, true);
  assert.equal(buckets.take("a", 600, 5).ok, false);
});

Deno.test("each key has a bucket of its own", () => {
  let nowMs = 0;
  const buckets = new TokenBuckets(() => nowMs);
  const take = (key: string) => buckets.take(key, 120, 2).ok;
  assert.deepEqual([take("a"), take("a"), take("a"), take("b")], [true, true, false, true]);
  nowMs = 500;
  assert.deepEqual([take("a"), take("a")], [true, false]);
});

Deno.test("the table of buckets is bounded", () => {
  const buckets = new TokenBuckets();
  for (let count = 0; count < 20_000; count++) buckets.take(String(count), 60);
  assert.equal(buckets.size, 10_000);
});
