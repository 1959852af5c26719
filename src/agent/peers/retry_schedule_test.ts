import assert from "node:assert/strict";
import { RetrySchedule } from "./retry_schedule.ts";

Deno.test("it is due at once, then after each delay, and the last one repeats", () => {
  const schedule = new RetrySchedule([10, 30, 60]);
  const tried = [];
  for (let nowMs = 0; nowMs <= 250; nowMs++) {
    if (!schedule.due(nowMs)) continue;
    schedule.tried(nowMs);
    tried.push(nowMs);
  }
  assert.deepEqual(tried, [0, 10, 40, 100, 160, 220]);
  schedule.reset();
  assert.equal(schedule.due(251), true);
});
