import assert from "node:assert/strict";
import { FaultBoard } from "../telemetry/fault_board.ts";
import { ClockAheadWatch } from "./clock_ahead_watch.ts";

Deno.test("a device with a clock ahead is shown until an hour after its last wrong time", () => {
  const faults = new FaultBoard(() => 0);
  const watch = new ClockAheadWatch(faults);
  const subjects = () => faults.list().map((fault) => [fault.code, fault.subject]);
  watch.report("0011223344556677", 0);
  watch.report("8899aabbccddeeff", 3_000_000_000);
  watch.sweep(3_599_999_999);
  assert.equal(subjects().length, 2);
  watch.sweep(3_600_000_000);
  assert.deepEqual(subjects(), [["device_clock_ahead", "8899aabbccddeeff"]]);
});
