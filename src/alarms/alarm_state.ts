import type { Severity } from "../config/alarm_definition.ts";
import { type QualityCode, severityOf } from "../tags/quality.ts";
import type { Value } from "../tags/tag.ts";
import type { Alarm, AlarmCause, AlarmKind, AlarmRefusal, LimitState, Shelving } from "./alarms.ts";
import { isWorse } from "./limit_state.ts";

/** The id of an alarm that never had an event. */
export const NO_EVENT = "0".repeat(32);

/** A timed shelving lasts at most so long (MaxTimeShelved, OPC 10000-9 §5.8.2). */
export const MAX_SHELVED_MS = 7 * 86_400_000;

/** What makes the next state of an alarm out of the one before. */
export interface Step {
  readonly cause: AlarmCause;
  readonly changes: Partial<Alarm>;
}

/** What the field, or a fault, says of the condition now. */
export interface Seen {
  readonly active: boolean;
  readonly limitState: LimitState | null;
  readonly severity: Severity;
  readonly message: string;
  readonly value: Value;
  readonly quality: QualityCode;
  /** When it became so, µs. */
  readonly timeUs: number;
}

/** An alarm that nothing ever happened to. */
export function newAlarm(
  { id, kind, source, name, severity, message, quality }: {
    readonly id: string;
    readonly kind: AlarmKind;
    readonly source: string;
    readonly name: string;
    readonly severity: Severity;
    readonly message: string;
    readonly quality: QualityCode;
  },
): Alarm {
  return {
    id,
    kind,
    source,
    name,
    enabled: true,
    active: false,
    limitState: null,
    acknowledged: true,
    confirmed: true,
    shelving: { kind: "unshelved" },
    retain: false,
    severity,
    message,
    value: null,
    quality,
    comment: null,
    eventId: NO_EVENT,
    timeUs: 0,
    activeSinceUs: null,
    inactiveSinceUs: null,
    acknowledgedUs: null,
    confirmedUs: null,
  };
}

/** Pure: the state after a step, with the event that tells of it. */
export function take(alarm: Alarm, { changes }: Step, timeUs: number, eventId: string): Alarm {
  const {
    enabled = alarm.enabled,
    active = alarm.active,
    acknowledged = alarm.acknowledged,
    confirmed = alarm.confirmed,
  } = changes;
  const retain = enabled && (active || !acknowledged || !confirmed);
  return { ...alarm, ...changes, retain, timeUs, eventId };
}

/**
 * Pure: what the condition as it is seen makes of the alarm; `null`: nothing. Going active, and getting worse, wants
 * acknowledging and confirming anew; going back to a lesser limit does not (OPC 10000-9 §5.7.3, annex B.1).
 */
export function follow(alarm: Alarm, seen: Seen): Step | null {
  if (!alarm.enabled) return null;
  const { active, limitState, severity, message, value, quality, timeUs } = seen;
  const shown = { message, value, quality };
  if (active && !alarm.active) {
    const changes = { ...shown, ...unanswered, active, limitState, severity };
    return { cause: "active", changes: { ...changes, activeSinceUs: timeUs, inactiveSinceUs: null } };
  }
  if (!active && alarm.active) {
    const changes = { ...shown, active, limitState: null, activeSinceUs: null, inactiveSinceUs: timeUs };
    return { cause: "inactive", changes };
  }
  if (active && limitState !== alarm.limitState) {
    const worse = isWorse(alarm.limitState, limitState);
    return { cause: "limit", changes: { ...shown, ...(worse ? unanswered : {}), limitState, severity } };
  }
  if (active && severity !== alarm.severity) {
    const worse = severity > alarm.severity;
    return { cause: "severity", changes: { ...shown, ...(worse ? unanswered : {}), severity } };
  }
  return seenAs(alarm, quality, value);
}

/** Pure: a value that says nothing of the condition, as a bad one, still tells how far the state can be trusted. */
export function seenAs(alarm: Alarm, quality: QualityCode, value: Value): Step | null {
  if (!alarm.enabled || severityOf(quality) === severityOf(alarm.quality)) return null;
  return { cause: "quality", changes: { quality, value } };
}

const unanswered = { acknowledged: false, confirmed: false, acknowledgedUs: null, confirmedUs: null } as const;

/** Pure: Acknowledge (OPC 10000-9 §5.7.3). */
export function acknowledge(alarm: Alarm, nowUs: number): Step | AlarmRefusal {
  if (!alarm.enabled) return "disabled";
  if (alarm.acknowledged) return "already_acknowledged";
  return { cause: "acknowledged", changes: { acknowledged: true, acknowledgedUs: nowUs } };
}

/** Pure: Confirm (OPC 10000-9 §5.7.4). */
export function confirm(alarm: Alarm, nowUs: number): Step | AlarmRefusal {
  if (!alarm.enabled) return "disabled";
  if (alarm.confirmed) return "already_confirmed";
  if (!alarm.acknowledged) return "not_acknowledged";
  return { cause: "confirmed", changes: { confirmed: true, confirmedUs: nowUs } };
}

/** Pure: AddComment (OPC 10000-9 §5.5.6); the comment itself is added to every step alike. */
export function comment(alarm: Alarm): Step | AlarmRefusal {
  return alarm.enabled ? { cause: "commented", changes: {} } : "disabled";
}

/** Pure: TimedShelve, or OneShotShelve with `null` (OPC 10000-9 §5.8.17). */
export function shelve(alarm: Alarm, forMs: number | null, nowUs: number): Step | AlarmRefusal {
  if (!alarm.enabled) return "disabled";
  if (forMs !== null && !(forMs > 0 && forMs <= MAX_SHELVED_MS)) return "shelving_time";
  const shelving: Shelving = forMs === null
    ? { kind: "one_shot" }
    : { kind: "timed", untilUs: nowUs + Math.round(forMs * 1000) };
  if (alarm.shelving.kind === shelving.kind) return "already_shelved";
  return { cause: "shelved", changes: { shelving } };
}

/** Pure: Unshelve (OPC 10000-9 §5.8.17), and what the clock or the end of a one-shot does by itself. */
export function unshelve(alarm: Alarm): Step | AlarmRefusal {
  if (!alarm.enabled) return "disabled";
  if (alarm.shelving.kind === "unshelved") return "not_shelved";
  return { cause: "unshelved", changes: { shelving: { kind: "unshelved" } } };
}

/** Pure: Enable (OPC 10000-9 §5.5.5). */
export function enable(alarm: Alarm): Step | AlarmRefusal {
  return alarm.enabled ? "already_enabled" : { cause: "enabled", changes: { enabled: true } };
}

/** Pure: Disable (OPC 10000-9 §5.5.4). */
export function disable(alarm: Alarm): Step | AlarmRefusal {
  return alarm.enabled ? { cause: "disabled", changes: { enabled: false } } : "already_disabled";
}

/**
 * Pure: a timed shelving after the clock was set back by so much, µs; `null`: it stays as it is. It never lasts longer
 * than one can be asked for, wherever the clock was when somebody did.
 */
export function setBackShelving({ shelving }: Alarm, byUs: number, nowUs: number): Step | null {
  if (shelving.kind !== "timed") return null;
  const untilUs = Math.min(shelving.untilUs - byUs, nowUs + MAX_SHELVED_MS * 1000);
  return untilUs === shelving.untilUs ? null : { cause: "shelved", changes: { shelving: { kind: "timed", untilUs } } };
}

/** Pure: whether a timed shelving is over. */
export function isShelvingOver({ shelving }: Alarm, nowUs: number): boolean {
  return shelving.kind === "timed" && nowUs >= shelving.untilUs;
}
