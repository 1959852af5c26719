import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Statements of one database, each prepared at its first use and kept. */
export class StatementCache {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** @param sql one of a fixed set of texts: each is kept for good */
  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Lets go of all, before the database closes. */
  clear(): void {
    this.#statements.clear();
  }
}
