import assert from "node:assert/strict";
import fc from "fast-check";
import { TokenBucket } from "./token_bucket.ts";

Deno.test("A bucket never lets through more than its burst and its rate together", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 1000 }),
    fc.integer({ min: 1, max: 1000 }),
    fc.array(fc.tuple(fc.integer({ min: -50, max: 200 }), fc.integer({ min: 1, max: 50 }))),
    (perSecond, burst, steps) => {
      const bucket = new TokenBucket(perSecond, burst, 0);
      let nowMs = 0;
      let forwardMs = 0;
      let taken = 0;
      for (const [stepMs, amount] of steps) {
        nowMs += stepMs;
        forwardMs += Math.max(0, stepMs);
        if (bucket.take(amount, nowMs)) taken += amount;
        assert.ok(taken <= burst + perSecond * forwardMs / 1000 + 1e-6);
      }
    },
  ));
});

Deno.test("A bucket fills again, and a limit of nothing is refused", () => {
  const bucket = new TokenBucket(10, 2, 0);
  assert.deepEqual([bucket.take(2, 0), bucket.take(1, 99), bucket.take(1, 100)], [true, false, true]);
  assert.throws(() => new TokenBucket(0, 1, 0), RangeError);
});
