import assert from "node:assert/strict";
import { FaultBoard } from "../telemetry/fault_board.ts";
import { waitFor } from "../../tests/lib/wait_for.ts";
import { RestartablePart } from "./restartable_part.ts";

/** A part whose next starts fail as often as `failures` says. */
function world(failures = 0) {
  const events: string[] = [];
  const faults = new FaultBoard(() => 0);
  const state = { failures };
  let count = 0;
  const part = new RestartablePart({
    name: "web",
    faults,
    backoff: { firstMs: 1, maxMs: 2 },
    start: () => {
      if (state.failures > 0) {
        state.failures--;
        events.push("failed");
        return Promise.reject(new Error("The port is taken"));
      }
      const id = ++count;
      events.push(`start ${id}`);
      return Promise.resolve({ id, stop: () => Promise.resolve(void events.push(`stop ${id}`)) });
    },
  });
  return { part, events, faults, state };
}

Deno.test("a part restarts: the old one has stopped before the new one starts", async () => {
  const { part, events } = world();
  await part.start();
  assert.equal(part.running?.id, 1);
  await Promise.all([part.restart(), part.restart()]);
  assert.equal(part.running?.id, 3);
  await part.stop();
  assert.equal(part.running, null);
  assert.deepEqual(events, ["start 1", "stop 1", "start 2", "stop 2", "start 3", "stop 3"]);
});

Deno.test("a first start that fails says so", async () => {
  const { part, faults } = world(1);
  await assert.rejects(part.start(), /The port is taken/);
  assert.deepEqual(faults.list(), []);
});

Deno.test("a part that is revived is tried until it starts, and the fault stands meanwhile", async () => {
  const { part, events, faults, state } = world();
  await part.start();
  state.failures = 3;
  const seen: string[] = [];
  faults.subscribe(({ code, subject }, active) => seen.push(`${code} ${subject} ${active}`));
  await part.revive();
  await waitFor("the part to run again", () => part.running !== null);
  assert.deepEqual(events, ["start 1", "stop 1", "failed", "failed", "failed", "start 2"]);
  assert.deepEqual(seen, ["part_down web true", "part_down web false"]);
  await part.stop();
});

Deno.test("a part that is stopped while it is down is not tried again", async () => {
  const { part, events, state } = world();
  await part.start();
  state.failures = 1000;
  await part.revive();
  await part.stop();
  const tried = events.length;
  await part.restart();
  assert.equal(events.length, tried);
});
