import { chmodSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import type { StorageConfig } from "../config/schema.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { stampOf } from "./database_file.ts";
import { type BackupFile, HistoryUnavailableError } from "./history.ts";
import type { ReaderClient } from "./reader_client.ts";
import { prune } from "./retention.ts";
import { dayOf, type Series } from "./series.ts";
import type { HistoryStore } from "./store.ts";
import type { Writer } from "./writer.ts";

const log = getLogger(["edgekeep", "history"]);

/** Time that one step of upkeep may hold the gateway's thread, ms. */
const STEP_MS = 5;
const PAUSE_MS = 15;
const LOOK_MS = 500;
const RETRY_MS = 10_000;
const PRUNE_EVERY_MS = 3_600_000;
const ROLLUP_EVERY_MS = 60_000;
/** A day is rolled up when it has been over for so long: most late samples are in by then. */
const ROLLUP_GRACE_US = 600_000_000;
const ROLLUPS_AT_ONCE = 16;
/** Pages that may wait in the log before they are moved into the file, and how long. */
const CHECKPOINT_PAGES = 1000;
const CHECKPOINT_MS = 60_000;
const MAX_LOG_PAGES = 8000;
/** The file shrinks when so many pages are free and they are a quarter of it. */
const SHRINK_PAGES = 4096;
const SHRINK_AT_ONCE = 64;
const BACKUP_RETRY_MS = 3_600_000;
const backupName = /^history-\d{8}T\d{6}Z\.db$/;

/** What upkeep works with. */
export interface UpkeepOptions {
  readonly writer: Writer;
  readonly reader: ReaderClient;
  readonly tags: TagStore;
  readonly faults: FaultBoard;
  readonly config: StorageConfig;
  readonly backupDir: string;
  readonly nowUs: () => number;
}

/**
 * The history's housekeeping: packing, retention, rollups, checkpoints, backups. All of it in small steps, with pauses in
 * between, in loops that end when {@link stop} is called.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #stopping = new AbortController();
  readonly #loops: Promise<void>[];
  /** Days whose rollup is being built; `false` when a row changed meanwhile. */
  readonly #building = new Map<string, boolean>();
  #backup: Promise<{ file: string; bytes: number }> | null = null;
  #pagesInLog = 0;
  #firstInLogMs = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#loops = [
      this.#loop("packing", LOOK_MS, () => this.pack(false)),
      this.#loop("checkpoint", LOOK_MS, () => this.#checkpoint()),
      this.#loop("rollups", ROLLUP_EVERY_MS, () => this.rollUp()),
      this.#loop("retention", PRUNE_EVERY_MS, () => this.prune()),
      this.#backups(),
    ];
  }

  /** Some pages were committed to the log. */
  committed(pages: number): void {
    if (this.#pagesInLog === 0) this.#firstInLogMs = performance.now();
    this.#pagesInLog += pages;
  }

  /** A day's rollup is outdated: one that is being built is not stored. */
  outdated(series: Series, day: number): void {
    const key = `${series.id}/${day}`;
    if (this.#building.has(key)) this.#building.set(key, false);
  }

  /** Waits; rejects when upkeep stops. */
  pause(ms: number): Promise<void> {
    return sleep(ms, this.#stopping.signal);
  }

  /** Packs the newest rows into blocks when there are enough of them, or `now`. */
  async pack(now: boolean): Promise<void> {
    const { writer } = this.#options;
    const { packer } = writer;
    if (!now && !packer.due) return;
    packer.begin(writer.lastJournalId);
    for (let done = false; !done;) {
      if (!writer.failing) writer.flush();
      const step = writer.upkeep((store) => packer.step(store, STEP_MS));
      // each block is a page, and so is what leads to some of them
      if (step !== undefined) this.committed(4 + step.blocks * 1.25);
      done = step?.done === true;
      if (!done) await this.pause(step === undefined ? LOOK_MS : PAUSE_MS);
    }
  }

  /** Deletes what is past its retention. */
  async prune(): Promise<void> {
    const { writer, tags, config, nowUs } = this.#options;
    const { rollup_retention_days: rollupRetentionDays } = config;
    const options = { memory: writer.memory, tags, rollupRetentionDays, nowUs };
    const { store } = writer;
    const round = prune(store, options);
    let rows = 0;
    for (let done = false; !done;) {
      // a file that was set aside needs no pruning any more
      if (writer.store !== store) return;
      const step = writer.upkeep((store) => inSteps(store, round));
      if (step === undefined) return;
      rows += step.rows;
      writer.parts.rowsPruned += step.rows;
      done = step.done;
      if (step.rows > 0) this.committed(4);
      if (!done) await this.pause(PAUSE_MS);
    }
    if (rows > 0) log.info("Retention deleted {rows} rows", { event: "history_pruned", rows });
    await this.#shrink();
  }

  /** Builds the rollups of days that are over. */
  async rollUp(): Promise<void> {
    const { writer, nowUs } = this.#options;
    const today = dayOf(nowUs() - ROLLUP_GRACE_US);
    for (let after = { series: -1, day: -1 };;) {
      if (writer.failing) return;
      writer.flush();
      const due = writer.store.dueBefore(today, after, ROLLUPS_AT_ONCE);
      const last = due[due.length - 1];
      if (last === undefined) return;
      after = last;
      await this.#buildRollups(due);
      await this.pause(PAUSE_MS);
    }
  }

  /** Backs up now, besides the schedule. A call while a backup is under way gets that one. */
  backUp(): Promise<{ readonly file: string; readonly bytes: number }> {
    this.#backup ??= this.#backUp().finally(() => this.#backup = null);
    return this.#backup;
  }

  /** Backups that are there, the newest first. */
  listBackups(): BackupFile[] {
    const { backupDir } = this.#options;
    return backupsIn(backupDir).toReversed().flatMap((file) => {
      const size = statSync(join(backupDir, file), { throwIfNoEntry: false })?.size;
      return size === undefined ? [] : [{ file, bytes: size, createdUs: timeOfStamp(file) }];
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new DOMException("The history stops", "AbortError"));
    await Promise.all([...this.#loops, this.#backup?.catch(() => {})]);
  }

  async #loop(name: string, everyMs: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.pause(everyMs);
        await work();
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof HistoryUnavailableError) continue;
        log.warn("History {name} failed and is tried again: {error}", {
          event: "history_upkeep_failed",
          name,
          error: error instanceof Error ? error.message : String(error),
        });
        await this.pause(RETRY_MS).catch(() => {});
      }
    }
  }

  async #buildRollups(due: readonly { series: number; day: number }[]): Promise<void> {
    const { writer, reader } = this.#options;
    const built = await Promise.all(due.map(async ({ series: id, day }) => {
      const series = writer.memory.byId(id);
      if (series === undefined) return { id, day, data: null };
      this.#building.set(`${id}/${day}`, true);
      // a row that comes from now on marks the day anew
      if (series.dueDay === day) series.dueDay = NaN;
      return { id, day, data: await reader.buildRollup(series, day, this.#stopping.signal) };
    }));
    writer.upkeep((store) =>
      store.transact(() => {
        for (const { id, day, data } of built) {
          if (this.#building.get(`${id}/${day}`) === false) continue;
          if (data === null) store.deleteRollup(id, day);
          else store.putRollup(id, day, data);
          store.clearDue(id, day);
        }
      })
    );
    for (const { id, day } of built) this.#building.delete(`${id}/${day}`);
    this.committed(4);
  }

  async #checkpoint(): Promise<void> {
    if (this.#pagesInLog === 0) return;
    if (this.#pagesInLog < CHECKPOINT_PAGES && performance.now() - this.#firstInLogMs < CHECKPOINT_MS) return;
    const pages = this.#pagesInLog;
    this.#pagesInLog = 0;
    const { reader, writer } = this.#options;
    try {
      await reader.checkpoint();
    } catch (error) {
      this.#pagesInLog += pages;
      // better a stall than a log without end while the reader is away
      if (error instanceof HistoryUnavailableError && this.#pagesInLog > MAX_LOG_PAGES) {
        if (writer.upkeep((store) => store.checkpoint()) !== undefined) this.#pagesInLog = 0;
      }
      throw error;
    }
  }

  /** Gives free pages back to the disk when they are many, as after a shorter retention was set. */
  async #shrink(): Promise<void> {
    const { writer } = this.#options;
    for (;;) {
      const { count, free } = writer.store.pages();
      if (free < SHRINK_PAGES || free * 4 < count) return;
      if (writer.upkeep((store) => (store.shrink(SHRINK_AT_ONCE), true)) === undefined) return;
      this.committed(SHRINK_AT_ONCE);
      await this.pause(PAUSE_MS);
    }
  }

  async #backups(): Promise<void> {
    const { config, nowUs, writer, backupDir } = this.#options;
    removePartial(backupDir);
    const newest = backupsIn(backupDir).at(-1);
    writer.parts.lastBackupUs = newest === undefined ? null : timeOfStamp(newest);
    if (config.backup_interval_hours === 0) return;
    const everyMs = config.backup_interval_hours * 3_600_000;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const { lastBackupUs } = writer.parts;
        const sinceMs = lastBackupUs === null ? everyMs : (nowUs() - lastBackupUs) / 1000;
        // not in the first minute, when everything else starts; a clock that went back does not stop backups
        const waitMs = Math.min(everyMs, Math.max(60_000, everyMs - Math.max(0, sinceMs)));
        await this.pause(waitMs);
        await this.backUp();
      } catch {
        if (!signal.aborted) await this.pause(BACKUP_RETRY_MS).catch(() => {});
      }
    }
  }

  async #backUp(): Promise<{ file: string; bytes: number }> {
    const { reader, faults, config, writer, backupDir, nowUs } = this.#options;
    const startedUs = nowUs();
    const file = `history-${stampOf(startedUs)}.db`;
    const path = join(backupDir, file);
    try {
      const bytes = await reader.backup(path, this.#stopping.signal);
      chmodSync(path, 0o600);
      writer.parts.lastBackupUs = startedUs;
      faults.clear("history_backup_failed");
      log.info("Backed up the history to {path}: {bytes} bytes", { event: "history_backup", path, bytes });
      for (const old of backupsIn(backupDir).slice(0, -config.backup_keep)) rmSync(join(backupDir, old));
      return { file, bytes };
    } catch (error) {
      if (!this.#stopping.signal.aborted) {
        const text = error instanceof Error ? error.message : String(error);
        faults.raise("history_backup_failed", `Cannot back up the history to ${backupDir}: ${text}`);
        log.error("Cannot back up the history to {path}: {error}", {
          event: "history_backup_failed",
          path,
          error: text,
        });
      }
      throw error;
    }
  }
}

/** Advances a round of retention for a while, in one transaction. */
function inSteps(store: HistoryStore, round: Generator<number, void>): { rows: number; done: boolean } {
  return store.transact(() => {
    const until = performance.now() + STEP_MS;
    let rows = 0;
    while (performance.now() < until) {
      const step = round.next();
      if (step.done === true) return { rows, done: true };
      rows += step.value;
    }
    return { rows, done: false };
  });
}

/** Scheduled backups, oldest first. Files of other names are never touched. */
function backupsIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => backupName.test(name)).sort();
}

function removePartial(folder: string): void {
  for (const name of readdirSync(folder)) if (name.endsWith(".db.partial")) rmSync(join(folder, name));
}

function timeOfStamp(name: string): number {
  const text = name.replace(/^history-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/, "$1-$2-$3T$4:$5:$6Z");
  return Date.parse(text) * 1000;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    // the longest wait a timer can hold is about 24 days
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, Math.min(ms, 2 ** 31 - 1));
    signal.addEventListener("abort", abort, { once: true });
  });
}
