import type { Caller } from "../access/principal.ts";
import type { AlarmDefinition, Severity } from "../config/alarm_definition.ts";
import type { QualityCode } from "../tags/quality.ts";
import type { Value } from "../tags/tag.ts";
import type { AlarmsStatus } from "../telemetry/status.ts";

/** What an alarm watches. The last three follow faults of the gateway itself. */
export type AlarmKind = AlarmDefinition["kind"] | "source_outage" | "certificate_expiry" | "storage";

/** Which limit is exceeded; one at a time (ExclusiveLimitAlarmType, OPC 10000-9 §5.8.19.3). */
export type LimitState = "HighHigh" | "High" | "Low" | "LowLow";

/** OPC 10000-9 §5.8.17. */
export type Shelving =
  | { readonly kind: "unshelved" }
  | { readonly kind: "timed"; readonly untilUs: number }
  | { readonly kind: "one_shot" };

/** What somebody wrote to an alarm. */
export interface AlarmComment {
  readonly text: string;
  readonly by: string;
  readonly timeUs: number;
}

/** The state of one alarm (OPC 10000-9 §5.5 to §5.8). Replaced, never changed in place. Times in µs. */
export interface Alarm {
  /** The condition's id: its node's identifier. */
  readonly id: string;
  readonly kind: AlarmKind;
  /** What it is about: a TagId, a DevEUI, or `gateway`. */
  readonly source: string;
  /** For people: the tag's or device's name, or the fault's title. */
  readonly name: string;
  readonly enabled: boolean;
  readonly active: boolean;
  /** `null` while inactive, and for an alarm without limits. */
  readonly limitState: LimitState | null;
  readonly acknowledged: boolean;
  readonly confirmed: boolean;
  readonly shelving: Shelving;
  /** Of interest to an operator: active, or not yet acknowledged and confirmed; never while it is disabled. */
  readonly retain: boolean;
  readonly severity: Severity;
  readonly message: string;
  /** Value and quality of the tag when the state last changed; `null` for an alarm without a tag. */
  readonly value: Value;
  readonly quality: QualityCode;
  readonly comment: AlarmComment | null;
  /** Id of the newest event, 16 bytes as 32 hex digits; all zeros before the first. */
  readonly eventId: string;
  /** When the newest event happened: the time of the sample, or of the call. */
  readonly timeUs: number;
  readonly activeSinceUs: number | null;
  readonly inactiveSinceUs: number | null;
  readonly acknowledgedUs: number | null;
  readonly confirmedUs: number | null;
}

/** What made an event. */
export type AlarmCause =
  | "active"
  | "inactive"
  | "limit"
  | "severity"
  /** What it is based on became good, uncertain or bad. */
  | "quality"
  | "acknowledged"
  | "confirmed"
  | "commented"
  | "shelved"
  | "unshelved"
  | "enabled"
  | "disabled"
  | "removed";

/** One event of an alarm: its state right after, as subscribers, clients and the journal get it. */
export interface AlarmEvent {
  /** Counts up over restarts; the journal's key. */
  readonly sequence: number;
  readonly cause: AlarmCause;
  /** Who did it; `null` for what the field or the clock did. */
  readonly by: string | null;
  readonly alarm: Alarm;
}

/** Which events of the journal to read. */
export interface JournalQuery {
  /** Both inclusive, by the event's time; `null` leaves that side open. */
  readonly fromUs: number | null;
  readonly toUs: number | null;
  readonly direction: "forward" | "reverse";
  /** 1 to 10,000; a page may hold fewer events and still not be the last. */
  readonly limit: number;
  /** Only events of these sources or ids. */
  readonly source?: string;
  readonly id?: string;
  /** Go on behind the event with this position (exclusive). */
  readonly after?: JournalCursor;
}

/** A place in the journal, ordered by time and then sequence. */
export interface JournalCursor {
  readonly timeUs: number;
  readonly sequence: number;
}

/** A page of the journal. */
export interface JournalPage {
  readonly events: readonly AlarmEvent[];
  /** `null` when this was the last. */
  readonly next: JournalCursor | null;
}

/** Why an alarm's method was refused; each is one status code of OPC 10000-9. */
export type AlarmRefusal =
  /** There is no such alarm. */
  | "unknown_alarm"
  /** The event is not one that can be acknowledged: older than the alarm's newest, or made up. */
  | "unknown_event"
  | "already_acknowledged"
  | "already_confirmed"
  /** Confirm before acknowledge. */
  | "not_acknowledged"
  | "already_enabled"
  | "already_disabled"
  /** The alarm is disabled: nothing can be done with it. */
  | "disabled"
  | "already_shelved"
  | "not_shelved"
  /** A shelving time of 0 or above the most that is allowed. */
  | "shelving_time";

export type AlarmAnswer =
  | { readonly ok: true; readonly alarm: Alarm }
  | { readonly ok: false; readonly reason: AlarmRefusal; readonly message: string };

/** What to do with an alarm, and who wants it. */
export interface AlarmRequest {
  readonly id: string;
  /** The event that was seen; without it the newest. */
  readonly eventId?: string;
  readonly comment?: string;
  readonly by: Caller;
}

/** Counts for status, metrics and the head of a page. */
export type AlarmCounts = AlarmsStatus;

/** The gateway's alarms: states, methods and journal. State and ids survive a restart. */
export interface Alarms {
  /** All of them, in the order of their definition, the gateway's own last. */
  list(): readonly Alarm[];
  get(id: string): Alarm | undefined;
  /** The definition of an alarm that the configuration defines. */
  definition(id: string): AlarmDefinition | undefined;
  counts(): AlarmCounts;
  /** Every event, in order, after it was stored. A listener must not throw. */
  subscribe(listener: (event: AlarmEvent) => void): () => void;
  acknowledge(request: AlarmRequest): AlarmAnswer;
  confirm(request: AlarmRequest): AlarmAnswer;
  addComment(request: AlarmRequest): AlarmAnswer;
  /** @param forMs time of a timed shelving, at most 7 days; `null`: until it goes inactive once */
  shelve(request: AlarmRequest, forMs: number | null): AlarmAnswer;
  unshelve(request: AlarmRequest): AlarmAnswer;
  enable(request: AlarmRequest): AlarmAnswer;
  disable(request: AlarmRequest): AlarmAnswer;
  journal(query: JournalQuery): JournalPage;
  /** Follows a changed configuration: what stays keeps its state, what is new begins inactive, what is gone is removed. */
  define(definitions: readonly AlarmDefinition[]): void;
  /** Told of definitions that came, went or changed, after {@link Alarms.define}. */
  onDefinitions(listener: () => void): () => void;
  stop(): Promise<void>;
}
