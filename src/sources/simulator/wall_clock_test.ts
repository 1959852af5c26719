import assert from "node:assert/strict";
import { distinctTimes, wallClock } from "./wall_clock.ts";

Deno.test("the clock tells the machine's time in microseconds and follows when it is set", () => {
  const nowUs = wallClock();
  assert.ok(Number.isSafeInteger(nowUs()));
  assert.ok(Math.abs(nowUs() / 1000 - Date.now()) < 5000);
  const realNow = Date.now;
  try {
    Date.now = () => realNow() + 86_400_000;
    assert.ok(Math.abs(nowUs() / 1000 - realNow() - 86_400_000) < 5000);
  } finally {
    Date.now = realNow;
  }
  assert.ok(Math.abs(nowUs() / 1000 - Date.now()) < 5000);
});

Deno.test("no two times are equal while a clock stands still, and a clock that is set back is followed", () => {
  const told = [5000, 5000, 5000, 4999, 9000, 9001, 1000, 1000];
  const times = distinctTimes(() => told.shift() ?? 0);
  assert.deepEqual(Array.from({ length: 8 }, times), [5000, 5001, 5002, 5003, 9000, 9001, 1000, 1001]);
});
