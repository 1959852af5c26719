import assert from "node:assert/strict";
import type { RawSampleAnswer } from "../../web/api_schema.ts";
import { bucketSecondsFor, changesOf, trendExtremes, trendOfBuckets, trendOfSamples } from "./trend_data.ts";

const STALE = 0x40900000;
const BAD = 0x80070000;

function time(second: number): string {
  return new Date(second * 1000).toISOString();
}

function sample(second: number, value: number | boolean | null, quality = 0): RawSampleAnswer {
  return {
    sourceTime: time(second),
    serverTime: time(second),
    value,
    quality,
    serverMade: false,
    backfill: false,
    counterReset: false,
  };
}

Deno.test("bad samples are gaps, and spans show where the quality was not good", () => {
  const data = trendOfSamples([sample(10, 1), sample(20, 2, BAD), sample(30, 3, BAD), sample(40, 4, STALE)], 55, false);
  assert.deepEqual(data.values, [1, null, null, 4]);
  assert.deepEqual(data.spans, [
    { from: 20, to: 40, severity: "bad" },
    { from: 40, to: 55, severity: "uncertain" },
  ]);
});

Deno.test("a silence much longer than usual is a gap, unless the value holds until the next one", () => {
  const samples = [sample(0, 1), sample(10, 2), sample(20, 3), sample(100, 4), sample(110, 5)];
  assert.deepEqual(trendOfSamples(samples, 110, false).values, [1, 2, 3, null, 4, 5]);
  assert.deepEqual(trendOfSamples(samples, 110, false).times, [0, 10, 20, 60, 100, 110]);
  assert.deepEqual(trendOfSamples(samples, 110, true).values, [1, 2, 3, 4, 5]);
  assert.deepEqual(trendOfSamples([sample(0, true)], 10, true).values, [1]);
  assert.deepEqual(trendOfSamples([], 10, false).values, []);
});

Deno.test("buckets give a line of means, a band, and gaps where nothing was stored", () => {
  const bucket = (start: number, mean: number | null, goodShare = 1) => ({
    start: time(start),
    end: time(start + 60),
    count: mean === null ? 0 : 5,
    min: mean === null ? null : mean - 1,
    max: mean === null ? null : mean + 1,
    mean,
    first: mean,
    last: mean,
    goodShare,
    goodSeconds: 60 * goodShare,
  });
  const data = trendOfBuckets({ buckets: [bucket(0, 10), bucket(60, 11, 0.5), bucket(120, null, 0), bucket(180, 12)] });
  assert.deepEqual(data.times, [30, 90, 150, 210]);
  assert.deepEqual(data.values, [10, 11, null, 12]);
  assert.deepEqual(data.band, { low: [9, 10, null, 11], high: [11, 12, null, 13] });
  assert.deepEqual(data.spans, [{ from: 60, to: 120, severity: "uncertain" }]);
  assert.deepEqual(trendExtremes(data), { low: 9, high: 13, last: 12 });
  assert.equal(trendExtremes({ times: [1], values: [null], band: null, spans: [] }), null);
});

Deno.test("of samples that repeat themselves the changes are kept", () => {
  const samples = [
    sample(0, 1),
    sample(10, 1),
    sample(20, 2),
    sample(30, 2, STALE),
    sample(40, 2, STALE),
    sample(50, 1),
  ];
  assert.deepEqual(changesOf(samples), [samples[0], samples[2], samples[3], samples[5]]);
});

Deno.test("bucket widths are ones that a person can name", () => {
  assert.equal(bucketSecondsFor(3_600_000, 360), 10);
  assert.equal(bucketSecondsFor(604_800_000, 360), 1800);
  assert.equal(bucketSecondsFor(1e15, 360), 86_400);
});
