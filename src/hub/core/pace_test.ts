import assert from "node:assert/strict";
import { Pace } from "./pace.ts";

Deno.test("so many come at once, then one in each interval, each by itself", () => {
  let nowUs = 1_000_000_000;
  const pace = new Pace<object>(3, 10_000, () => nowUs, new WeakMap());
  const [a, b] = [{}, {}];
  assert.deepEqual([1, 2, 3, 4].map(() => pace.take(a)), [true, true, true, false]);
  assert.equal(pace.take(b), true);
  nowUs += 9_999_000;
  assert.equal(pace.take(a), false);
  nowUs += 1_000;
  assert.deepEqual([pace.take(a), pace.take(a)], [true, false]);
  nowUs += 3_600_000_000;
  assert.deepEqual([1, 2, 3, 4].map(() => pace.take(a)), [true, true, true, false]);
});

Deno.test("a clock that is set back by a day makes nobody wait for a day", () => {
  let nowUs = 200_000_000_000;
  const pace = new Pace<object>(2, 10_000, () => nowUs, new WeakMap());
  const key = {};
  pace.take(key);
  pace.take(key);
  nowUs -= 86_400_000_000;
  assert.equal(pace.take(key), true);
});
