import assert from "node:assert/strict";
import { configSchema } from "../config/schema.ts";
import { EventFeed } from "../telemetry/event_feed.ts";
import { FaultBoard } from "../telemetry/fault_board.ts";
import { waitFor } from "../../tests/lib/wait_for.ts";
import { DebugGate } from "./debug_gate.ts";

function gateOf(control: Record<string, unknown> = {}) {
  const clock = { nowUs: 1_000_000_000_000, monotonicMs: 0 };
  const nowUs = () => clock.nowUs;
  const faults = new FaultBoard(nowUs);
  const feed = new EventFeed(nowUs);
  const config = configSchema.parse({ runtime: { control } }).runtime.control;
  const gate = new DebugGate(() => config, nowUs, feed, faults, () => clock.monotonicMs);
  return { clock, faults, feed, gate, [Symbol.dispose]: () => gate.stop() };
}

Deno.test("debug operations are closed until somebody unlocks them, and the time is bounded", () => {
  using world = gateOf();
  const { gate, clock, faults, feed } = world;
  assert.equal(gate.isOpen(), false);
  const untilUs = gate.unlock(15, "anna");
  assert.equal(untilUs, clock.nowUs + 15 * 60_000_000);
  assert.deepEqual([gate.isOpen(), gate.openUntilUs], [true, untilUs]);
  assert.match(faults.list()[0]?.detail ?? "", /^anna unlocked debug operations until /);
  clock.nowUs = untilUs - 1;
  assert.equal(gate.isOpen(), true);
  clock.nowUs = untilUs;
  assert.deepEqual([gate.isOpen(), gate.openUntilUs], [false, null]);
  assert.deepEqual(faults.list(), []);
  assert.deepEqual(feed.since().map(({ event }) => event), ["debug_unlocked", "debug_locked"]);
  for (const minutes of [0, 0.5, 61, NaN, Infinity]) assert.throws(() => gate.unlock(minutes, "anna"), RangeError);
});

Deno.test("a clock that is set back does not keep them open", () => {
  using world = gateOf();
  const { gate, clock, faults } = world;
  gate.unlock(15, "anna");
  clock.nowUs -= 86_400_000_000;
  clock.monotonicMs = 15 * 60_000 - 1;
  assert.equal(gate.isOpen(), true);
  clock.monotonicMs++;
  assert.equal(gate.isOpen(), false);
  assert.deepEqual(faults.list(), []);
});

Deno.test("they can be closed before, and unlocking again sets a new end", () => {
  using world = gateOf();
  const { gate, clock, faults } = world;
  gate.unlock(60, "anna");
  assert.equal(gate.unlock(1, "bert"), clock.nowUs + 60_000_000);
  gate.lock("anna");
  assert.equal(gate.isOpen(), false);
  assert.deepEqual(faults.list(), []);
});

Deno.test("the fault goes when the time is over, though nobody asks", async () => {
  // the clock jumps right after the end was set: a moment is left of the minute
  let aheadUs = 0;
  const nowUs = () => {
    const timeUs = Date.now() * 1000 + aheadUs;
    aheadUs = 59_950_000;
    return timeUs;
  };
  const wallUs = () => Date.now() * 1000;
  const faults = new FaultBoard(wallUs);
  const config = configSchema.parse({}).runtime.control;
  const gate = new DebugGate(() => config, nowUs, new EventFeed(wallUs), faults);
  gate.unlock(1, "anna");
  assert.equal(faults.list().length, 1);
  await waitFor("the fault to go", () => faults.list().length === 0);
  assert.equal(gate.isOpen(), false);
});

Deno.test("mode debug opens them only together with debug_enabled", () => {
  const open = (control: Record<string, unknown>) => {
    using world = gateOf(control);
    world.gate.lock("anna");
    return world.gate.isOpen();
  };
  assert.equal(open({ mode: "debug", debug_enabled: true }), true);
  assert.equal(open({ mode: "debug" }), false);
  assert.equal(open({ debug_enabled: true }), false);
});
