import { AccessError } from "./access.ts";

/**
 * What kind of trouble SQLite reports. `node:sqlite` of Deno gives one code for everything, so SQLite's own fixed
 * messages (sqlite3ErrStr in its main.c) tell them apart.
 */
export type StoreTrouble = "damaged" | "full" | "readonly" | "other";

const known: readonly [RegExp, StoreTrouble][] = [
  [/malformed|file is not a database|unsupported file format/i, "damaged"],
  [/database or disk is full|ENOSPC|no space left/i, "full"],
  [/readonly database|EROFS|read-only file system/i, "readonly"],
];

const words: Record<StoreTrouble, string> = {
  damaged: "it is damaged",
  full: "the disk is full",
  readonly: "the disk is read-only",
  other: "the disk refuses",
};

/** Sorts an error of SQLite or of the file system. */
export function storeTroubleOf(error: unknown): StoreTrouble {
  const text = error instanceof Error ? error.message : String(error);
  return known.find(([pattern]) => pattern.test(text))?.[1] ?? "other";
}

/** The refusal of a change that could not be stored. `what` completes "Cannot …". */
export function unavailable(what: string, error: unknown): AccessError {
  return new AccessError(
    "unavailable",
    `Cannot ${what} as the store of users and tokens cannot be written: ${words[storeTroubleOf(error)]}`,
    { fix: "Free space, or make data_dir writable, and try again" },
  );
}
