import { closeSync, copyFileSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import * as sqlite from "node:sqlite";

const PAGE = 4096;
/** Offsets in the first 100 bytes of a file (SQLite file format §1.3). */
const Header = { pageCount: 28, changeCounter: 24, versionValidFor: 92 } as const;

/** A damaged file that is open for reading. */
export interface DamagedFile {
  readonly db: sqlite.DatabaseSync;
  /** Closes it and removes the copy that was made of it, if one was. */
  close(): void;
}

/**
 * Opens a damaged file as far as SQLite lets us, without changing it. When SQLite refuses the file as a whole (its first page,
 * with the header and the schema, is damaged, or it was cut short), a copy gets the first page of `template`, a sound
 * file of the same schema: a table's root page lies in the same place in every file of one schema.
 * Throws SQLite's error when that does not help either.
 */
export function openDamaged(path: string, template: string): DamagedFile {
  try {
    const db = openReadable(path);
    return { db, close: () => db.close() };
  } catch {
    return openWithFirstPageOf(template, path);
  }
}

function openReadable(path: string): sqlite.DatabaseSync {
  const db = new sqlite.DatabaseSync(path, { readOnly: true });
  try {
    // the schema is all that is needed: each table may be damaged
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE name IN ('series', 'block', 'journal', 'rollup')")
      .all();
    if (tables.length < 4) throw new Error("Cannot recover anything as the tables of a history are missing");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function openWithFirstPageOf(template: string, path: string): DamagedFile {
  const copy = `${path}.salvage`;
  const remove = () => {
    for (const name of [copy, `${copy}-wal`, `${copy}-shm`]) rmSync(name, { force: true });
  };
  remove();
  try {
    copyFileSync(path, copy);
    const page = new Uint8Array(PAGE);
    const source = openSync(template, "r");
    readSync(source, page, 0, PAGE, 0);
    closeSync(source);
    const view = new DataView(page.buffer);
    view.setUint32(Header.pageCount, Math.floor(statSync(copy).size / PAGE));
    view.setUint32(Header.versionValidFor, view.getUint32(Header.changeCounter));
    const target = openSync(copy, "r+");
    writeSync(target, page, 0, PAGE, 0);
    closeSync(target);
    const db = openReadable(copy);
    return {
      db,
      close() {
        db.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
