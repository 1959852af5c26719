import assert from "node:assert/strict";
import fc from "fast-check";
import { parseNumberText } from "./number_text.ts";

Deno.test("a number with or without a unit is read", () => {
  const cases: [string, number][] = [
    ["24.59", 24.59],
    ["0", 0],
    ["-0", 0],
    ["0.5", 0.5],
    [".5", 0.5],
    ["-.5", -0.5],
    ["+4.2", 4.2],
    ["-12", -12],
    ["  24.59 ", 24.59],
    ["30°C", 30],
    ["30.11 °C", 30.11],
    ["30.11\u00a0°C", 30.11],
    ["-3.5C", -3.5],
    ["94%", 94],
    ["55.1 %RH", 55.1],
    ["55.1 % RH", 55.1],
    ["1013.25hPa", 1013.25],
    ["3.6V", 3.6],
    ["0.2 A", 0.2],
    ["12A", 12],
    ["-71dB", -71],
    ["-71 dBm", -71],
    ["3.2 m3/h", 3.2],
    ["3.2m³/h", 3.2],
    ["2.4 m⋅s⁻¹", 2.4],
    ["9.81 m/s^2", 9.81],
    ["412 ppm CO2", 412],
    ["24 V DC", 24],
    ["1.5e-3", 0.0015],
    ["2E+5", 200000],
    ["2403050000", 2403050000],
  ];
  for (const [text, number] of cases) assert.equal(parseNumberText(text), number, text);
});

Deno.test("a text that only looks like a number to JavaScript is refused", () => {
  const cases = ["", " ", "\t\n", "0x10", "0b1", "0o7", "021728031819", "00", "007", "6745e27566240008", "1e5", "12e5"];
  for (const text of cases) assert.equal(parseNumberText(text), null, text);
});

Deno.test("identifiers, times, versions, lists and words are no numbers", () => {
  const cases = [
    "12ab",
    "12ab34",
    "0x",
    "12e",
    "1,5",
    "23,5 °C",
    "1,234.5",
    "9:15",
    "09:15",
    "2022-8-3 9:15:31  TZ:0",
    "2023-05-01T00:00:00Z",
    "1.2.3",
    "v1.2",
    "10/12",
    "12 34",
    "1 of 3",
    "5.",
    "--1",
    "- 1",
    "−1",
    "１２",
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "true",
    "CHARGING",
    "[0, 0, 1]",
    "3 messages were lost today",
    "1".repeat(65),
  ];
  for (const text of cases) assert.equal(parseNumberText(text), null, text);
});

Deno.test("more than a double can hold reads as infinite", () => {
  assert.equal(parseNumberText("1e+999"), Infinity);
  assert.equal(parseNumberText("-1e+999"), -Infinity);
});

Deno.test("every finite number is read back from the text that JavaScript prints", () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
    assert.equal(parseNumberText(String(number)), number + 0);
  }));
});

Deno.test("any text gives a number or null, and never NaN", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const number = parseNumberText(text);
    assert.ok(number === null || !Number.isNaN(number));
  }));
});
