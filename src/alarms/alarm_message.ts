import type { LimitAlarmDefinition, OffNormalAlarmDefinition } from "../config/alarm_definition.ts";
import type { Value } from "../tags/tag.ts";
import type { LimitState } from "./alarms.ts";
import { limitKeys } from "./limit_state.ts";

const words = { HighHigh: "high-high", High: "high", Low: "low", LowLow: "low-low" } as const;

/** What people read of a limit alarm: the configured words while it is active, or what is made from value and limit. */
export function limitMessage(
  { name, limits, message }: LimitAlarmDefinition,
  state: LimitState | null,
  value: Value,
  unit: string,
): string {
  if (state === null) return `${name} is back within its limits: ${withUnit(value, unit)}`;
  if (message !== null) return message;
  const limit = limits[limitKeys[state]];
  return `${name} is ${withUnit(value, unit)}: ${words[state]} limit ${withUnit(limit, unit)}`;
}

/** What people read of a two-state alarm. */
export function offNormalMessage({ name, message }: OffNormalAlarmDefinition, active: boolean, value: Value): string {
  if (!active) return `${name} is back in its normal state: ${value}`;
  return message ?? `${name} is not in its normal state: ${value}`;
}

function withUnit(value: Value, unit: string): string {
  return unit === "" ? String(value) : `${value} ${unit}`;
}
