import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import * as sqlite from "node:sqlite";
import { ForeignStoreError, migrate, refuseUnsound } from "./migrations.ts";
import { storeTroubleOf } from "./store_error.ts";

const NAME = "access.db";
const SIDE_FILES = ["-wal", "-shm"];

/** What opening the store came to. */
export interface OpenedStore {
  /** `null`: there is none; nothing is known and nothing can be stored. */
  readonly db: sqlite.DatabaseSync | null;
  /** The file can be read and not written, and why. */
  readonly readOnly: string | null;
  /**
   * What is wrong, in words; `null` when nothing is. Then nobody who is only known from the store may get in, and the
   * absence of users means nothing.
   */
  readonly damage: string | null;
}

/**
 * Opens `access.db` in the folder, mode 0600, and brings its schema up to date. A file that is damaged, empty or
 * something else is renamed to `access.db.damaged-<UTC time>` and never deleted; a new one takes its place. Whoever lost
 * the file later (a copy set aside beside an absent store) is told the same. Never throws for the state of the disk.
 */
export function openStoreFile(folder: string, nowUs: number): OpenedStore {
  const path = join(folder, NAME);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!existsSync(path)) {
      const lost = setAsideBefore(folder);
      create(path);
      return { db: open(path), readOnly: null, damage: lost };
    }
    return { db: open(path), readOnly: null, damage: null };
  } catch (error) {
    if (isDamage(error)) return replaceDamaged(path, error, nowUs);
    return openReadOnly(path, error);
  }
}

/** Files that earlier starts set aside, oldest first. */
export function filesSetAside(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^access\.db\.damaged-[^.]*$/.test(name) && !/-(?:wal|shm)$/.test(name))
      .toSorted();
  } catch {
    return [];
  }
}

function setAsideBefore(folder: string): string | null {
  const newest = filesSetAside(folder).at(-1);
  return newest === undefined ? null : `The store is missing; a damaged one was set aside as ${newest}`;
}

/** Makes the whole file beside its place first: a file at its place is never half made. */
function create(path: string): void {
  const draft = `${path}.new`;
  for (const suffix of ["", ...SIDE_FILES]) rmSync(draft + suffix, { force: true });
  const db = new sqlite.DatabaseSync(draft);
  try {
    chmodSync(draft, 0o600);
    configure(db);
    migrate(db);
  } finally {
    db.close();
  }
  renameSync(draft, path);
}

function open(path: string): sqlite.DatabaseSync {
  for (const name of [path, ...SIDE_FILES.map((suffix) => path + suffix)]) {
    const mode = statSync(name, { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & 0o077) !== 0) chmodSync(name, 0o600);
  }
  const db = new sqlite.DatabaseSync(path);
  try {
    db.exec("PRAGMA busy_timeout = 2000; PRAGMA cell_size_check = ON");
    refuseUnsound(db);
    configure(db);
    migrate(db);
    return db;
  } catch (error) {
    // renamed while it is open: closing a file under its own name would move the log into it
    if (isDamage(error)) throw new DamagedError(error, db);
    db.close();
    throw error;
  }
}

function configure(db: sqlite.DatabaseSync): void {
  // FULL: what was revoked stays revoked after a power cut
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON`);
}

/** The file is at fault; it is still open, so that it can be renamed as it is. */
class DamagedError extends Error {
  override readonly name = "DamagedError";

  constructor(cause: unknown, readonly db: sqlite.DatabaseSync) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof DamagedError || error instanceof ForeignStoreError || storeTroubleOf(error) === "damaged";
}

function replaceDamaged(path: string, error: unknown, nowUs: number): OpenedStore {
  const why = textOf(error);
  const db = error instanceof DamagedError ? error.db : null;
  try {
    const aside = setAside(path, nowUs);
    create(path);
    return { db: open(path), readOnly: null, damage: `${why}; it was set aside as ${aside}` };
  } catch (second) {
    return { db: null, readOnly: null, damage: `${why}; it could not be replaced: ${textOf(second)}` };
  } finally {
    db?.close();
  }
}

function setAside(path: string, nowUs: number): string {
  const stamp = new Date(nowUs / 1000).toISOString().replace(/[-:]|\.\d+/g, "");
  let aside = `${path}.damaged-${stamp}`;
  for (let i = 1; existsSync(aside); i++) aside = `${path}.damaged-${stamp}_${i}`;
  for (const suffix of ["", ...SIDE_FILES]) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  return aside;
}

/** On a full or read-only disk those who are known still get in. */
function openReadOnly(path: string, error: unknown): OpenedStore {
  const why = textOf(error);
  if (!existsSync(path)) return { db: null, readOnly: null, damage: `The store cannot be made: ${why}` };
  let db: sqlite.DatabaseSync | null = null;
  try {
    // with the log of a program that was killed, if there is one: it may hold the newest revocations
    db = new sqlite.DatabaseSync(path, { readOnly: true });
    refuseUnsound(db);
    return { db, readOnly: why, damage: null };
  } catch {
    db?.close();
    return { db: null, readOnly: null, damage: `The store cannot be opened: ${why}` };
  }
}

/**
 * Closes the file and leaves it without a log: one that has a log can only be read where files can be made beside it, so
 * not on a disk that has become read-only or full.
 */
export function closeStoreFile(db: sqlite.DatabaseSync): void {
  try {
    db.exec("PRAGMA journal_mode = DELETE");
  } catch {
    // a disk that refuses, or a file open for reading: it stays as it is
  } finally {
    db.close();
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
