import type { Command, CommandState, DownlinkEvent } from "./commands.ts";

/** How far the clocks of this machine and of ChirpStack may differ where a deadline decides, µs. */
export const SKEW_US = 5_000_000;

/**
 * The state that a command goes to when this is told of its downlink; `null`: the one it is in. Pure. What is told again
 * changes nothing, and what has ended stays as it is.
 */
export function nextState(
  { state, confirmed, deadlineUs }: Pick<Command, "state" | "confirmed" | "deadlineUs">,
  kind: DownlinkEvent["kind"],
  nowUs: number,
): CommandState | null {
  const isSent = state === "transmitted" && confirmed;
  if (state !== "queued" && !isSent) return null;
  switch (kind) {
    case "txack":
      return isSent ? null : "transmitted";
    case "ack":
      return confirmed ? "acked" : "transmitted";
    case "nack":
      return confirmed ? "nacked" : null;
    case "error":
      return !isSent && nowUs >= deadlineUs - SKEW_US ? "expired" : "failed";
  }
}
