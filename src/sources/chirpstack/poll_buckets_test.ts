import assert from "node:assert/strict";
import fc from "fast-check";
import { type ObjectPath, parseValuePath } from "../../config/value_path.ts";
import type { RemoteMetric } from "./chirpstack_api.ts";
import { BUCKET_US, filledBuckets, isComplete, lastComplete, metricNames } from "./poll_buckets.ts";

const start = Date.UTC(2026, 0, 2) * 1000;
const hour = (index: number) => start + index * BUCKET_US;
const graceMs = 60_000;

function metric(values: readonly number[], key = "m", name = key): RemoteMetric {
  return { key, name, timesUs: values.map((_value, index) => hour(index)), values };
}

Deno.test("an hour is over one minute after its end", () => {
  assert.equal(isComplete(start, hour(1), graceMs), false);
  assert.equal(isComplete(start, hour(1) + 59_999_999, graceMs), false);
  assert.equal(isComplete(start, hour(1) + 60_000_000, graceMs), true);
});

Deno.test("a zero counts where the device was received in the same hour, and nowhere else", () => {
  const filled = filledBuckets(metric([1.5, 0, 0, -2]), metric([3, 1, 0, 0]), 0, hour(10), graceMs);
  assert.deepEqual(filled, [
    { timeUs: hour(0), value: 1.5 },
    { timeUs: hour(1), value: 0 },
    { timeUs: hour(3), value: -2 },
  ]);
  assert.deepEqual(filledBuckets(metric([0, 2]), null, 0, hour(10), graceMs), [{ timeUs: hour(1), value: 2 }]);
});

Deno.test("hours that were taken before, and the one that still runs, are left out", () => {
  const values = metric([1, 2, 3, 4]);
  const at = (afterUs: number, nowUs: number) =>
    filledBuckets(values, null, afterUs, nowUs, graceMs).map((b) => b.value);
  assert.deepEqual(at(0, hour(3) + 600_000_000), [1, 2, 3]);
  assert.deepEqual(at(hour(1), hour(3) + 600_000_000), [3]);
  assert.deepEqual(at(hour(2), hour(3) + 600_000_000), []);
  assert.equal(lastComplete([values, null], hour(3) + 600_000_000, graceMs), hour(2));
  assert.equal(lastComplete([null], hour(3), graceMs), null);
});

Deno.test("times and values of unequal number are no reason to fail", () => {
  const short: RemoteMetric = { key: "m", name: "m", timesUs: [hour(0), hour(1)], values: [1] };
  assert.deepEqual(filledBuckets(short, null, 0, hour(10), graceMs), [{ timeUs: hour(0), value: 1 }]);
});

Deno.test("each hour is given exactly once however often it is read", () => {
  fc.assert(fc.property(
    fc.array(fc.constantFrom(0, 1, 2.5), { minLength: 1, maxLength: 30 }),
    fc.array(fc.integer({ min: 0, max: 40 * 60 }), { maxLength: 20 }),
    (values, minutes) => {
      let after = 0;
      const given: number[] = [];
      for (const minute of minutes.toSorted((a, b) => a - b)) {
        const received = metric(values.map(() => 1));
        for (const bucket of filledBuckets(metric(values), received, after, start + minute * 60_000_000, graceMs)) {
          given.push(bucket.timeUs);
          after = bucket.timeUs;
        }
      }
      assert.deepEqual(given, [...new Set(given)].toSorted((a, b) => a - b));
    },
  ));
});

Deno.test("keys are matched before display names, and paths as ChirpStack joins them", () => {
  const names = metricNames({
    metrics: [
      metric([1], "a", "b"),
      metric([2], "b", "a"),
      metric([3], "channels_2_value", "Channel"),
      metric([4], "x y"),
    ],
    states: [{ key: "s", name: "State", value: "open" }],
  });
  const value = (text: string) => names.metric(parseValuePath(text) as ObjectPath, text)?.values[0];
  assert.equal(value("a"), 1);
  assert.equal(value("b"), 2);
  assert.equal(value("channels[2].value"), 3);
  assert.equal(value("Channel"), 3);
  assert.equal(value('["x y"]'), 4);
  assert.equal(value("gone"), undefined);
  assert.equal(names.state(parseValuePath("State") as ObjectPath, "State"), "open");
  assert.equal(names.state(parseValuePath("a") as ObjectPath, "a"), undefined);
});
