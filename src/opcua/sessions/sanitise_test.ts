import { ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { sanitiseUserName } from "./sanitise.ts";

Deno.test("a user name cannot break a log line or reach the terminal", () => {
  strictEqual(sanitiseUserName("alice"), "alice");
  strictEqual(sanitiseUserName("a\nb\x1b[31m"), "a\\u{a}b\\u{1b}[31m");
  strictEqual(sanitiseUserName("a\u202eb\u2028c"), "a\\u{202e}b\\u{2028}c");
  strictEqual(sanitiseUserName("ä".repeat(100)), "ä".repeat(64));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (name) => {
    // deno-lint-ignore no-control-regex -- exactly what must not be there
    ok(!/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/.test(sanitiseUserName(name)));
  }));
});
