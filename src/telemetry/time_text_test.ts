import assert from "node:assert/strict";
import fc from "fast-check";
import { formatTime, formatTimeOrNull, parseTime } from "./time_text.ts";

Deno.test("times are written in UTC with six fraction digits", () => {
  assert.equal(formatTime(1_767_225_600_123_456), "2026-01-01T00:00:00.123456Z");
  assert.equal(formatTime(1_767_225_600_000_000), "2026-01-01T00:00:00.000000Z");
  assert.equal(formatTimeOrNull(0), null);
  assert.equal(formatTimeOrNull(null), null);
});

Deno.test("every time survives writing and reading", () => {
  fc.assert(
    fc.property(fc.integer({ min: -2_000_000_000_000_000, max: 8_000_000_000_000_000 }), (timeUs) => {
      assert.equal(parseTime(formatTime(timeUs)), timeUs);
    }),
  );
});

Deno.test("offsets, missing seconds, cut digits and integer µs are read", () => {
  assert.equal(parseTime("2026-01-01T02:00:00+02:00"), 1_767_225_600_000_000);
  assert.equal(parseTime("2026-01-01T00:00Z"), 1_767_225_600_000_000);
  assert.equal(parseTime("2026-01-01T00:00:00.1234569Z"), 1_767_225_600_123_456);
  assert.equal(parseTime("1767225600123456"), 1_767_225_600_123_456);
});

Deno.test("text that is no time is refused", () => {
  for (
    const text of ["", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "1e9", "99999999999999999"]
  ) {
    assert.equal(parseTime(text), null, text);
  }
});
