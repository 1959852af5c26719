import type { DatabaseSync } from "node:sqlite";

/**
 * Runs `work` in one transaction that takes the write lock at once (`DEFERRED`: a read snapshot instead) and commits
 * it, or rolls back and throws what went wrong.
 */
export function transact<T>(db: DatabaseSync, work: () => T, mode: "IMMEDIATE" | "DEFERRED" = "IMMEDIATE"): T {
  db.exec(`BEGIN ${mode}`);
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    try {
      db.exec("ROLLBACK");
    } catch {
      // after a full disk or an I/O error SQLite has rolled back by itself
    }
    throw error;
  }
}
