import assert from "node:assert/strict";
import fc from "fast-check";
import { DamagedBlockError } from "./block_codec.ts";
import { figuresOf, Fold } from "./fold.ts";
import { decodeRollup, encodeRollup, HOUR_US } from "./rollup_codec.ts";
import { type Row, stateOf, type StoredValue } from "./rows.ts";

const DAY = 24 * HOUR_US;
const T0 = 20_000 * DAY;
const GOOD = 0;
const UNCERTAIN = stateOf(0x40900000, 0);
const STALE = stateOf(0x40900000, 1);
const BAD = stateOf(0x80310000, 0);

function fold(rows: Pick<Row, "t" | "state" | "v">[], bucketUs = HOUR_US, before: number | null = null) {
  const fold = new Fold(T0, T0 + DAY, bucketUs);
  fold.begin(T0, before);
  for (const { t, state, v } of rows) fold.add(t, state, v);
  fold.end(T0 + DAY);
  return fold.buckets;
}

Deno.test("a bucket has the figures of its measured, not bad rows, and the share of good ones", () => {
  const buckets = fold([
    { t: T0, state: GOOD, v: 4 },
    { t: T0 + 1, state: UNCERTAIN, v: -2 },
    { t: T0 + 2, state: STALE, v: -2 },
    { t: T0 + 3, state: BAD, v: 100 },
    { t: T0 + HOUR_US, state: GOOD, v: "text" },
    { t: T0 + 2 * HOUR_US, state: GOOD, v: null },
  ]);
  const { goodUs: _, ...figures } = figuresOf(buckets, 0);
  assert.deepEqual(figures, { rows: 4, good: 1, count: 2, numbers: 2, sum: 2, min: -2, max: 4, first: 4, last: -2 });
  assert.deepEqual([buckets.count[1], buckets.numbers[1], buckets.count[2]], [1, 0, 0]);
  assert.ok(Number.isNaN(buckets.min[1]));
});

Deno.test("a status holds until the next row, also across buckets and from before the first", () => {
  const buckets = fold(
    [{ t: T0 + HOUR_US / 2, state: BAD, v: 1 }, { t: T0 + 3 * HOUR_US, state: GOOD, v: 1 }],
    HOUR_US,
    GOOD,
  );
  assert.deepEqual([...buckets.goodUs.subarray(0, 4)], [HOUR_US / 2, 0, 0, HOUR_US]);
  assert.equal(fold([{ t: T0 + DAY - 1, state: GOOD, v: 1 }]).goodUs[23], 1, "unknown before the first row");
});

const row = fc.record({
  at: fc.integer({ min: 0, max: DAY - 1 }),
  state: fc.constantFrom(GOOD, GOOD, UNCERTAIN, STALE, BAD),
  v: fc.oneof<fc.Arbitrary<StoredValue>[]>(
    fc.integer({ min: -1000, max: 1000 }).map((value) => value / 8),
    fc.constantFrom("x", null),
  ),
});

const rowsOf = (plan: { at: number; state: number; v: StoredValue }[]) =>
  plan.toSorted((a, b) => a.at - b.at).map(({ at, state, v }) => ({ t: T0 + at, state, v }));

Deno.test("hours that were packed and added up give what the rows themselves give", () => {
  fc.assert(fc.property(fc.array(row, { maxLength: 80 }), fc.constantFrom(1, 2, 3, 5, 24), (plan, hours) => {
    const rows = rowsOf(plan);
    const direct = fold(rows, hours * HOUR_US);
    const packed = encodeRollup(fold(rows));
    const sum = new Fold(T0, T0 + DAY, hours * HOUR_US);
    if (packed !== null) {
      for (const { hour, figures } of decodeRollup(packed)) sum.addHour(T0 + hour * HOUR_US, figures);
    } else {
      assert.equal(rows.length, 0);
    }
    assert.deepEqual(sum.buckets, direct);
  }));
});

Deno.test("a day of ten-second values takes less than 800 bytes", () => {
  const rows = Array.from({ length: 8640 }, (_, i) => ({
    t: T0 + i * 10_000_000,
    state: GOOD,
    v: Math.round(Math.sin(i / 700) * 500) / 100,
  }));
  const packed = encodeRollup(fold(rows)) as Uint8Array;
  assert.ok(packed.length < 800, String(packed.length));
  const damaged = packed.slice();
  damaged[20] = (damaged[20] as number) ^ 4;
  assert.throws(() => decodeRollup(damaged), DamagedBlockError);
});
