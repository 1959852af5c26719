import type { DatabaseSync } from "node:sqlite";
import { basename } from "node:path";
import { getLogger } from "@logtape/logtape";
import { transact } from "./transaction.ts";

const log = getLogger(["edgekeep", "history"]);

/** One step of the schema. Applied once, in order, in a transaction of its own; never changed after a release. */
export interface Migration {
  readonly name: string;
  /** Changes the schema and what is stored; `progress` reports long work as done of total. */
  readonly up: (db: DatabaseSync, progress: (done: number, total: number) => void) => void;
}

/** `EDKP`: tells our files from other SQLite files (PRAGMA application_id). */
export const APPLICATION_ID = 0x45444b50;

/** The schema, step by step; `user_version` of a file is the number of steps it has behind it. */
export const migrations: readonly Migration[] = [
  {
    name: "series, journal, blocks and rollups",
    up(db) {
      db.exec(`
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE series (
          id INTEGER PRIMARY KEY,
          tag TEXT NOT NULL UNIQUE,
          type TEXT NOT NULL,
          retention_days INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE journal (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
        CREATE TABLE block (
          id INTEGER PRIMARY KEY,
          series INTEGER NOT NULL,
          t0 INTEGER NOT NULL,
          t1 INTEGER NOT NULL,
          rows INTEGER NOT NULL,
          data BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX block_by_time ON block (series, t0, t1);
        CREATE TABLE rollup (
          series INTEGER NOT NULL,
          day INTEGER NOT NULL,
          data BLOB NOT NULL,
          PRIMARY KEY (series, day)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE rollup_due (
          series INTEGER NOT NULL,
          day INTEGER NOT NULL,
          PRIMARY KEY (series, day)
        ) STRICT, WITHOUT ROWID;
      `);
    },
  },
];

/** The file was written by a newer version of this program. */
export class NewerSchemaError extends Error {
  override readonly name = "NewerSchemaError";
}

/**
 * Brings a file to the newest schema, each step in one transaction, so that a kill leaves it before or behind a step.
 * A new file is made in silence: there is nothing in it that a person would wait for.
 * Throws {@link NewerSchemaError} when the file is ahead of this program.
 */
export function migrate(
  db: DatabaseSync,
  steps: readonly Migration[] = migrations,
  applicationId: number = APPLICATION_ID,
): void {
  refuseNewer(db, steps);
  const version = versionOf(db);
  // of a new file nothing is told
  const file = version === 0 ? "" : basename(db.location() ?? "memory");
  for (let step = version; step < steps.length; step++) {
    const { name, up } = steps[step] as Migration;
    const fields = { event: "history_migration", file, from: step, to: step + 1, name };
    if (version > 0) log.info("Bringing {file} from schema {from} to {to}: {name}", fields);
    let told = 0;
    transact(db, () => {
      up(db, (done, total) => {
        const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
        if (percent < told + 10) return;
        told = percent;
        log.info("Schema {to} of {file}: {percent} % done", {
          ...fields,
          event: "history_migration_progress",
          percent,
        });
      });
      db.exec(`PRAGMA user_version = ${step + 1}`);
      db.exec(`PRAGMA application_id = ${applicationId}`);
    });
  }
}

/** Throws {@link NewerSchemaError} when the file is ahead of this program. */
export function refuseNewer(db: DatabaseSync, steps: readonly Migration[] = migrations): void {
  const version = versionOf(db);
  if (version > steps.length) {
    throw new NewerSchemaError(
      `Cannot use the file as a newer version wrote it: its schema is ${version}, this program knows ${steps.length}`,
    );
  }
}

/** The number of schema steps that a file has behind it; 0 for a new one. */
export function versionOf(db: DatabaseSync): number {
  return Number((db.prepare("PRAGMA user_version").get() as { user_version: number }).user_version);
}
