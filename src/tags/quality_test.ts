import assert from "node:assert/strict";
import { Quality, qualityCause, qualityName, severityOf } from "./quality.ts";

Deno.test("the two top bits of a status code are its severity", () => {
  assert.equal(severityOf(Quality.Good), "good");
  assert.equal(severityOf(Quality.GoodCalculated), "good");
  assert.equal(severityOf(Quality.UncertainLastUsableValue), "uncertain");
  assert.equal(severityOf(Quality.BadDecodingError), "bad");
  assert.equal(severityOf(0xc0000000), "bad");
});

Deno.test("every quality has its standard name and a cause in words", () => {
  for (const [name, code] of Object.entries(Quality)) {
    assert.equal(qualityName(code), name);
    assert.doesNotMatch(qualityCause(code), /^Status /);
  }
});

Deno.test("a foreign status code is shown in hexadecimal", () => {
  assert.equal(qualityName(0x80ab0000), "0x80ab0000");
  // a signed 32-bit number is the same code
  assert.equal(qualityName(0x80070000 | 0), "BadDecodingError");
  assert.equal(qualityCause(0x80ab0000), "Status 0x80ab0000");
});
