import type { Command, CommandState } from "./commands.ts";

/** States that a command may leave. */
const passing: ReadonlySet<CommandState> = new Set(["pending", "queued"]);

/** Whether nothing more comes: an unconfirmed command ends when it was transmitted. */
export function isEnded({ state, confirmed }: Pick<Command, "state" | "confirmed">): boolean {
  return state === "transmitted" ? !confirmed : !passing.has(state);
}

/** Whether it did what it should: acknowledged, or transmitted where no acknowledgement was asked for. */
export function isDone({ state, confirmed }: Pick<Command, "state" | "confirmed">): boolean {
  return state === "acked" || (state === "transmitted" && !confirmed);
}
