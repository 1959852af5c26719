// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { seededRandom, seedOf, uuidFrom } from "./seeded_random.ts";
import { batteryVolts, dailyCurve, growingCounter, hourOfDay, rounded } from "./signals.ts";

const hourUs = 3_600_000_000;
const startUs = Date.UTC(2026, 4, 1) * 1000;

Deno.test("a daily curve peaks at its hour and stays within its swing and noise", () => {
  const curve = { mean: 14, swing: 5, peakHour: 15, noise: 0.2 };
  const random = seededRandom(1);
  const day = Array.from({ length: 24 }, (_none, hour) => dailyCurve(startUs + hour * hourUs, curve, random));
  const peak = day.indexOf(Math.max(...day));
  assert.ok(Math.abs(peak - 15) <= 1, `peak at ${peak}`);
  assert.ok(day.every((value) => value >= 8.8 && value <= 19.2));
});

Deno.test("a counter never falls, whatever the step, and grows by its rate", () => {
  let last = -Infinity;
  for (let minute = 0; minute < 3 * 1440; minute += 7) {
    const value = growingCounter(startUs + minute * 60_000_000, 100, 50);
    assert.ok(Number.isInteger(value) && value >= last);
    last = value;
  }
  const day = growingCounter(startUs + 24 * hourUs, 100, 50) - growingCounter(startUs, 100, 50);
  assert.ok(Math.abs(day - 1200) <= 1, `${day} a day`);
  assert.equal(growingCounter(0, 100, 50), 0);
});

Deno.test("a battery runs down and is changed", () => {
  const volts = Array.from({ length: 400 }, (_none, day) => batteryVolts(startUs + day * 24 * hourUs, 3.6, 3, 0.002));
  assert.ok(volts.every((value) => value > 3 - 1e-9 && value <= 3.6));
  assert.equal(volts.filter((value, day) => day > 0 && value > volts[day - 1]!).length, 1);
});

Deno.test("the same seed gives the same numbers, another seed others", () => {
  const draw = (seed: number | string) => Array.from({ length: 5 }, seededRandom(seed));
  assert.deepEqual(draw("a"), draw("a"));
  assert.notDeepEqual(draw("a"), draw("b"));
  // the published vectors of FNV-1a
  assert.deepEqual([seedOf(""), seedOf("a"), seedOf("foobar")], [0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
  assert.ok(Array.from({ length: 10_000 }, seededRandom(7)).every((value) => value >= 0 && value < 1));
  assert.match(uuidFrom(seededRandom("x")), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

Deno.test("rounding leaves no binary noise, and the hour has its fraction", () => {
  assert.equal(rounded(0.1 + 0.2, 2), 0.3);
  assert.equal(rounded(-2.5049, 2), -2.5);
  assert.equal(hourOfDay(startUs + 1.5 * hourUs), 1.5);
});
