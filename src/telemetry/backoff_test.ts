import assert from "node:assert/strict";
import fc from "fast-check";
import { Backoff } from "./backoff.ts";

Deno.test("Delays double from the first to the longest", () => {
  const backoff = new Backoff({ firstMs: 1000, maxMs: 30_000, random: () => 0 });
  const delays = Array.from({ length: 7 }, () => backoff.next(0));
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

Deno.test("A delay is drawn from the upper half of its step", () => {
  const backoff = new Backoff({ firstMs: 1000, maxMs: 30_000, random: () => 0.999_999 });
  const delays = Array.from({ length: 6 }, () => Math.round(backoff.next(0)));
  assert.deepEqual(delays, [2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

Deno.test("A healthy minute begins again at the first delay, a shorter spell does not", () => {
  const backoff = new Backoff({ random: () => 0 });
  backoff.next(0);
  backoff.next(0);
  backoff.succeeded(10_000);
  assert.equal(backoff.next(69_999), 4000);
  assert.equal(backoff.failures, 3);
  backoff.succeeded(100_000);
  backoff.succeeded(150_000); // still the same spell
  assert.equal(backoff.next(160_000), 1000);
  assert.equal(backoff.failures, 1);
});

Deno.test("Time without a success never resets the delays", () => {
  const backoff = new Backoff({ random: () => 0 });
  backoff.next(0);
  assert.equal(backoff.next(10_000_000), 2000);
});

Deno.test("Every delay lies between the first and the longest", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 300_000 }),
      fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { minLength: 1, maxLength: 100 }),
      (firstMs, maxMs, draws) => {
        let index = 0;
        const backoff = new Backoff({ firstMs, maxMs, random: () => draws[index] ?? 0 });
        for (; index < draws.length; index++) {
          const delay = backoff.next(0);
          assert.ok(delay >= Math.min(firstMs, maxMs) && delay <= maxMs, `${delay}`);
        }
      },
    ),
  );
});

Deno.test("A first delay of zero is refused", () => {
  assert.throws(() => new Backoff({ firstMs: 0 }), RangeError);
});
