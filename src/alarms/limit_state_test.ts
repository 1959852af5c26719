import assert from "node:assert/strict";
import fc from "fast-check";
import type { LimitState } from "./alarms.ts";
import { isWorse, limitStateOf } from "./limit_state.ts";

const all = { limits: { lolo: -10, lo: 0, hi: 30, hihi: 40 }, deadband: 2 };

Deno.test("a limit is reached at its value, and left when the value is back by more than the deadband", () => {
  const walk: [number, LimitState | null][] = [
    [29.9, null],
    [30, "High"],
    [28, "High"],
    [40, "HighHigh"],
    [38, "HighHigh"],
    [37.9, "High"],
    [27.9, null],
    [0, "Low"],
    [2, "Low"],
    [-10, "LowLow"],
    [-8, "LowLow"],
    [-7.9, "Low"],
    [2.1, null],
    [-50, "LowLow"],
    [50, "HighHigh"],
  ];
  let current: LimitState | null = null;
  for (const [value, expected] of walk) {
    current = limitStateOf(all, value, current);
    assert.equal(current, expected, `at ${value}`);
  }
});

Deno.test("limits that are not set are never reached", () => {
  const hihi = { limits: { lolo: null, lo: null, hi: null, hihi: 40 }, deadband: 5 };
  assert.equal(limitStateOf(hihi, 39, null), null);
  assert.equal(limitStateOf(hihi, -1e9, null), null);
  assert.equal(limitStateOf(hihi, 40, null), "HighHigh");
  assert.equal(limitStateOf(hihi, 35, "HighHigh"), "HighHigh");
  assert.equal(limitStateOf(hihi, 34, "HighHigh"), null);
});

const order = ["LowLow", "Low", null, "High", "HighHigh"] as const;
const value = fc.double({ min: -100, max: 100, noNaN: true });
const definition = fc.tuple(
  fc.uniqueArray(fc.integer({ min: -90, max: 90 }), { minLength: 4, maxLength: 4 }),
  fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  fc.double({ min: 0, max: 0.99, noNaN: true }),
).map(([values, set, share]) => {
  const [lolo = 0, lo = 0, hi = 0, hihi = 0] = values.toSorted((a, b) => a - b);
  const limits = {
    lolo: set[0] ? lolo : null,
    lo: set[1] ? lo : null,
    hi: set[2] ? hi : null,
    hihi: set[3] ? hihi : null,
  };
  const given = Object.values(limits).filter((limit) => limit !== null);
  const gaps = given.slice(1).map((limit, index) => limit - (given[index] ?? 0));
  return { limits, deadband: share * Math.min(100, ...gaps) };
});

Deno.test("a state depends on the value and the state before alone, and settles at once", () => {
  fc.assert(
    fc.property(definition, fc.constantFrom(...order), value, (alarm, before, at) => {
      const next = limitStateOf(alarm, at, before);
      assert.equal(limitStateOf(alarm, at, next), next);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("the deadband only ever holds a state, and a value further out never gives a lesser state", () => {
  fc.assert(
    fc.property(definition, fc.constantFrom(...order), value, value, (alarm, before, one, other) => {
      const rank = (at: number, from: LimitState | null) => order.indexOf(limitStateOf(alarm, at, from));
      const plain = { ...alarm, deadband: 0 };
      const free = order.indexOf(limitStateOf(plain, one, null));
      // between what it was and what the value says without a deadband
      const [low, high] = [free, order.indexOf(before)].toSorted((a, b) => a - b) as [number, number];
      assert.ok(rank(one, before) >= low && rank(one, before) <= high);
      if (one <= other) assert.ok(rank(one, before) <= rank(other, before));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("worse is further out or on the other side, never back towards normal", () => {
  assert.equal(isWorse("High", "HighHigh"), true);
  assert.equal(isWorse("HighHigh", "High"), false);
  assert.equal(isWorse("HighHigh", "Low"), true);
  assert.equal(isWorse("Low", "LowLow"), true);
  assert.equal(isWorse("LowLow", "Low"), false);
  assert.equal(isWorse("Low", null), false);
  assert.equal(isWorse("Low", "Low"), false);
});
