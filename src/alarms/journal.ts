import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import { openDatabase, setAside, SetAsideError } from "../history/database_file.ts";
import { troubleOf } from "../history/sqlite_error.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { ALARM_APPLICATION_ID, AlarmFile, alarmMigrations, type StoredAlarm } from "./alarm_file.ts";
import type { AlarmEvent, JournalPage, JournalQuery } from "./alarms.ts";

const log = getLogger(["edgekeep", "alarms"]);

/** Events in one transaction. */
const SLICE = 64;
/** One turn of the loop writes and tells for so long, ms. */
const TURN_MS = 8;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** Events that wait for a disk that refuses; the oldest are dropped beyond. */
const MOST_WAITING = 10_000;
/** Events that the journal keeps whatever their age, about 0.9 GB. */
const MOST_EVENTS = 1_000_000;
/** Events of one page: the query runs in the gateway's thread. */
const MOST_ON_PAGE = 1_000;
/** A file that is damaged again and again tells of a broken disk: it is replaced so often, then writing just fails. */
const MOST_REPLACEMENTS = 3;
const PRUNE_ROWS = 200;
const PRUNE_PAUSE_MS = 50;
const PRUNE_MS = 3_600_000;
const DAY_US = 86_400_000_000;

/** What the journal needs from outside. */
export interface JournalOptions {
  /** `alarms.db` lies there. */
  readonly dataDir: string;
  readonly synchronous: "NORMAL" | "FULL";
  readonly retentionDays: number;
  readonly faults: FaultBoard;
  readonly nowUs: () => number;
  /** Told of each event, in order, after it was stored, or after the disk refused it. */
  readonly tell: (event: AlarmEvent) => void;
  /** The state of an alarm now; `undefined` when it is gone, or nothing ever happened to it. */
  readonly stateOf: (id: string) => StoredAlarm | undefined;
  /** Told of the states in a file that was opened, after the start as well. */
  readonly loaded: (stored: readonly StoredAlarm[]) => void;
  /** Every alarm that there is. */
  readonly ids: () => Iterable<string>;
}

type Waiting = AlarmEvent & StoredAlarm & { sequence: number; told: boolean };

/**
 * States and events of alarms in `alarms.db`. Events are written in small transactions within the turn of the loop that
 * follows, so that a storm stalls nobody; while the disk refuses they wait in memory, bounded.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #path: string;
  readonly #waiting: Waiting[] = [];
  /** Alarms whose stored state is not what it is, although no event of theirs waits. */
  readonly #dirty = new Set<string>();
  #file: AlarmFile | null = null;
  #loaded: readonly StoredAlarm[] = [];
  #sequence = 0;
  #dropped = 0;
  #replacements = 0;
  #retryMs = 0;
  /** When a disk that refused is tried again, on the clock of `performance.now()`. */
  #retryAtMs = 0;
  #timer: { readonly id: ReturnType<typeof setTimeout>; readonly dueMs: number } | undefined;
  #pruneTimer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#path = join(options.dataDir, "alarms.db");
    try {
      this.#open();
    } catch (error) {
      this.#failed(error);
    }
    this.#pruneTimer = setTimeout(() => this.#prune(), 60_000);
  }

  /** What was stored when the file was opened. */
  get loaded(): readonly StoredAlarm[] {
    return this.#loaded;
  }

  /** The number of the next event. */
  nextSequence(): number {
    return ++this.#sequence;
  }

  /** Takes an event on; it is stored and told of soon. */
  add(event: AlarmEvent, answerable: readonly string[]): void {
    this.#waiting.push({ ...event, answerable, told: false });
    if (this.#waiting.length > MOST_WAITING) this.#drop();
    this.#schedule(0);
  }

  /** Stores what waits now, as far as one turn reaches: what a person did is on the disk before the answer. */
  flush(): void {
    if (this.#retryMs === 0) this.#turn();
  }

  /** A page of the journal; what waits for the disk is part of it. It may hold fewer events than asked for, and go on. */
  page(query: JournalQuery): JournalPage {
    this.flush();
    const limit = Math.min(query.limit, MOST_ON_PAGE);
    const stored = this.#read(query, limit + 1);
    const waiting = this.#waiting.filter((event) => isAskedFor(event, query))
      .map(({ sequence, cause, by, alarm }) => ({ sequence, cause, by, alarm }));
    const sign = query.direction === "forward" ? 1 : -1;
    const all = waiting.length === 0
      ? stored
      : [...stored, ...waiting].sort((a, b) => sign * (a.alarm.timeUs - b.alarm.timeUs || a.sequence - b.sequence));
    const events = all.slice(0, limit);
    const last = events.at(-1);
    const next = all.length > limit && last !== undefined
      ? { timeUs: last.alarm.timeUs, sequence: last.sequence }
      : null;
    return { events, next };
  }

  /** Stores what waits, if the disk takes it, and closes the file. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer?.id);
    clearTimeout(this.#pruneTimer);
    try {
      while (this.#waiting.length > 0 || this.#dirty.size > 0) this.#writeSlice();
    } catch (error) {
      log.error("Cannot store {count} events of alarms: {error}", {
        event: "alarm_events_lost",
        count: this.#waiting.length,
        error: textOf(error),
      });
    } finally {
      this.#file?.close();
      this.#file = null;
    }
  }

  #open(): void {
    const { synchronous, nowUs } = this.#options;
    const options = {
      path: this.#path,
      synchronous,
      nowUs,
      applicationId: ALARM_APPLICATION_ID,
      steps: alarmMigrations,
    };
    let file: AlarmFile;
    try {
      file = new AlarmFile(openDatabase(options));
    } catch (error) {
      if (!(error instanceof SetAsideError)) throw error;
      this.#tellDamage(error.message, error.aside);
      file = new AlarmFile(openDatabase(options));
    }
    this.#file = file;
    try {
      this.#loaded = file.states();
      this.#numberFrom(file.lastSequence());
    } catch (error) {
      this.#replace(error);
    }
    this.#options.loaded(this.#loaded);
    for (const id of this.#options.ids()) this.#dirty.add(id);
  }

  /** Events that happened before the file could be opened come behind those in it. */
  #numberFrom(last: number): void {
    if (last === 0 || (this.#waiting[0]?.sequence ?? Infinity) > last) {
      this.#sequence = Math.max(this.#sequence, last);
      return;
    }
    for (const event of this.#waiting) event.sequence += last;
    this.#sequence += last;
  }

  /** Sets the damaged file aside, and begins a new one with the states that are known. */
  #replace(error: unknown): void {
    const file = this.#file;
    if (troubleOf(error) !== "corrupt" || file === null || ++this.#replacements > MOST_REPLACEMENTS) throw error;
    try {
      // renamed while it is open: closing it under its own name would move the log into it
      this.#tellDamage(textOf(error), setAside(this.#path, this.#options.nowUs()));
    } finally {
      this.#file = null;
      file.close();
    }
    this.#open();
  }

  #tellDamage(reason: string, aside: string): void {
    this.#options.faults.raise("alarm_store_damaged", `${reason}; it was set aside as ${aside}`);
    log.error("The file of alarms is damaged, and was set aside as {aside}: {reason}", {
      event: "alarm_store_damaged",
      aside,
      reason,
    });
  }

  #schedule(afterMs: number): void {
    const dueMs = performance.now() + afterMs;
    if (this.#stopped || (this.#timer !== undefined && this.#timer.dueMs <= dueMs)) return;
    clearTimeout(this.#timer?.id);
    const id = setTimeout(() => {
      this.#timer = undefined;
      this.#turn();
    }, afterMs);
    this.#timer = { id, dueMs };
  }

  #turn(): void {
    if (this.#stopped) return;
    const startMs = performance.now();
    if (this.#retryMs > 0 && startMs < this.#retryAtMs) {
      // while the disk refuses, people still hear
      for (const event of this.#waiting) this.#tell(event);
      return this.#schedule(this.#retryAtMs - startMs);
    }
    const until = startMs + TURN_MS;
    try {
      while (this.#waiting.length > 0 || this.#dirty.size > 0) {
        if (performance.now() >= until) return this.#schedule(0);
        this.#writeSlice();
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #writeSlice(): void {
    if (this.#file === null) this.#open();
    const events = this.#waiting.slice(0, SLICE);
    const dirty = [...this.#dirty].slice(0, SLICE);
    const states = dirty.map((id) => this.#options.stateOf(id)).filter((state) => state !== undefined);
    try {
      this.#file?.write(events, states);
    } catch (error) {
      this.#replace(error);
      this.#file?.write(events, states);
    }
    this.#waiting.splice(0, events.length);
    for (const id of dirty) this.#dirty.delete(id);
    if (this.#retryMs > 0) this.#recovered();
    for (const event of events) this.#tell(event);
  }

  #tell(event: Waiting): void {
    if (event.told) return;
    event.told = true;
    const { sequence, cause, by, alarm } = event;
    this.#options.tell({ sequence, cause, by, alarm });
  }

  #failed(error: unknown): void {
    const text = textOf(error);
    if (this.#retryMs === 0) {
      log.error("Cannot write {path}: {error}", { event: "alarm_store_failed", path: this.#path, error: text });
    }
    this.#retryMs = this.#retryMs === 0 ? FIRST_RETRY_MS : Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    const dropped = this.#dropped > 0 ? `; ${this.#dropped} events were dropped` : "";
    this.#options.faults.raise("alarm_store_unwritable", `Cannot write ${this.#path}: ${text}${dropped}`);
    this.#retryAtMs = performance.now() + this.#retryMs;
    this.#schedule(0);
  }

  #recovered(): void {
    this.#retryMs = 0;
    this.#dropped = 0;
    this.#options.faults.clear("alarm_store_unwritable");
    log.info("Writing {path} works again", { event: "alarm_store_recovered", path: this.#path });
  }

  #drop(): void {
    for (const event of this.#waiting.splice(0, MOST_WAITING / 10)) {
      this.#tell(event);
      // the event is lost, the state it led to is not
      this.#dirty.add(event.alarm.id);
      this.#dropped++;
    }
  }

  #read(query: JournalQuery, limit: number): AlarmEvent[] {
    try {
      return this.#file?.journal(query, limit) ?? [];
    } catch (error) {
      if (troubleOf(error) !== "corrupt") throw error;
      this.#replace(error);
      return [];
    }
  }

  /** Retention in small steps. Age counts from the clock or the newest event: a clock that jumps ahead deletes nothing. */
  #prune(): void {
    let more = false;
    try {
      const newestUs = Math.min(this.#options.nowUs(), this.#file?.newestTimeUs() ?? 0);
      const beforeUs = newestUs - this.#options.retentionDays * DAY_US;
      more = (this.#file?.prune(beforeUs, this.#sequence - MOST_EVENTS, PRUNE_ROWS) ?? 0) > 0;
    } catch (error) {
      log.warning("Cannot delete old events of alarms: {error}", { event: "alarm_prune_failed", error: textOf(error) });
    }
    this.#pruneTimer = setTimeout(() => this.#prune(), more ? PRUNE_PAUSE_MS : PRUNE_MS);
  }
}

function isAskedFor({ sequence, alarm }: AlarmEvent, query: JournalQuery): boolean {
  const { fromUs, toUs, direction, source, id, after } = query;
  const { timeUs } = alarm;
  if ((fromUs !== null && timeUs < fromUs) || (toUs !== null && timeUs > toUs)) return false;
  if ((source !== undefined && alarm.source !== source) || (id !== undefined && alarm.id !== id)) return false;
  if (after === undefined) return true;
  const behind = timeUs - after.timeUs || sequence - after.sequence;
  return direction === "forward" ? behind > 0 : behind < 0;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
