import assert from "node:assert/strict";
import { bucketStart, bucketStarts, MetricBuckets } from "./metric_buckets.ts";

const us = (iso: string) => Date.parse(iso) * 1000;

Deno.test("buckets start at the hour, at midnight and at the first of the month, UTC", () => {
  const time = us("2024-02-29T23:59:59.999Z") + 999;
  assert.equal(bucketStart("HOUR", time), us("2024-02-29T23:00:00Z"));
  assert.equal(bucketStart("DAY", time), us("2024-02-29T00:00:00Z"));
  assert.equal(bucketStart("MONTH", time), us("2024-02-01T00:00:00Z"));
});

Deno.test("a span takes the buckets of both its ends, across days, leap days and years", () => {
  assert.deepEqual(bucketStarts("HOUR", us("2026-01-01T10:30:00Z"), us("2026-01-01T12:00:00Z")), [
    us("2026-01-01T10:00:00Z"),
    us("2026-01-01T11:00:00Z"),
    us("2026-01-01T12:00:00Z"),
  ]);
  assert.equal(bucketStarts("DAY", us("2024-02-28T23:00:00Z"), us("2024-03-01T01:00:00Z")).length, 3);
  assert.deepEqual(bucketStarts("MONTH", us("2025-11-30T00:00:00Z"), us("2026-02-01T00:00:00Z")), [
    us("2025-11-01T00:00:00Z"),
    us("2025-12-01T00:00:00Z"),
    us("2026-01-01T00:00:00Z"),
    us("2026-02-01T00:00:00Z"),
  ]);
  assert.deepEqual(bucketStarts("HOUR", us("2026-01-02T00:00:00Z"), us("2026-01-01T00:00:00Z")), []);
});

Deno.test("values meet as their kind says", () => {
  const now = us("2026-03-01T12:30:00Z");
  const read = (kind: "counter" | "absolute" | "gauge") => {
    const buckets = new MetricBuckets();
    for (const value of [1, 2, 6]) buckets.save(now, kind, { value, other: value * 10 }, now);
    return buckets.read("HOUR", now, now, now)[0]?.fields;
  };
  assert.deepEqual(read("counter"), { value: 6, other: 60 });
  assert.deepEqual(read("absolute"), { value: 9, other: 90 });
  assert.deepEqual(read("gauge"), { value: 3, other: 30 });
});

Deno.test("a bucket dies two days after its last change, and begins anew when something is saved then", () => {
  const start = us("2026-03-01T12:00:00Z");
  const hour = 3_600_000_000;
  const buckets = new MetricBuckets();
  buckets.save(start, "gauge", { value: 10 }, start);
  buckets.save(start, "gauge", { value: 20 }, start + 40 * hour);
  assert.deepEqual(buckets.read("HOUR", start, start, start + 87 * hour)[0]?.fields, { value: 15 });
  assert.deepEqual(buckets.read("HOUR", start, start, start + 88 * hour)[0]?.fields, {});
  buckets.save(start, "gauge", { value: 4 }, start + 100 * hour);
  assert.deepEqual(buckets.read("HOUR", start, start, start + 100 * hour)[0]?.fields, { value: 4 });
  assert.deepEqual(buckets.read("DAY", start, start, start + 100 * hour)[0]?.fields, { value: 34 / 3 });
});
