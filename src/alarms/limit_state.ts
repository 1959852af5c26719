import type { LimitAlarmDefinition } from "../config/alarm_definition.ts";
import type { LimitState } from "./alarms.ts";

/** The key of the configuration that each state belongs to. */
export const limitKeys = { HighHigh: "hihi", High: "hi", Low: "lo", LowLow: "lolo" } as const;

/**
 * Pure: which limit a value exceeds; `null`: none. A limit is reached at its value, and left when the value comes back by
 * more than the deadband (OPC 10000-9 §5.8.19.3: one state at a time, the outermost).
 *
 * @param current the state before, which the deadband holds
 */
export function limitStateOf(
  { limits: { lolo, lo, hi, hihi }, deadband }: Pick<LimitAlarmDefinition, "limits" | "deadband">,
  value: number,
  current: LimitState | null,
): LimitState | null {
  const isHigh = current === "High" || current === "HighHigh";
  const isLow = current === "Low" || current === "LowLow";
  if (above(value, hihi, current === "HighHigh" ? deadband : 0)) return "HighHigh";
  if (above(-value, negative(lolo), current === "LowLow" ? deadband : 0)) return "LowLow";
  // who comes down from HighHigh was above High, so its deadband holds as well
  if (above(value, hi, isHigh ? deadband : 0)) return "High";
  if (above(-value, negative(lo), isLow ? deadband : 0)) return "Low";
  return null;
}

/** Whether going from one state to the other makes things worse: further out on the same side, or to the other side. */
export function isWorse(from: LimitState | null, to: LimitState | null): boolean {
  if (to === null || from === to) return false;
  return !(from === "HighHigh" && to === "High") && !(from === "LowLow" && to === "Low");
}

/** Whether both lie on one side of normal. */
export function isSameSide(one: LimitState | null, other: LimitState | null): boolean {
  const isHigh = (state: LimitState | null) => state === "High" || state === "HighHigh";
  return isHigh(one) === isHigh(other);
}

function above(value: number, limit: number | null, deadband: number): boolean {
  return limit !== null && value >= limit - deadband;
}

function negative(limit: number | null): number | null {
  return limit === null ? null : -limit;
}
