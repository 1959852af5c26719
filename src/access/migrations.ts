import type { DatabaseSync } from "node:sqlite";

/** `EDKA`: tells our files from other SQLite files (PRAGMA application_id). */
export const APPLICATION_ID = 0x45444b41;

/** The schema, step by step; `user_version` of a file is the number of steps behind it. Never changed after a release. */
export const migrations: readonly ((db: DatabaseSync) => void)[] = [
  (db) =>
    db.exec(`
      CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE user (
        name TEXT PRIMARY KEY COLLATE NOCASE,
        role TEXT NOT NULL,
        disabled INTEGER NOT NULL,
        hash TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        password_changed_us INTEGER NOT NULL,
        last_used_us INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE certificate (
        fingerprint TEXT PRIMARY KEY,
        user TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE token (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        label TEXT NOT NULL,
        role TEXT NOT NULL,
        digest BLOB NOT NULL,
        created_us INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        expires_us INTEGER,
        last_used_us INTEGER,
        last_address TEXT
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE pairing (
        id TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        label TEXT NOT NULL,
        lifetime_s INTEGER,
        digest BLOB NOT NULL,
        created_us INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        expires_us INTEGER NOT NULL,
        wrong_tries INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE session (
        id TEXT PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        owner_mark BLOB,
        address TEXT NOT NULL,
        user_agent TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        last_used_us INTEGER NOT NULL,
        expires_us INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE known_place (
        name TEXT NOT NULL,
        address TEXT NOT NULL,
        last_used_us INTEGER NOT NULL,
        PRIMARY KEY (name, address)
      ) STRICT, WITHOUT ROWID;
    `),
];

/** The file was written by a newer version of this program. */
export class NewerStoreError extends Error {
  override readonly name = "NewerStoreError";
}

/** The file is no store of ours. */
export class ForeignStoreError extends Error {
  override readonly name = "ForeignStoreError";
}

/** Steps that the file has behind it; 0 for an empty file. */
export function versionOf(db: DatabaseSync): number {
  return Number((db.prepare("PRAGMA user_version").get() as { user_version: number }).user_version);
}

/** Brings an empty or older file up to date, each step in a transaction of its own. */
export function migrate(db: DatabaseSync): void {
  for (let version = versionOf(db); version < migrations.length; version++) {
    db.exec("BEGIN IMMEDIATE");
    try {
      migrations[version]?.(db);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${version + 1}`);
      db.exec("COMMIT");
    } catch (error) {
      db.exec("ROLLBACK");
      throw error;
    }
  }
}

/**
 * Refuses what is not a sound store of this or an older version, before anything changes it. An empty file is not one:
 * stores are made complete beside their place, so an empty file was cut short.
 */
export function refuseUnsound(db: DatabaseSync): void {
  const { application_id } = db.prepare("PRAGMA application_id").get() as { application_id: number };
  const version = versionOf(db);
  if (application_id !== APPLICATION_ID || version === 0) {
    throw new ForeignStoreError("The file is empty or not a store of users and tokens");
  }
  const [{ quick_check } = { quick_check: "no answer" }] = db.prepare("PRAGMA quick_check(1)").all() as {
    quick_check: string;
  }[];
  if (quick_check !== "ok") throw new ForeignStoreError(`SQLite finds the file malformed: ${quick_check}`);
  const { tables } = db.prepare(
    "SELECT count(*) AS tables FROM sqlite_schema WHERE name IN ('meta', 'user', 'token', 'session')",
  ).get() as { tables: number };
  if (tables !== 4) throw new ForeignStoreError("Tables are missing");
  if (version > migrations.length) {
    throw new NewerStoreError(
      `A newer version of this program wrote it: schema ${version}, known up to ${migrations.length}`,
    );
  }
}
