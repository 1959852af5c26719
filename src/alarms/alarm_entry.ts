import type {
  AlarmDefinition,
  LimitAlarmDefinition,
  OffNormalAlarmDefinition,
  StaleDeviceAlarmDefinition,
} from "../config/alarm_definition.ts";
import type { Seen } from "./alarm_state.ts";
import type { Alarm, AlarmKind } from "./alarms.ts";
import type { GatewayAlarm } from "./gateway_alarms.ts";

/** What an alarm watches. */
export type Watched =
  | { readonly what: "tag"; readonly definition: LimitAlarmDefinition | OffNormalAlarmDefinition }
  | { readonly what: "device"; readonly definition: StaleDeviceAlarmDefinition }
  | { readonly what: "faults"; readonly gateway: GatewayAlarm };

/** A condition that has not lasted long enough yet. */
export interface Pending {
  /** Since when it may have lasted, µs. */
  readonly sinceUs: number;
  /** When it becomes active by the clock, µs. */
  readonly dueUs: number;
  readonly seen: Seen;
}

/** An alarm and what is known beside its state. */
export interface AlarmEntry {
  readonly watched: Watched;
  alarm: Alarm;
  /** Ids of the events that can be acknowledged: those since it last wanted acknowledging. */
  answerable: readonly string[];
  pending: Pending | null;
  /** When to look again, µs: at a device that may have fallen silent, at a fault that went. */
  dueUs: number;
}

/** What a definition watches. */
export function watchedBy(definition: AlarmDefinition): Watched {
  return definition.kind === "stale_device" ? { what: "device", definition } : { what: "tag", definition };
}

/** The condition's id. */
export function idOf(watched: Watched): string {
  return watched.what === "faults" ? watched.gateway.id : watched.definition.id;
}

/** What kind of alarm it is. */
export function kindOf(watched: Watched): AlarmKind {
  return watched.what === "faults" ? watched.gateway.kind : watched.definition.kind;
}
