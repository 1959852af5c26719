import type { Position } from "../files/position.ts";

/** What came with a valid signature of the hub, for this node, fresh and never seen before. */
export interface Arrival {
  /** Events allocate a sequence; states and ticks carry that of the last event. */
  readonly kind: "event" | "state" | "tick";
  readonly epoch: number;
  readonly sequence: number;
  readonly keyIndex: number;
  /** Hash of the state; `null` for an event. */
  readonly stateSha256: string | null;
}

/** What this node knows beside its position. */
export interface JudgeFacts {
  /** The epoch that an accepted recovery named; 0 without one. */
  readonly recoveredEpoch: number;
  /** Root on this machine said that the next state counts, wherever it is. */
  readonly acceptAnyPosition: boolean;
}

/** What to do with it. */
export type Judgement =
  /** Write the position down, then act on the event. */
  | { readonly verdict: "apply"; readonly position: Position }
  /** Write state and position down, then act on the state. */
  | { readonly verdict: "take_state"; readonly position: Position }
  /** A tick that fits; its hash belongs to the position. */
  | { readonly verdict: "in_step"; readonly position: Position }
  | { readonly verdict: "duplicate" }
  /** Something is missing: ask for the state. */
  | { readonly verdict: "fetch_state" }
  /** The hub's history is not the one that this node followed; nothing of it is acted on. */
  | { readonly verdict: "refuse"; readonly code: "hub_rolled_back" | "hub_forked" | "hub_recovered_needed" };

/** Pure: the receiving rules of the mesh protocol (§5.3), for what has passed every check before them. */
export function judgePosition(position: Position, arrival: Arrival, facts: JudgeFacts): Judgement {
  const { kind, epoch, sequence, keyIndex, stateSha256 } = arrival;
  const reached: Position = { epoch, sequence, state_sha256: stateSha256, key_index: keyIndex };
  const takeState: Judgement = { verdict: "take_state", position: reached };
  if (kind === "state" && facts.acceptAnyPosition) return takeState;
  if (epoch < position.epoch) return refuse("hub_rolled_back");
  if (epoch > position.epoch) {
    if (epoch !== facts.recoveredEpoch) return refuse("hub_recovered_needed");
    // sequences of a new epoch do not continue those of the old one
    return kind === "state" ? takeState : { verdict: "fetch_state" };
  }
  if (kind === "event") {
    if (sequence <= position.sequence) return { verdict: "duplicate" };
    return sequence === position.sequence + 1 ? { verdict: "apply", position: reached } : { verdict: "fetch_state" };
  }
  if (sequence < position.sequence) return refuse("hub_rolled_back");
  if (sequence === position.sequence) {
    if (position.state_sha256 !== null && position.state_sha256 !== stateSha256) return refuse("hub_forked");
    return kind === "state" ? takeState : { verdict: "in_step", position: reached };
  }
  return kind === "state" ? takeState : { verdict: "fetch_state" };
}

function refuse(code: "hub_rolled_back" | "hub_forked" | "hub_recovered_needed"): Judgement {
  return { verdict: "refuse", code };
}
