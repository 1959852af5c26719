import assert from "node:assert/strict";
import { makeFormatter } from "./format.ts";
import { catalogues } from "./messages/messages.ts";

const en = makeFormatter("en-GB", catalogues.en);
const de = makeFormatter("de", catalogues.de);

Deno.test("values keep their digits, with the separators of the language and a real minus sign", () => {
  assert.equal(en.value(21.5), "21.5");
  assert.equal(de.value(21.5), "21,5");
  assert.equal(en.value(-0.1234567), "\u22120.1234567");
  assert.equal(en.value(9_007_199_254_740_991), "9,007,199,254,740,991");
  assert.equal(de.value(1234567), "1.234.567");
  assert.equal(en.value(0), "0");
  assert.equal(en.value(1.5e-7), "1.5E\u22127");
  assert.equal(en.value(1234567890123.5), "1.23457E12");
  assert.equal(en.value(true), "true");
  assert.equal(de.value(false), "falsch");
  assert.equal(en.value("open"), "open");
  assert.equal(en.value(null), "–");
});

Deno.test("spans are given in the largest unit that fits", () => {
  assert.equal(en.span(0), "0 s");
  assert.equal(en.span(89_400), "89 s");
  assert.equal(en.span(90_000), "2 min");
  assert.equal(en.span(89 * 60_000), "89 min");
  assert.equal(en.span(3 * 3_600_000), "3 h");
  assert.equal(en.span(47 * 3_600_000), "47 h");
  assert.equal(en.span(49 * 3_600_000), "2 d");
});

Deno.test("ages are in words, also those that cannot be", () => {
  assert.equal(en.age(null), "never");
  assert.equal(en.age(500), "just now");
  assert.equal(en.age(-1_000), "just now");
  assert.equal(en.age(-60_000), "in the future");
  assert.equal(en.age(12_000), "12 s ago");
  assert.equal(de.age(12_000), "vor 12 s");
});

Deno.test("bytes are counted in steps of a thousand", () => {
  assert.equal(en.bytes(999), "999 B");
  assert.equal(en.bytes(48_234_496), "48.2 MB");
  assert.equal(de.bytes(1_500_000_000), "1,5 GB");
  assert.equal(en.bytes(141_000_000), "141 MB");
});

Deno.test("a time of another day says which", () => {
  const noon = new Date(2026, 0, 31, 12, 0, 5).getTime();
  assert.equal(en.time(noon, noon + 1000), "12:00:05");
  assert.equal(en.time(noon, noon + 86_400_000), "31 Jan, 12:00:05");
});
