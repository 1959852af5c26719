import type { AlarmDefinition, LimitAlarmDefinition } from "../config/alarm_definition.ts";
import { Quality } from "../tags/quality.ts";
import { type AlarmEntry, idOf, kindOf, type Watched, watchedBy } from "./alarm_entry.ts";
import type { StoredAlarm } from "./alarm_file.ts";
import * as state from "./alarm_state.ts";
import type {
  Alarm,
  AlarmAnswer,
  AlarmCause,
  AlarmCounts,
  AlarmEvent,
  AlarmRefusal,
  AlarmRequest,
  Alarms,
  JournalPage,
  JournalQuery,
} from "./alarms.ts";
import { ConditionWatch } from "./condition_watch.ts";
import { gatewayAlarms, severityOfFault } from "./gateway_alarms.ts";
import { Journal } from "./journal.ts";
import type { AlarmsOptions } from "./open_alarms.ts";
import { refusalText } from "./refusal_text.ts";

/** Events of one alarm that can be acknowledged: the newest ones since it last wanted acknowledging. */
const MOST_ANSWERABLE = 16;
const LONGEST_COMMENT = 1_000;
const SWEEP_MS = 500;
const FAULT_HOLD_MS = 10_000;
/** From this severity on an alarm is an error in the feed. */
const ERROR_SEVERITY = 700;

/** The alarms of the gateway: their states, what people do with them, and their events. */
export class AlarmEngine implements Alarms {
  readonly #options: AlarmsOptions;
  readonly #journal: Journal;
  readonly #watch: ConditionWatch;
  #entries = new Map<string, AlarmEntry>();
  readonly #listeners = new Set<(event: AlarmEvent) => void>();
  readonly #definitionListeners = new Set<() => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #idPrefix = crypto.getRandomValues(new Uint8Array(8)).toHex();
  #idCount = 0;

  constructor(options: AlarmsOptions) {
    this.#options = options;
    const { config, dataDir, tags, faults, nowUs, faultHoldMs = FAULT_HOLD_MS, sweepMs = SWEEP_MS } = options;
    this.#journal = new Journal({
      dataDir,
      synchronous: config.synchronous,
      get retentionDays() {
        return config.journal_retention_days;
      },
      faults,
      nowUs,
      tell: (event) => {
        for (const listener of this.#listeners) listener(event);
      },
      stateOf: (id) => this.#storedState(id),
      loaded: (stored) => this.#takeLate(stored),
      ids: () => this.#entries.keys(),
    });
    this.#watch = new ConditionWatch({
      tags,
      faults,
      nowUs,
      faultHoldMs,
      apply: (entry, step, timeUs) => this.#apply(entry, step, timeUs, null),
    });
    this.#take(options.definitions, this.#journal.loaded);
    this.#timer = setInterval(() => this.#watch.sweep(), sweepMs);
  }

  list(): readonly Alarm[] {
    return [...this.#entries.values()].map(({ alarm }) => alarm);
  }

  get(id: string): Alarm | undefined {
    return this.#entries.get(id)?.alarm;
  }

  definition(id: string): AlarmDefinition | undefined {
    const watched = this.#entries.get(id)?.watched;
    return watched === undefined || watched.what === "faults" ? undefined : watched.definition;
  }

  counts(): AlarmCounts {
    let active = 0;
    let unacknowledged = 0;
    let shelved = 0;
    for (const { alarm } of this.#entries.values()) {
      if (!alarm.enabled) continue;
      if (alarm.active) active++;
      if (!alarm.acknowledged) unacknowledged++;
      if (alarm.shelving.kind !== "unshelved") shelved++;
    }
    return { total: this.#entries.size, active, unacknowledged, shelved };
  }

  subscribe(listener: (event: AlarmEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  acknowledge(request: AlarmRequest): AlarmAnswer {
    return this.#do("acknowledge", request, state.acknowledge);
  }

  confirm(request: AlarmRequest): AlarmAnswer {
    return this.#do("confirm", request, state.confirm);
  }

  addComment(request: AlarmRequest): AlarmAnswer {
    return this.#do("comment", request, state.comment);
  }

  shelve(request: AlarmRequest, forMs: number | null): AlarmAnswer {
    return this.#do("shelve", request, (alarm, nowUs) => state.shelve(alarm, forMs, nowUs));
  }

  unshelve(request: AlarmRequest): AlarmAnswer {
    return this.#do("unshelve", request, state.unshelve);
  }

  enable(request: AlarmRequest): AlarmAnswer {
    return this.#do("enable", request, state.enable);
  }

  disable(request: AlarmRequest): AlarmAnswer {
    return this.#do("disable", request, state.disable);
  }

  journal(query: JournalQuery): JournalPage {
    return this.#journal.page(query);
  }

  define(definitions: readonly AlarmDefinition[]): void {
    this.#take(definitions, []);
    for (const listener of this.#definitionListeners) listener();
  }

  onDefinitions(listener: () => void): () => void {
    this.#definitionListeners.add(listener);
    return () => this.#definitionListeners.delete(listener);
  }

  stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#watch.stop();
    this.#journal.stop();
    return Promise.resolve();
  }

  /** @param stored states of alarms that are not in memory */
  #take(definitions: readonly AlarmDefinition[], stored: readonly StoredAlarm[]): void {
    const wanted = new Map(
      [...definitions.map(watchedBy), ...gatewayAlarms.map((gateway): Watched => ({ what: "faults", gateway }))]
        .map((watched) => [idOf(watched), watched]),
    );
    const known = new Map<string, StoredAlarm & { readonly pending?: AlarmEntry["pending"] }>(this.#entries);
    for (const one of stored) known.set(one.alarm.id, one);
    for (const { alarm } of known.values()) {
      const next = wanted.get(alarm.id);
      if (next !== undefined && kindOf(next) === alarm.kind) continue;
      known.delete(alarm.id);
      // who never heard of it need not hear that it went
      if (alarm.eventId !== state.NO_EVENT) this.#tellRemoved(alarm);
    }
    this.#entries = new Map();
    for (const [id, watched] of wanted) {
      const fresh = this.#fresh(watched);
      const { alarm, answerable, pending = null } = known.get(id) ?? { alarm: fresh, answerable: [] };
      const { source, name } = fresh;
      this.#entries.set(id, { watched, alarm: { ...alarm, source, name }, answerable, pending, dueUs: 0 });
    }
    this.#watch.watch(this.#entries.values());
  }

  /**
   * A file that could not be read at the start, as on a full disk, can be now: what people did before counts, unless the
   * alarm has a history since.
   */
  #takeLate(stored: readonly StoredAlarm[]): void {
    let isOther = false;
    for (const { alarm, answerable } of stored) {
      const entry = this.#entries.get(alarm.id);
      if (entry?.alarm.eventId !== state.NO_EVENT || kindOf(entry.watched) !== alarm.kind) continue;
      const { source, name } = entry.alarm;
      entry.alarm = { ...alarm, source, name };
      entry.answerable = answerable;
      isOther = true;
    }
    if (!isOther) return;
    this.#watch.watch(this.#entries.values());
    for (const listener of this.#definitionListeners) listener();
  }

  #fresh(watched: Watched): Alarm {
    const quality = Quality.Good;
    if (watched.what === "faults") {
      const { id, kind, name } = watched.gateway;
      const message = `${name}: nothing to report`;
      return state.newAlarm({ id, kind, source: "gateway", name, severity: severityOfFault.warning, message, quality });
    }
    const { id, kind } = watched.definition;
    if (watched.what === "device") {
      const { devEui: source, deviceName: name, severity } = watched.definition;
      return state.newAlarm({ id, kind, source, name, severity, message: `${name} is heard`, quality });
    }
    const { definition } = watched;
    const { tagId: source, name } = definition;
    const tag = this.#options.tags.get(source);
    return state.newAlarm({
      id,
      kind,
      source,
      name,
      severity: definition.kind === "limit" ? leastSeverity(definition) : definition.severity,
      message: `${name} is ${definition.kind === "limit" ? "within its limits" : "in its normal state"}`,
      quality: tag?.quality ?? Quality.BadWaitingForInitialData,
    });
  }

  #do(
    what: string,
    { id, eventId, comment, by }: AlarmRequest,
    stepOf: (alarm: Alarm, nowUs: number) => state.Step | AlarmRefusal,
  ): AlarmAnswer {
    const refuse = (reason: AlarmRefusal): AlarmAnswer => ({
      ok: false,
      reason,
      message: refusalText(what, id, reason),
    });
    const entry = this.#entries.get(id);
    if (entry === undefined) return refuse("unknown_alarm");
    const nowUs = this.#options.nowUs();
    const step = stepOf(entry.alarm, nowUs);
    if (typeof step === "string") return refuse(step);
    if (eventId !== undefined && !entry.answerable.includes(eventId)) return refuse("unknown_event");
    const name = by.principal?.name.slice(0, 64) ?? "unknown";
    const text = comment === undefined ? "" : plain(comment);
    const changes = text === "" ? step.changes : { ...step.changes, comment: { text, by: name, timeUs: nowUs } };
    this.#apply(entry, { ...step, changes }, nowUs, name);
    this.#watch.acted(entry, step.cause);
    this.#journal.flush();
    return { ok: true, alarm: entry.alarm };
  }

  #apply(entry: AlarmEntry, step: state.Step, timeUs: number, by: string | null): void {
    const { cause, changes } = step;
    if (cause === "quality" && !entry.alarm.retain) {
      // nobody looks at an alarm that is not of interest
      entry.alarm = { ...entry.alarm, ...changes };
      return;
    }
    const alarm = state.take(entry.alarm, step, timeUs, this.#nextEventId());
    entry.alarm = alarm;
    entry.answerable = changes.acknowledged === false
      ? [alarm.eventId]
      : [...entry.answerable.slice(1 - MOST_ANSWERABLE), alarm.eventId];
    this.#record(alarm, cause, by, entry.answerable);
    this.#tellFeed(alarm, cause);
    if (cause === "inactive" && alarm.shelving.kind === "one_shot") {
      const over = state.unshelve(alarm);
      if (typeof over !== "string") this.#apply(entry, over, timeUs, null);
    }
  }

  #record(alarm: Alarm, cause: AlarmCause, by: string | null, answerable: readonly string[]): void {
    this.#journal.add({ sequence: this.#journal.nextSequence(), cause, by, alarm }, answerable);
  }

  #tellRemoved(alarm: Alarm): void {
    const changes = { enabled: false, active: false, limitState: null };
    const gone = state.take(alarm, { cause: "removed", changes }, this.#options.nowUs(), this.#nextEventId());
    this.#record(gone, "removed", null, []);
  }

  /** Faults have lines of their own, and a shelved alarm is one that nobody wants to hear of. */
  #tellFeed({ kind, source, severity, message, shelving }: Alarm, cause: AlarmCause): void {
    if (source === "gateway" || shelving.kind !== "unshelved") return;
    const { feed } = this.#options;
    const subject = kind === "stale_device" ? source : source.slice(0, source.indexOf("/"));
    if (cause === "active" || cause === "limit") {
      feed.add(severity >= ERROR_SEVERITY ? "error" : "warning", "alarm_active", subject, message);
    } else if (cause === "inactive") feed.add("info", "alarm_inactive", subject, message);
  }

  #storedState(id: string): StoredAlarm | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined || entry.alarm.eventId === state.NO_EVENT ? undefined : entry;
  }

  #nextEventId(): string {
    return this.#idPrefix + (++this.#idCount).toString(16).padStart(16, "0");
  }
}

function leastSeverity({ limits, severities }: LimitAlarmDefinition): number {
  const keys = ["lolo", "lo", "hi", "hihi"] as const;
  return Math.min(...keys.filter((key) => limits[key] !== null).map((key) => severities[key]));
}

/** A comment without what would disturb a log or a terminal, and not without end. */
function plain(comment: string): string {
  return comment.replace(/[\p{Cc}\s]+/gu, " ").trim().slice(0, LONGEST_COMMENT);
}
