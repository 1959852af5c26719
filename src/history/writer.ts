import { statSync } from "node:fs";
import { getLogger } from "@logtape/logtape";
import type { MetricType, TagId, TagUpdate, Value } from "../tags/tag.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { HistoryStatus } from "../telemetry/status.ts";
import { type Block, decodeBlock } from "./block_codec.ts";
import { commitPending } from "./commit.ts";
import { closeFile } from "./database_file.ts";
import type { HistoryWriter, LastSample } from "./history.ts";
import { decodeJournal } from "./journal_codec.ts";
import { HistoryMemory } from "./memory.ts";
import { Packer, readPackedTail } from "./packer.ts";
import { isServerMade, qualityOf, type Row, rowAt, type Rows } from "./rows.ts";
import type { Series } from "./series.ts";
import { troubleOf } from "./sqlite_error.ts";
import type { HistoryStore } from "./store.ts";

const log = getLogger(["edgekeep", "history"]);

/** Samples that may wait while the file cannot be written; beyond it the oldest are dropped, a tenth at a time. */
const MAX_PENDING = 100_000;
/** So many waiting samples are committed without waiting for the timer. */
const BURST = 2500;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;
/** Time that one transaction may spend on packed rows, ms. */
const EDIT_BUDGET_MS = 5;

/** What the writer needs from outside. */
export interface WriterOptions {
  /** Path of the history file, for status and messages. */
  readonly path: string;
  /** Longest time a sample waits for its commit, ms. */
  readonly flushMs: number;
  readonly tags: TagStore;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
  /** Samples that may wait while writing fails. */
  readonly maxPending?: number;
  /** A day's rollup is outdated. */
  readonly onDue: (series: Series, day: number) => void;
  /** Something was committed, about so many pages. */
  readonly onCommit: (pages: number) => void;
  /**
   * SQLite found the file damaged. Puts a new one in its place and calls {@link Writer.useNewFile}; `false` when that
   * is not possible.
   */
  readonly onCorrupt: (error: unknown) => boolean;
  /** A packed block or a journal record cannot be read. */
  readonly onDamaged: (what: string, error: unknown) => void;
}

/** Figures that others fill in for {@link Writer.status}. */
export interface StatusParts {
  rowsPruned: number;
  lastBackupUs: number | null;
  integrity: HistoryStatus["integrity"];
}

/** The only writer of the history file. Lives in the gateway's thread; no call of SQLite here takes longer than 20 ms. */
export class Writer implements HistoryWriter {
  readonly memory: HistoryMemory;
  readonly packer: Packer;
  readonly parts: StatusParts = { rowsPruned: 0, lastBackupUs: null, integrity: "unknown" };
  readonly #options: WriterOptions;
  #store: HistoryStore;
  #nextJournalId = 1;
  #rowsWritten = 0;
  #rowsDropped = 0;
  #lastWriteUs: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = 0;
  #stopped = false;

  /** @param store the open file; the writer closes it when it stops */
  constructor(store: HistoryStore, options: WriterOptions) {
    this.#options = options;
    this.#store = impatient(store);
    this.memory = new HistoryMemory({ readPackedTail: (series) => this.#readTail(series), onDue: options.onDue });
    this.packer = new Packer(this.memory, (series, error) => this.#damaged(`a block of ${series.tagId}`, error));
    this.#load();
  }

  get store(): HistoryStore {
    return this.#store;
  }

  /** Writing failed and is being retried. */
  get failing(): boolean {
    return this.#retryMs > 0;
  }

  /** Id of the newest journal record. */
  get lastJournalId(): number {
    return this.#nextJournalId - 1;
  }

  *lastSamples(): Generator<LastSample> {
    for (const series of this.memory.all()) {
      const definition = this.#options.tags.get(series.tagId)?.definition;
      if (definition !== undefined && definition.type !== series.type) continue;
      const sample = this.#lastOf(series);
      if (sample !== null) yield sample;
    }
  }

  lastSample(tagId: TagId, type: MetricType): LastSample | null {
    const series = this.memory.get(tagId);
    return series === undefined || series.type !== type ? null : this.#lastOf(series);
  }

  write(batch: readonly TagUpdate[]): void {
    if (this.#stopped) return;
    const { memory } = this;
    for (const update of batch) memory.take(update);
    // a burst does not wait for the timer, nor is it ever dropped while writing works
    if (!this.failing && memory.pending >= BURST) this.#commit();
    const most = this.#options.maxPending ?? MAX_PENDING;
    if (memory.pending > most) this.#drop(memory.pending - most + Math.floor(most / 10));
    if (memory.pending > 0 || memory.seriesQueue.size > 0) this.#schedule(this.#options.flushMs);
  }

  flush(): void {
    while (this.#hasWork() && this.#commit());
  }

  status(): HistoryStatus {
    return {
      path: this.#options.path,
      fileBytes: fileBytes(this.#options.path),
      series: this.memory.size,
      rowsWritten: this.#rowsWritten,
      rowsPending: this.memory.pending,
      rowsPruned: this.parts.rowsPruned,
      lastWriteUs: this.#lastWriteUs,
      lastBackupUs: this.parts.lastBackupUs,
      integrity: this.parts.integrity,
    };
  }

  /**
   * Runs one bounded step of upkeep (packing, pruning) that writes. `undefined` when writing fails: upkeep then waits,
   * as everything does.
   */
  upkeep<T>(step: (store: HistoryStore) => T): T | undefined {
    if (this.failing || this.#stopped) return undefined;
    try {
      const result = step(this.#store);
      return result;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** A new, empty file took the place of a damaged one: everything in memory is written to it. */
  useNewFile(store: HistoryStore): void {
    this.#store = impatient(store);
    this.#nextJournalId = 1;
    this.packer.restart();
    this.memory.moveToNewFile();
    this.#schedule(0);
  }

  /** Commits what waits and closes the file. What cannot be committed is lost, and said so. */
  stop(): void {
    this.flush();
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.memory.pending > 0) {
      log.error("Stopping with {rows} samples that could not be stored", {
        event: "history_samples_lost",
        rows: this.memory.pending,
      });
    }
    try {
      closeFile(this.#store);
    } catch (error) {
      log.error("Cannot close {path} in order: {error}", {
        event: "history_close_failed",
        path: this.#options.path,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #load(): void {
    for (const stored of this.#store.series()) this.memory.load(stored, this.#store.lastPackedUs(stored.id));
    for (let id = -Infinity;;) {
      const records = this.#store.journalAfter(id, 256);
      if (records.length === 0) break;
      for (const record of records) {
        id = record.id;
        this.#nextJournalId = id + 1;
        try {
          const entries = decodeJournal(record.data);
          for (const entry of entries) this.memory.replay(entry);
          this.packer.grew(entries.length, record.data.length);
        } catch (error) {
          this.#damaged(`journal record ${id}`, error);
        }
      }
    }
  }

  #hasWork(): boolean {
    const { memory } = this;
    return memory.pending > 0 || memory.seriesQueue.size > 0 || memory.dueQueue.length > 0;
  }

  /** One transaction; `false` when it failed. */
  #commit(): boolean {
    try {
      const committed = commitPending(this.#store, this.memory, {
        nextJournalId: this.#nextJournalId,
        budgetMs: EDIT_BUDGET_MS,
        onDamaged: (series, error) => this.#damaged(`a block of ${series.tagId}`, error),
      });
      // upkeep may have failed with nothing waiting: only a real write tells whether writing works again
      if (this.failing) this.#store.setMeta("write_recovered", String(this.#options.nowUs()));
      this.#nextJournalId += committed.journalRecords;
      this.#rowsWritten += committed.rows;
      this.packer.grew(committed.journalEntries, committed.journalBytes);
      this.#lastWriteUs = this.#options.nowUs();
      this.#options.onCommit(2 + committed.journalBytes / 4096);
      if (this.failing) this.#recovered();
      return true;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Answers a failed write; `true` when it was mended and can be repeated at once. */
  #failed(error: unknown): boolean {
    if (troubleOf(error) === "corrupt" && this.#options.onCorrupt(error)) return true;
    const text = error instanceof Error ? error.message : String(error);
    if (!this.failing) {
      log.error("Cannot write {path}: {error}", {
        event: "history_write_failed",
        path: this.#options.path,
        error: text,
      });
    }
    this.#retryMs = this.failing ? Math.min(LAST_RETRY_MS, this.#retryMs * 2) : FIRST_RETRY_MS;
    const waiting = this.memory.pending;
    const dropped = this.#rowsDropped > 0 ? `, ${this.#rowsDropped} of the oldest were dropped` : "";
    this.#options.faults.raise(
      "history_write_failed",
      `Cannot write ${this.#options.path}: ${text}; ${waiting} samples wait${dropped}`,
    );
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#schedule(this.#retryMs);
    return false;
  }

  #recovered(): void {
    this.#retryMs = 0;
    this.#options.faults.clear("history_write_failed");
    const dropped = this.#rowsDropped;
    this.#rowsDropped = 0;
    const text = dropped > 0 ? `Samples are stored again; ${dropped} were lost meanwhile` : "Samples are stored again";
    this.#options.feed.add(dropped > 0 ? "warning" : "info", "history_write_recovered", "gateway", text);
    log.info("Writing {path} works again; {dropped} samples were lost", {
      event: "history_write_recovered",
      path: this.#options.path,
      dropped,
    });
  }

  #drop(count: number): void {
    if (this.#rowsDropped === 0) {
      const text = "Samples wait for the history file longer than memory allows: the oldest are dropped";
      this.#options.feed.add("error", "history_samples_dropped", "gateway", text);
      log.error("Dropping the oldest of {waiting} samples that cannot be stored", {
        event: "history_samples_dropped",
        waiting: this.memory.pending,
      });
    }
    const before = this.memory.pending;
    this.memory.dropOldest(count);
    this.#rowsDropped += before - this.memory.pending;
  }

  #schedule(afterMs: number): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // one transaction at a time: what is left lets the event loop breathe first
      if ((this.#hasWork() || this.failing) && this.#commit() && this.#hasWork()) this.#schedule(0);
    }, afterMs);
  }

  #readTail(series: Series): Row | null {
    try {
      return readPackedTail(this.#store, series);
    } catch (error) {
      this.#damaged(`a block of ${series.tagId}`, error);
      return null;
    }
  }

  /** Something cannot be read: a block whose checksum is wrong, or a page that SQLite refuses. */
  #damaged(what: string, error: unknown): void {
    if (troubleOf(error) === "corrupt" && this.#options.onCorrupt(error)) return;
    this.parts.integrity = "failed";
    this.#options.onDamaged(what, error);
  }

  #lastOf(series: Series): LastSample | null {
    const newest = this.#newestReal(series);
    if (newest === null) return null;
    const { row, previousTimeUs } = newest;
    const value = liveValue(row, series);
    if (value === undefined) return null;
    return {
      tagId: series.tagId,
      value,
      quality: qualityOf(row.state),
      sourceTimeUs: row.t,
      serverTimeUs: row.t + row.lag,
      previousTimeUs,
    };
  }

  #newestReal(series: Series): { row: Row; previousTimeUs: number | null } | null {
    let newest: Row | null = null;
    const look = (rows: Rows | Block): { row: Row; previousTimeUs: number | null } | null => {
      for (let i = rows.t.length - 1; i >= 0; i--) {
        if (isServerMade(rows.state[i] as number)) continue;
        if (newest !== null) return { row: newest, previousTimeUs: rows.t[i] as number };
        newest = rowAt(rows, i);
      }
      return null;
    };
    const inHead = look(series.head);
    if (inHead !== null) return inHead;
    let beforeUs = Infinity;
    // blocks of server-made rows alone do not exist in practice; still the search ends
    for (let blocks = 0; blocks < 4; blocks++) {
      try {
        const stored = this.#store.blockAtOrBefore(series.id, beforeUs);
        if (stored === null) break;
        beforeUs = stored.t0 - 1;
        const found = look(decodeBlock(stored.data));
        if (found !== null) return found;
      } catch (error) {
        this.#damaged(`a block of ${series.tagId}`, error);
        break;
      }
    }
    return newest === null ? null : { row: newest, previousTimeUs: null };
  }
}

/** While another program holds the file's lock, samples wait in memory: the gateway's thread does not. */
function impatient(store: HistoryStore): HistoryStore {
  store.db.exec("PRAGMA busy_timeout = 10");
  return store;
}

/** The row's value as the series' type has it; `undefined` when it was stored under another type. */
function liveValue(row: Row, series: Series): Value | undefined {
  const { v } = row;
  if (v === null) return null;
  if (series.type === "String") return typeof v === "string" ? v : undefined;
  if (typeof v === "string") return undefined;
  return series.type === "Bool" ? v !== 0 : v;
}

function fileBytes(path: string): number {
  return [path, `${path}-wal`].reduce((sum, name) => sum + (statSync(name, { throwIfNoEntry: false })?.size ?? 0), 0);
}
