import type { TagId } from "../tags/tag.ts";

/** Severities of OPC 10000-5 §6.4.2, 1 to 1000. */
export type Severity = number;

/** The four limits of OPC 10000-9 §5.8.18; a limit that is not set is never reached. */
export interface AlarmLimits {
  readonly lolo: number | null;
  readonly lo: number | null;
  readonly hi: number | null;
  readonly hihi: number | null;
}

interface TagAlarm {
  /** `<tag>/$alarm`, which is also the identifier of the condition's node. */
  readonly id: string;
  readonly tagId: TagId;
  /** Of device and tag, for people. */
  readonly name: string;
  /** A condition must last so long before it becomes active, ms. */
  readonly delayMs: number;
  /** What people read instead of the derived message; `null`: derived. */
  readonly message: string | null;
}

/** A tag's value beyond a limit. */
export interface LimitAlarmDefinition extends TagAlarm {
  readonly kind: "limit";
  readonly limits: AlarmLimits;
  /** How far the value must come back before a limit is left, in the tag's unit. */
  readonly deadband: number;
  readonly severities: { readonly [K in keyof AlarmLimits]: Severity };
}

/** A two-state tag that is not in its normal state (OPC 10000-9 §5.8.23). */
export interface OffNormalAlarmDefinition extends TagAlarm {
  readonly kind: "off_normal";
  readonly normal: boolean;
  readonly severity: Severity;
}

/** A device that was not heard for longer than its values keep. */
export interface StaleDeviceAlarmDefinition {
  readonly kind: "stale_device";
  /** `<DevEUI>/$alarm`. */
  readonly id: string;
  readonly devEui: string;
  readonly deviceName: string;
  readonly severity: Severity;
}

/** An alarm that the configuration defines. Those of the gateway itself follow its faults and are always there. */
export type AlarmDefinition = LimitAlarmDefinition | OffNormalAlarmDefinition | StaleDeviceAlarmDefinition;
