import assert from "node:assert/strict";
import { RateMeter } from "./rate_meter.ts";

Deno.test("the rate spans the window and forgets what lies before it", () => {
  const meter = new RateMeter(10_000);
  assert.equal(meter.perSecond(), 0);
  for (let second = 0; second <= 100; second++) meter.read(second * (second < 50 ? 100 : 3), second * 1_000_000);
  assert.equal(meter.perSecond(), 3);
});

Deno.test("a clock that is set back gives no negative rate", () => {
  const meter = new RateMeter();
  meter.read(10, 5_000_000);
  meter.read(20, 1_000_000);
  assert.equal(meter.perSecond(), 0);
});
