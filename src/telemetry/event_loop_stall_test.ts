import assert from "node:assert/strict";
import { EventLoopStall } from "./event_loop_stall.ts";

Deno.test("The longest stall is given once", () => {
  let nowMs = 0;
  const stall = new EventLoopStall(() => nowMs);
  try {
    nowMs = 20;
    assert.equal(stall.takeLongestMs(), 0);
    nowMs = 240;
    assert.equal(stall.takeLongestMs(), 200);
    nowMs = 255;
    assert.equal(stall.takeLongestMs(), 0);
  } finally {
    stall.stop();
  }
});

Deno.test("A loop that is kept busy shows as a stall", () => {
  const stall = new EventLoopStall();
  try {
    const until = performance.now() + 60;
    while (performance.now() < until);
    assert.ok(stall.takeLongestMs() >= 30);
  } finally {
    stall.stop();
  }
});
