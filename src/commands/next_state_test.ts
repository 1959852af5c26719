import assert from "node:assert/strict";
import { commandStates as states, type DownlinkEvent } from "./commands.ts";
import { isEnded } from "./command_state.ts";
import { nextState, SKEW_US } from "./next_state.ts";

const kinds: DownlinkEvent["kind"][] = ["txack", "ack", "nack", "error"];
const deadlineUs = 100_000_000;

Deno.test("states change as the table says, and in no other way", () => {
  const changes: string[] = [];
  for (const confirmed of [false, true]) {
    for (const state of states) {
      for (const kind of kinds) {
        const next = nextState({ state, confirmed, deadlineUs }, kind, 0);
        if (next === null) continue;
        assert.ok(!isEnded({ state, confirmed }), `${state} is an end`);
        changes.push(`${confirmed ? "confirmed" : "unconfirmed"} ${state} ${kind} ${next}`);
      }
    }
  }
  assert.deepEqual(changes, [
    "unconfirmed queued txack transmitted",
    "unconfirmed queued ack transmitted",
    "unconfirmed queued error failed",
    "confirmed queued txack transmitted",
    "confirmed queued ack acked",
    "confirmed queued nack nacked",
    "confirmed queued error failed",
    "confirmed transmitted ack acked",
    "confirmed transmitted nack nacked",
    "confirmed transmitted error failed",
  ]);
});

Deno.test("what ChirpStack drops about its deadline has expired", () => {
  const at = (nowUs: number) => nextState({ state: "queued", confirmed: false, deadlineUs }, "error", nowUs);
  assert.deepEqual([at(deadlineUs - SKEW_US - 1), at(deadlineUs - SKEW_US), at(deadlineUs)], [
    "failed",
    "expired",
    "expired",
  ]);
});
