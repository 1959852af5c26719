import { accessSync, chmodSync, constants, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { getLogger } from "@logtape/logtape";
import type { StorageConfig } from "../config/schema.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { Absorber } from "./absorb.ts";
import { giveUp, openErrorOf, openFile, setAside, SetAsideError } from "./database_file.ts";
import type { Backups, HistoryQueries, HistoryWriter } from "./history.ts";
import { ReaderClient } from "./reader_client.ts";
import { ReaderLane } from "./reader_lane.ts";
import { troubleOf } from "./sqlite_error.ts";
import { Upkeep } from "./upkeep.ts";
import { Writer } from "./writer.ts";

const log = getLogger(["edgekeep", "history"]);

/** A file that is damaged again and again tells of a broken disk: it is replaced so often, then writing just fails. */
const MOST_REPLACEMENTS = 3;

/** What the history needs from outside. */
export interface HistoryOptions {
  /** `[storage]`; `database_path` is absolute. */
  readonly config: StorageConfig;
  /** Backups go to `backup/` in it. Absolute. */
  readonly dataDir: string;
  /** Worker entry `history/reader.ts`. */
  readonly readerUrl: URL;
  readonly tags: TagStore;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
  /** Samples that may wait in memory while the file cannot be written; the oldest are dropped beyond. */
  readonly maxPending?: number;
}

/** The history in use. */
export interface History {
  readonly writer: HistoryWriter;
  readonly queries: HistoryQueries;
  readonly backups: Backups;
  /** Packs, prunes and rolls up now instead of when it is due. */
  tidy(): Promise<void>;
  /** Commits what waits, ends the reader and closes the file. */
  stop(): Promise<void>;
}

/**
 * Opens the history: creates the file when it is not there, sets it aside when it is damaged and recovers in the
 * background what can be read. Rejects with {@link import("./database_file.ts").HistoryOpenError} (exit code 6) when
 * file or folder cannot be used.
 */
export function openHistory(options: HistoryOptions): Promise<History> {
  // what the constructor throws rejects the promise
  return new Promise((resolve) => resolve(new RunningHistory(options)));
}

class RunningHistory implements History {
  readonly writer: Writer;
  readonly queries: ReaderClient;
  readonly backups: Backups;
  readonly #options: HistoryOptions;
  readonly #upkeep: Upkeep;
  readonly #path: string;
  readonly #stopping = new AbortController();
  readonly #background = new Set<Promise<void>>();
  #replacements = 0;
  #stopped = false;

  constructor(options: HistoryOptions) {
    this.#options = options;
    const { config, dataDir, readerUrl, tags, faults, nowUs } = options;
    this.#path = config.database_path;
    const backupDir = join(dataDir, "backup");
    prepareFolders(this.#path, backupDir);
    const { writer, unclean, aside } = this.#open();
    this.writer = writer;
    const path = this.#path;
    const folder = dirname(path);
    const onDamaged = (what: string, message: string) => {
      writer.parts.integrity = "failed";
      this.#tellDamaged(what, message);
    };
    this.queries = new ReaderClient({
      queries: new ReaderLane({
        url: readerUrl,
        name: "history reader",
        path,
        folders: [folder],
        runs: "always",
        onUp: () => faults.clear("history_reader_down"),
        onDown: (reason) => faults.raise("history_reader_down", `The history reader ended: ${reason}`),
        onDamaged,
      }),
      jobs: new ReaderLane({
        url: readerUrl,
        name: "history jobs",
        path,
        folders: [folder, backupDir],
        runs: "on_call",
        onDamaged,
      }),
      backupDir,
      nowUs,
      series: (tagId) => writer.memory.get(tagId),
      flush: () => writer.flush(),
      onCorrupt: (error) => void this.#replace(error),
    });
    this.#upkeep = new Upkeep({ writer, reader: this.queries, tags, faults, config, backupDir, nowUs });
    const upkeep = this.#upkeep;
    this.backups = {
      create: () => upkeep.backUp(),
      list: () => new Promise((resolve) => resolve(upkeep.listBackups())),
    };
    // a salvage that a stop cut short begins anew: what was taken already is passed over
    const unfinished = aside ?? writer.store.meta("salvage");
    if (unfinished !== null && unfinished !== "") this.#inBackground(() => this.#salvage(unfinished));
    if (unclean) this.#inBackground(() => this.#check());
  }

  async tidy(): Promise<void> {
    await this.#upkeep.pack(true);
    await this.#upkeep.rollUp();
    await this.#upkeep.prune();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#stopping.abort(new DOMException("The history stops", "AbortError"));
    await this.#upkeep.stop();
    await Promise.all(this.#background);
    await this.queries.stop();
    this.#options.faults.clear("history_reader_down");
    this.writer.stop();
  }

  #open(): { writer: Writer; unclean: boolean; aside: string | null } {
    try {
      return { ...this.#openWriter(), aside: null };
    } catch (error) {
      if (!(error instanceof SetAsideError)) throw openErrorOf(error, this.#path);
      return this.#openAnew(error);
    }
  }

  #openAnew(fault: SetAsideError): { writer: Writer; unclean: boolean; aside: string } {
    try {
      const { writer } = this.#openWriter();
      this.#tellSetAside(fault.aside, fault);
      return { writer, unclean: false, aside: fault.aside };
    } catch (error) {
      throw openErrorOf(error, this.#path);
    }
  }

  #openWriter(): { writer: Writer; unclean: boolean } {
    const { config, tags, faults, feed, nowUs, maxPending } = this.#options;
    const { store, unclean } = openFile({ path: this.#path, synchronous: config.synchronous, nowUs });
    try {
      const writer = new Writer(store, {
        path: this.#path,
        flushMs: config.flush_ms,
        tags,
        faults,
        feed,
        nowUs,
        maxPending,
        onDue: (series, day) => this.#upkeep.outdated(series, day),
        onCommit: (pages) => this.#upkeep.committed(pages),
        onCorrupt: (error) => this.#replace(error),
        onDamaged: (what, error) => this.#tellDamaged(what, textOf(error)),
      });
      return { writer, unclean };
    } catch (error) {
      throw giveUp(store, this.#path, error, nowUs());
    }
  }

  /** The file in use turned out damaged: a new one takes its place. `false` when that cannot be done. */
  #replace(fault: unknown): boolean {
    if (this.#stopped || this.#replacements >= MOST_REPLACEMENTS) return false;
    this.#replacements++;
    const { config, nowUs } = this.#options;
    try {
      // renamed while it is open, so that closing does not change it
      const aside = setAside(this.#path, nowUs());
      this.writer.store.close();
      const { store } = openFile({ path: this.#path, synchronous: config.synchronous, nowUs });
      this.writer.useNewFile(store);
      this.queries.reopen();
      this.#tellSetAside(aside, fault);
      this.#inBackground(() => this.#salvage(aside));
      return true;
    } catch (error) {
      log.error("Cannot replace the damaged history file {path}: {error}", {
        event: "history_replace_failed",
        path: this.#path,
        error: textOf(error),
      });
      return false;
    }
  }

  /** Recovers what can be read of a file that was set aside. */
  async #salvage(aside: string): Promise<void> {
    const { faults, feed } = this.#options;
    if (!existsSync(aside)) return;
    const { store } = this.writer;
    store.setMeta("salvage", aside);
    const absorber = new Absorber(this.writer, (ms) => this.#upkeep.pause(ms));
    let text: string;
    try {
      const report = await this.queries.salvage(aside, (part) => absorber.take(part), this.#stopping.signal);
      await absorber.finish();
      const lost = report.lost.length > 0 ? `; not readable: ${report.lost.join(", ")}` : "";
      text = `${absorber.rows} rows of ${report.series} tags were recovered from ${aside}${lost}`;
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      text = `Nothing more could be recovered from ${aside}: ${textOf(error)}`;
    }
    // the mark is in the file that was in use when this began
    if (this.writer.store === store) this.writer.upkeep((store) => store.setMeta("salvage", ""));
    feed.add("warning", "history_salvaged", "gateway", text);
    faults.raise("history_corrupt", text);
    log.warn("History salvage: {text}", { event: "history_salvaged", text });
  }

  /** After a kill: is the file sound? SQLite's own recovery has done its part already. */
  async #check(): Promise<void> {
    const { parts } = this.writer;
    try {
      const found = await this.queries.check(this.#stopping.signal);
      parts.integrity = found.length === 0 ? "ok" : "failed";
      log.info("Integrity of the history after an unclean stop: {result}", {
        event: "history_checked",
        result: found.length === 0 ? "ok" : found.join("; "),
      });
      if (found.length > 0) this.#replace(new Error(`database disk image is malformed: ${found.join("; ")}`));
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      if (troubleOf(error) === "corrupt") {
        parts.integrity = "failed";
        this.#replace(error);
      } else {
        log.warn("Cannot check the integrity of the history: {error}", {
          event: "history_check_failed",
          error: textOf(error),
        });
      }
    }
  }

  #tellSetAside(aside: string, fault: unknown): void {
    const text = `${this.#path} was set aside as ${aside}: ${textOf(fault)}`;
    this.#options.faults.raise("history_corrupt", text);
    this.#options.feed.add("error", "history_corrupt", "gateway", text);
    log.error("The history file {path} was damaged and set aside as {aside}: {reason}", {
      event: "history_corrupt",
      path: this.#path,
      aside,
      reason: textOf(fault),
    });
  }

  #tellDamaged(what: string, message: string): void {
    this.#options.faults.raise("history_damaged", `${what}: ${message}`);
    log.error("Part of the history cannot be read: {what}: {error}", {
      event: "history_damaged",
      what,
      error: message,
    });
  }

  #inBackground(work: () => Promise<void>): void {
    const done: Promise<void> = work().catch((error) => {
      if (this.#stopping.signal.aborted) return;
      log.error("History work in the background failed: {error}", {
        event: "history_background_failed",
        error: textOf(error),
      });
    }).finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}

function prepareFolders(path: string, backupDir: string): void {
  try {
    const folder = dirname(path);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    mkdirSync(backupDir, { recursive: true, mode: 0o700 });
    chmodSync(backupDir, 0o700);
  } catch (error) {
    throw openErrorOf(error, path);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
