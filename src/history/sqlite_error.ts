/**
 * What kind of trouble SQLite reports. `node:sqlite` of Deno gives one code for everything, so SQLite's own fixed
 * messages (sqlite3ErrStr in its main.c) tell them apart.
 */
export type SqliteTrouble = "corrupt" | "full" | "readonly" | "io" | "busy" | "unopenable" | "other";

const known: readonly [RegExp, SqliteTrouble][] = [
  [/malformed|file is not a database|unsupported file format|malformed database schema/i, "corrupt"],
  [/database or disk is full/i, "full"],
  [/readonly database/i, "readonly"],
  [/disk i\/o error/i, "io"],
  [/database is locked|database table is locked/i, "busy"],
  [/unable to open database file|requires (read|write) access|permission denied/i, "unopenable"],
];

/** Sorts an error thrown by `node:sqlite` into the kinds that are answered differently. */
export function troubleOf(error: unknown): SqliteTrouble {
  const text = error instanceof Error ? error.message : String(error);
  return known.find(([pattern]) => pattern.test(text))?.[1] ?? "other";
}
