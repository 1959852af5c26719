import assert from "node:assert/strict";
import fc from "fast-check";
import { ObservedInterval } from "./observed_interval.ts";

Deno.test("the interval is unknown before two messages", () => {
  const interval = new ObservedInterval();
  assert.equal(interval.typicalUs(), 0);
  interval.add(1_000);
  assert.equal(interval.typicalUs(), 0);
  interval.add(4_000);
  assert.equal(interval.typicalUs(), 3_000);
});

Deno.test("one lost message does not change the typical interval", () => {
  const interval = new ObservedInterval();
  for (const at of [10, 20, 30, 50, 60, 70]) interval.add(at);
  assert.equal(interval.typicalUs(), 10);
});

Deno.test("equal and older times are passed over", () => {
  const interval = new ObservedInterval();
  for (const at of [10, 10, 10, 5, 20]) interval.add(at);
  assert.equal(interval.typicalUs(), 10);
});

Deno.test("a device that changes its interval is followed within eight messages", () => {
  const interval = new ObservedInterval();
  let at = 0;
  for (let i = 0; i < 50; i++) interval.add(at += 600);
  for (let i = 0; i < 8; i++) interval.add(at += 60);
  assert.equal(interval.typicalUs(), 60);
});

Deno.test("the typical interval always lies between the least and the largest seen", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1 }), (gaps) => {
    const interval = new ObservedInterval();
    let at = 1;
    interval.add(at);
    for (const gap of gaps) interval.add(at += gap);
    const recent = gaps.slice(-8);
    assert.ok(interval.typicalUs() >= Math.min(...recent) && interval.typicalUs() <= Math.max(...recent));
  }));
});
