import assert from "node:assert/strict";
import { fromTimestamp, timeUsOf, toTimestamp } from "./protobuf_time.ts";

Deno.test("microseconds survive the way through a protobuf timestamp", () => {
  for (const timeUs of [0, 1, 1_795_316_776_562_999, -1, -1_000_001]) {
    assert.equal(fromTimestamp(toTimestamp(timeUs)), timeUs);
  }
  assert.equal(timeUsOf(undefined), null);
  assert.equal(timeUsOf(toTimestamp(1)), 1);
  assert.deepEqual(toTimestamp(-1).toObject(), { seconds: -1, nanos: 999_999_000 });
});
