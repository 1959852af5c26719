import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { Audit, AuditEntry, AuditRecord, AuditVerification } from "./audit.ts";
import { AuditFile } from "./audit_file.ts";
import { auditFileName, auditFiles, type AuditHead, writeHead } from "./audit_folder.ts";
import { boundedEntry } from "./bounded_entry.ts";
import { type ChainStart, openChain } from "./open_chain.ts";
import { isGranting } from "./granting_entry.ts";
import { readTail, type TailQuery } from "./read_tail.ts";
import { NO_HASH, readRecordLine, recordLine } from "./record_line.ts";
import { RepeatLimit } from "./repeat_limit.ts";
import { verifyFolder } from "./verify_folder.ts";

const log = getLogger(["edgekeep", "audit"]);

/** Longest time that a record may be in the system's cache before the disk has it, ms. */
const SYNC_MS = 1000;
/** How often a disk that refuses is tried again, ms. */
const RETRY_MS = 1000;
/** Records that wait in memory while the disk refuses; further ones are counted. */
const MOST_WAITING = 2000;
const REPEATS_MS = 60_000;
/** The older files are checked so long after the start, when everything else has started, ms. */
const CHECK_AFTER_MS = 15_000;

/** Where the audit is and how large it may become. */
export interface AuditOptions {
  /** Absolute path of the folder; made (0700) when it is not there. */
  readonly dir: string;
  readonly faults: FaultBoard;
  readonly nowUs: () => number;
  /** Size beyond which a new file is begun, bytes. Default 1 MiB: the newest file is checked at the start. */
  readonly maxFileBytes?: number;
  /** Files kept, at least 2; the oldest go. Default 128. */
  readonly maxFiles?: number;
  /** Time after which the older files are checked, ms. */
  readonly checkAfterMs?: number;
}

interface Waiting {
  readonly line: string;
  readonly record: AuditRecord;
}

/**
 * Opens the audit. The newest file is checked at once, the others soon after; a chain that does not fit raises the fault
 * `audit_chain_broken`, is left as it is, and a new one begins with a record that says so. A line that a kill tore is
 * kept aside and told of by a record `audit_recovered`.
 *
 * Rejects with an error of the system when the folder or a file in it cannot be used at all.
 */
export function openAudit(options: AuditOptions): Promise<Audit> {
  return new Promise((resolve) => resolve(new RunningAudit(options)));
}

class RunningAudit implements Audit {
  readonly #options: AuditOptions;
  readonly #dir: string;
  readonly #maxFileBytes: number;
  readonly #maxFiles: number;
  readonly #listeners = new Set<(record: AuditRecord) => void>();
  readonly #repeats = new RepeatLimit();
  readonly #waiting: Waiting[] = [];
  readonly #background = new Set<Promise<void>>();
  #timers = new Map<"sync" | "retry" | "repeats" | "check", ReturnType<typeof setTimeout>>();
  #file: AuditFile | null = null;
  /** The newest record, written or waiting. */
  #newest: { readonly sequence: number; readonly hash: string };
  /** The newest record in the file. */
  #written: { readonly sequence: number; readonly hash: string };
  /** What the head says is on disk. */
  #noted: { readonly sequence: number; readonly hash: string };
  #first: AuditHead["first"];
  /** The chain was begun anew, and what was found broken is still there. */
  #declared = false;
  #lost = 0;
  #failing = false;
  #verifying = 0;
  #stopped = false;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#dir = options.dir;
    this.#maxFileBytes = options.maxFileBytes ?? 1024 * 1024;
    this.#maxFiles = Math.max(2, options.maxFiles ?? 128);
    const start = openChain(options.dir, options.nowUs());
    this.#first = start.first;
    this.#newest = this.#written = this.#noted = start.last;
    this.#begin(start);
    this.#later("check", options.checkAfterMs ?? CHECK_AFTER_MS, () => this.#inBackground(() => this.#checkAll()));
  }

  record(entry: AuditEntry): string {
    const bounded = boundedEntry(entry);
    const nowUs = this.#options.nowUs();
    for (const repeated of this.#repeats.take(nowUs)) this.#write(repeated);
    if (!this.#repeats.passes(bounded, nowUs)) {
      if (!this.#timers.has("repeats")) this.#later("repeats", REPEATS_MS, () => this.#writeRepeats());
      return "repeated";
    }
    return this.#write(bounded);
  }

  async tail(query: TailQuery): Promise<AuditRecord[]> {
    const waiting = this.#waiting.map(({ record }) => record)
      .filter(({ event }) => query.event === undefined || event === query.event);
    const written = await readTail(this.#dir, query);
    return [...written, ...waiting].slice(-query.limit);
  }

  async verify(): Promise<AuditVerification> {
    this.#syncNow();
    this.#verifying++;
    try {
      const file = this.#file;
      const result = await verifyFolder(
        this.#dir,
        file === null ? undefined : { file: file.path.slice(this.#dir.length + 1), bytes: file.bytes },
      );
      this.#tell(result);
      return result;
    } finally {
      this.#verifying--;
    }
  }

  subscribe(listener: (record: AuditRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    for (const repeated of this.#repeats.take(this.#options.nowUs(), true)) this.#write(repeated);
    if (this.#failing) this.#drain();
    this.#syncNow();
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#background);
    this.#file?.close();
    this.#file = null;
    this.#listeners.clear();
    this.#tellHead();
  }

  #begin({ file, broken, recovered, declared }: ChainStart): void {
    if (broken === null && file !== null && file.bytes < this.#maxFileBytes) {
      this.#file = AuditFile.open(join(this.#dir, file.name));
    }
    if (recovered !== null) {
      this.#write(
        ownEntry("audit_recovered", { file: recovered.file, aside: recovered.aside, bytes: recovered.bytes }),
      );
      log.warning("The last line of the audit {file} was torn; its {bytes} bytes are kept in {aside}", {
        event: "audit_recovered",
        ...recovered,
      });
    }
    if (broken !== null) this.#beginAnew(broken);
    else if (declared !== null) {
      this.#declared = true;
      this.#options.faults.raise("audit_chain_broken", declared);
    }
    this.#tellHead();
  }

  /** Leaves the chain as it was found and goes on with a new one. */
  #beginAnew({ file, line, text }: NonNullable<AuditVerification["problem"]>): void {
    this.#file?.close();
    this.#file = null;
    this.#declared = true;
    const sequence = this.#newest.sequence + 1;
    this.#newest = { sequence: this.#newest.sequence, hash: NO_HASH };
    this.#first = { sequence, previous: NO_HASH };
    this.#noted = { sequence: 0, hash: NO_HASH };
    this.#options.faults.raise("audit_chain_broken", `${file} line ${line}: ${text}`);
    log.error("The audit's chain is broken at {file} line {line}: {text}", {
      event: "audit_chain_broken",
      file,
      line,
      text,
    });
    this.#write(ownEntry("audit_chain_broken", { file, line, reason: text }));
  }

  #write(entry: AuditEntry): string {
    if (this.#stopped || this.#waiting.length >= MOST_WAITING) {
      this.#lost++;
      return "lost";
    }
    const { sequence, hash } = this.#newest;
    const made = recordLine(entry, { sequence: sequence + 1, timeUs: this.#options.nowUs(), previous: hash });
    this.#newest = made.record;
    this.#waiting.push(made);
    if (!this.#failing) this.#drain();
    if (isGranting(entry)) this.#syncNow();
    for (const listener of this.#listeners) listener(made.record);
    return String(made.record.sequence);
  }

  /** Writes what waits. */
  #drain(): void {
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        this.#fileFor(next).append(`${next.line}\n`);
        this.#written = next.record;
        this.#waiting.shift();
      }
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (this.#failing) this.#caughtUp();
    if (!this.#timers.has("sync")) this.#later("sync", SYNC_MS, () => this.#inBackground(() => this.#sync()));
  }

  #fileFor({ line, record }: Waiting): AuditFile {
    const file = this.#file;
    if (file !== null && file.bytes + line.length < this.#maxFileBytes) return file;
    if (file !== null) {
      file.syncNow();
      this.#note(this.#written);
      file.close();
      this.#file = null;
    }
    const opened = AuditFile.open(join(this.#dir, auditFileName(record.sequence)));
    this.#file = opened;
    // the head may only name a file that is there
    writeHead(this.#dir, { first: this.#first, last: this.#noted });
    this.#prune();
    if (file !== null) this.#tellHead();
    return opened;
  }

  /** Deletes the oldest files beyond the number kept; the head tells first where the rest begins. */
  #prune(): void {
    if (this.#verifying > 0) return;
    const files = auditFiles(this.#dir);
    const over = files.slice(0, Math.max(0, files.length - this.#maxFiles));
    const oldest = files[over.length];
    if (over.length === 0 || oldest === undefined) return;
    if (oldest.first > this.#first.sequence) {
      const previous = firstPrevious(join(this.#dir, oldest.name));
      if (previous === null) return;
      this.#first = { sequence: oldest.first, previous };
      writeHead(this.#dir, { first: this.#first, last: this.#noted });
    }
    for (const { name } of over) Deno.removeSync(join(this.#dir, name));
  }

  async #sync(): Promise<void> {
    const written = this.#written;
    const file = this.#file;
    if (file === null || written.sequence <= this.#noted.sequence) return;
    try {
      await file.sync();
      this.#note(written);
    } catch (error) {
      if (file === this.#file) this.#failed(error);
    }
  }

  #syncNow(): void {
    if (this.#file === null || this.#written.sequence <= this.#noted.sequence) return;
    try {
      this.#file.syncNow();
      this.#note(this.#written);
    } catch (error) {
      this.#failed(error);
    }
  }

  #note(last: AuditHead["last"]): void {
    if (last.sequence <= this.#noted.sequence) return;
    const noted = { sequence: last.sequence, hash: last.hash };
    writeHead(this.#dir, { first: this.#first, last: noted });
    this.#noted = noted;
  }

  #failed(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (!this.#failing) {
      this.#failing = true;
      log.error("Cannot write the audit in {dir}: {error}", {
        event: "audit_write_failed",
        dir: this.#dir,
        error: text,
      });
    }
    this.#options.faults.raise("audit_unwritable", `Cannot write the audit in ${this.#dir}: ${text}`);
    if (!this.#timers.has("retry")) {
      this.#later("retry", RETRY_MS, () => this.#tryAgain());
    }
  }

  #tryAgain(): void {
    try {
      this.#file?.syncNow();
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#drain();
    this.#syncNow();
  }

  #caughtUp(): void {
    this.#failing = false;
    this.#options.faults.clear("audit_unwritable");
    log.info("The audit is written again", { event: "audit_writable", lost: this.#lost });
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.#write(ownEntry("audit_lost", { count: lost }));
  }

  #writeRepeats(): void {
    for (const repeated of this.#repeats.take(this.#options.nowUs())) this.#write(repeated);
    // a clock that stands still must not keep them for ever
    if (this.#repeats.pending) this.#later("repeats", REPEATS_MS, () => this.#writeRepeats());
  }

  /** Checks all files; a break that nobody has told of yet begins a new chain. */
  async #checkAll(): Promise<void> {
    try {
      const { problem } = await this.verify();
      if (problem === null || this.#stopped) return;
      if (this.#declared && problem.file <= auditFileName(this.#first.sequence)) return;
      this.#beginAnew(problem);
    } catch (error) {
      log.warning("Cannot check the audit: {error}", {
        event: "audit_check_failed",
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #tell({ problem }: AuditVerification): void {
    if (problem === null) this.#options.faults.clear("audit_chain_broken");
    else this.#options.faults.raise("audit_chain_broken", `${problem.file} line ${problem.line}: ${problem.text}`);
  }

  /** Whoever keeps the log elsewhere can tell by it that the folder was exchanged as a whole. */
  #tellHead(): void {
    log.info("The audit is at record {sequence}, hash {hash}", { event: "audit_head", ...this.#noted });
  }

  #later(name: "sync" | "retry" | "repeats" | "check", ms: number, run: () => void): void {
    if (this.#stopped) return;
    clearTimeout(this.#timers.get(name));
    this.#timers.set(
      name,
      setTimeout(() => {
        this.#timers.delete(name);
        run();
      }, ms),
    );
  }

  #inBackground(work: () => Promise<void>): void {
    const done: Promise<void> = work().finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}

/** An entry of the audit about itself. */
function ownEntry(event: string, fields: NonNullable<AuditEntry["fields"]>): AuditEntry {
  return {
    event,
    principal: "gateway",
    role: null,
    credential: null,
    address: "local",
    transport: "internal",
    operation: null,
    target: null,
    decision: "allowed",
    rule: null,
    outcome: "ok",
    fields,
  };
}

/** What the first record of a file names as the hash before it; `null` when it is none. */
function firstPrevious(path: string): string | null {
  const text = Deno.readTextFileSync(path);
  const record = readRecordLine(text.slice(0, text.indexOf("\n")));
  return "problem" in record ? null : record.previous;
}
