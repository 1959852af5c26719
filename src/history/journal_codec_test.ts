import assert from "node:assert/strict";
import fc from "fast-check";
import { DamagedBlockError } from "./block_codec.ts";
import { decodeJournal, encodeJournal, type JournalEntry } from "./journal_codec.ts";

const T0 = 1_767_225_600_000_000;

const entry: fc.Arbitrary<JournalEntry> = fc.record({
  series: fc.integer({ min: 1, max: 2 ** 30 }),
  t: fc.integer({ min: T0, max: T0 + 2 ** 45 }),
  lag: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  state: fc.integer({ min: 0, max: 2 ** 35 - 1 }),
  v: fc.oneof(
    fc.double({ noNaN: true }),
    fc.maxSafeInteger(),
    fc.constantFrom(2 ** 53, -(2 ** 53), 0, 1, Infinity),
    fc.string({ unit: "binary" }),
    fc.constant(null),
  ),
  out: fc.boolean(),
}).map(({ series, t, lag, state, v, out }) => ({ series, t, row: out ? null : { t, lag, state, v } }));

Deno.test("a commit is read as it was written", () => {
  fc.assert(fc.property(fc.array(entry, { maxLength: 50 }), (entries) => {
    assert.deepEqual(decodeJournal(encodeJournal(entries)), entries);
  }));
});

Deno.test("the four values of one uplink take about a dozen bytes each", () => {
  const entries = [21.5, 48, 3.61, 1].map((v, i) => ({
    series: 100 + i,
    t: T0,
    row: { t: T0, lag: 35_000, state: 0, v },
  }));
  assert.ok(encodeJournal(entries).length < 60, String(encodeJournal(entries).length));
});

Deno.test("a record in which one bit changed is refused", () => {
  const bytes = encodeJournal([{ series: 7, t: T0, row: { t: T0, lag: 0, state: 3, v: "text" } }]);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.throws(() => decodeJournal(damaged), DamagedBlockError);
  }
  assert.throws(() => decodeJournal(new Uint8Array(3)), DamagedBlockError);
});
