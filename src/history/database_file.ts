import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import * as sqlite from "node:sqlite";
import {
  APPLICATION_ID,
  migrate,
  type Migration,
  migrations,
  NewerSchemaError,
  refuseNewer,
  versionOf,
} from "./migrations.ts";
import { troubleOf } from "./sqlite_error.ts";
import { HistoryStore } from "./store.ts";

/** The history file, or its folder, cannot be used. The program ends with exit code 6. */
export class HistoryOpenError extends Error {
  override readonly name = "HistoryOpenError";
  /** The operating system's code where it gave one (`EACCES`, `EROFS`, `ENOSPC`, …), else `HISTORY_UNUSABLE`. */
  readonly code: string;
  readonly exitCode = 6;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** How the file is opened. */
export interface FileOptions {
  /** Absolute path. */
  readonly path: string;
  /** NORMAL: a power cut may cost the newest seconds; FULL: it costs nothing that was committed. */
  readonly synchronous: "NORMAL" | "FULL";
  /** Names a file that has to be set aside. Default: the clock of the machine. */
  readonly nowUs?: () => number;
}

/** An open history file. */
export interface OpenedFile {
  readonly store: HistoryStore;
  /** The program that had it open before was killed. */
  readonly unclean: boolean;
}

/**
 * Opens the file for writing, creates it (mode 0600) when it is not there, and brings its schema up to date. Throws
 * {@link SetAsideError} when the file is damaged or not ours.
 */
export function openFile({ path, synchronous, nowUs = () => Date.now() * 1000 }: FileOptions): OpenedFile {
  const db = openDatabase({ path, synchronous, nowUs, applicationId: APPLICATION_ID, steps: migrations });
  try {
    // the reader moves the log's pages into the file: in this thread it would stall the gateway
    db.exec("PRAGMA wal_autocheckpoint = 0");
    const store = new HistoryStore(db);
    const unclean = store.meta("state") === "open";
    store.setMeta("state", "open");
    return { store, unclean };
  } catch (error) {
    throw giveUp(db, path, error, nowUs());
  }
}

/** A database of this program: what tells it from others, and its schema. */
export interface DatabaseOptions extends Required<FileOptions> {
  /** `PRAGMA application_id`. */
  readonly applicationId: number;
  readonly steps: readonly Migration[];
}

/**
 * Opens a database of this program for writing (WAL, mode 0600), creates it when it is not there, and brings its schema up to
 * date. Throws {@link SetAsideError} when the file is damaged or not ours, and SQLite's error when the disk refuses.
 */
export function openDatabase(
  { path, synchronous, nowUs, applicationId, steps }: DatabaseOptions,
): sqlite.DatabaseSync {
  prepareFile(path);
  const db = new sqlite.DatabaseSync(path);
  try {
    db.exec(`PRAGMA busy_timeout = 2000; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = -4096; PRAGMA synchronous = ${synchronous}`);
    // before anything that can change the file
    refuseForeign(db, applicationId);
    refuseNewer(db, steps);
    // both only take effect in a new file
    db.exec("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL");
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = ${16 * 1024 * 1024}`);
    migrate(db, steps, applicationId);
    return db;
  } catch (error) {
    throw giveUp(db, path, error, nowUs());
  }
}

/** The file is at fault, and was set aside. */
export class SetAsideError extends Error {
  override readonly name = "SetAsideError";
  /** Where it is now. */
  readonly aside: string;

  constructor(aside: string, fault: unknown) {
    super(fault instanceof Error ? fault.message : String(fault), { cause: fault });
    this.aside = aside;
  }
}

/** Closes a file that cannot be used, and sets it aside when it is at fault itself. Returns what to throw. */
export function giveUp(db: { close(): void }, path: string, error: unknown, nowUs: number): unknown {
  try {
    // renamed while it is open: the last to close a file under its own name moves the log into it and deletes the log
    return isFileAtFault(error) ? new SetAsideError(setAside(path, nowUs), error) : error;
  } finally {
    db.close();
  }
}

/** Notes that everything is committed, and closes the file. */
export function closeFile(store: HistoryStore): void {
  try {
    store.setMeta("state", "closed");
  } finally {
    store.close();
  }
}

/** Whether the file itself is at fault, so that setting it aside helps. */
function isFileAtFault(error: unknown): boolean {
  return error instanceof NewerSchemaError || error instanceof ForeignFileError || troubleOf(error) === "corrupt";
}

/**
 * Renames the file and its log to `<path>.corrupt-<UTC time>`, so that a new one can take its place. Nothing is deleted.
 * Returns the new name.
 */
export function setAside(path: string, nowUs: number): string {
  const stamp = stampOf(nowUs);
  let aside = `${path}.corrupt-${stamp}`;
  for (let i = 1; existsSync(aside); i++) aside = `${path}.corrupt-${stamp}-${i}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

/** A time as file names have it: `20260131T235959Z`. */
export function stampOf(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString().replace(/[-:]|\.\d+/g, "");
}

/** What went wrong when opening, in words that name the file and the remedy. */
export function openErrorOf(error: unknown, path: string): HistoryOpenError {
  if (error instanceof HistoryOpenError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const systemCode = error instanceof Error && "code" in error ? String(error.code) : "";
  const code = /^E[A-Z]+$/.test(systemCode) && !systemCode.startsWith("ERR") ? systemCode : {
    readonly: "EROFS",
    full: "ENOSPC",
    unopenable: "EACCES",
    io: "EIO",
    busy: "EBUSY",
    corrupt: "HISTORY_UNUSABLE",
    other: "HISTORY_UNUSABLE",
  }[troubleOf(error)];
  return new HistoryOpenError(
    `Cannot open the history file '${path}': ${text}. The folder and the file must be writable for the user that runs this program`,
    code,
    { cause: error },
  );
}

/** The file is a database of something else. */
class ForeignFileError extends Error {
  override readonly name = "ForeignFileError";
}

function refuseForeign(db: sqlite.DatabaseSync, applicationId: number): void {
  const tables = Number((db.prepare("SELECT count(*) AS n FROM sqlite_schema").get() as { n: number }).n);
  const { application_id } = db.prepare("PRAGMA application_id").get() as { application_id: number };
  if (tables > 0 && (application_id !== applicationId || versionOf(db) === 0)) {
    throw new ForeignFileError("Cannot use the file as it is a database of another program");
  }
}

function prepareFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // SQLite gives the log beside the file the file's own mode
  if (!existsSync(path)) closeSync(openSync(path, "wx", 0o600));
  for (const name of [path, `${path}-wal`, `${path}-shm`]) {
    const mode = statSync(name, { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & 0o077) !== 0) chmodSync(name, 0o600);
  }
}
