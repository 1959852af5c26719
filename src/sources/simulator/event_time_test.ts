import assert from "node:assert/strict";
import { toEventTime } from "./event_time.ts";

Deno.test("events write the time as ChirpStack does: offset instead of Z, fraction only when there is one", () => {
  assert.equal(toEventTime(Date.UTC(2026, 0, 2, 3, 4, 5) * 1000), "2026-01-02T03:04:05+00:00");
  assert.equal(toEventTime(Date.UTC(2026, 0, 2, 3, 4, 5) * 1000 + 42), "2026-01-02T03:04:05.000042+00:00");
  assert.equal(Date.parse(toEventTime(1_795_316_776_562_000)), 1_795_316_776_562);
});
