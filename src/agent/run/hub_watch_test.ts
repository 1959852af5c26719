import assert from "node:assert/strict";
import { FaultBoard } from "../../telemetry/fault_board.ts";
import type { FollowStatus } from "../follow/follower.ts";
import { HubWatch } from "./hub_watch.ts";

const nowUs = 1_736_937_000_000_000;
const counts = { applied: 0, duplicates: 0, refused: 0, unknown: 0 };
const away = (code: string): FollowStatus => ({
  connected: false,
  lastHeardMs: null,
  problem: { code, text: "" },
  ...counts,
});
const here: FollowStatus = { connected: true, lastHeardMs: 0, problem: null, ...counts };

function watchOf(change: Partial<ConstructorParameters<typeof HubWatch>[0]> = {}) {
  const faults = new FaultBoard(() => nowUs);
  const clock = { ms: 0 };
  const watch = new HubWatch({
    faults,
    maxOfflineMs: null,
    offlineMsAtStart: 0,
    timeFloorUs: 0,
    nowUs: () => nowUs,
    monotonicMs: () => clock.ms,
    ...change,
  });
  return { watch, clock, codes: () => faults.list().map(({ code }) => code) };
}

Deno.test("without a limit the tunnels stay however long the hub is away, and its absence is told of", () => {
  const { watch, clock, codes } = watchOf();
  watch.look(away("unreachable"));
  assert.deepEqual(codes(), []);
  clock.ms = 30 * 86_400_000;
  watch.look(away("unreachable"));
  assert.deepEqual([watch.holdsDown, codes()], [false, ["mesh_hub_unreachable"]]);
  watch.look(here);
  assert.deepEqual(codes(), []);
});

Deno.test("a limit ends the tunnels, also over a restart, until the hub is heard again", () => {
  const { watch, clock, codes } = watchOf({ maxOfflineMs: 3_600_000, offlineMsAtStart: 3_000_000 });
  assert.equal(watch.holdsDown, false);
  clock.ms = 600_000;
  watch.look(away("unreachable"));
  assert.deepEqual([watch.holdsDown, codes().includes("mesh_offline_stopped")], [true, true]);
  watch.look(here);
  assert.deepEqual([watch.holdsDown, codes()], [false, []]);
  assert.equal(watchOf({ maxOfflineMs: 3_600_000, offlineMsAtStart: 3_600_000 }).watch.holdsDown, true);
});

Deno.test("somebody else in the hub's place, a removal and a clock behind its past have their own faults", () => {
  const { watch, codes } = watchOf({ timeFloorUs: nowUs + 3_600_000_000 });
  assert.deepEqual(codes(), ["mesh_clock_behind"]);
  watch.look(away("wrong_pin"));
  assert.ok(codes().includes("mesh_hub_wrong_key"));
  watch.look(away("node_removed"));
  assert.deepEqual(codes().toSorted(), ["mesh_clock_behind", "mesh_removed"]);
});
