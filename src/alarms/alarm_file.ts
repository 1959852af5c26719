import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Migration } from "../history/migrations.ts";
import { transact } from "../history/transaction.ts";
import type { Alarm, AlarmCause, AlarmEvent, JournalQuery } from "./alarms.ts";

/** `EDKL`: tells our files from other SQLite files (PRAGMA application_id). */
export const ALARM_APPLICATION_ID = 0x45444b4c;

/** The schema, step by step. Never changed after a release. */
export const alarmMigrations: readonly Migration[] = [
  {
    name: "states and journal of alarms",
    up(db) {
      db.exec(`
        CREATE TABLE state (
          id TEXT PRIMARY KEY,
          alarm TEXT NOT NULL,
          answerable TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE event (
          sequence INTEGER PRIMARY KEY AUTOINCREMENT,
          time_us INTEGER NOT NULL,
          id TEXT NOT NULL,
          source TEXT NOT NULL,
          cause TEXT NOT NULL,
          by TEXT,
          alarm TEXT NOT NULL
        ) STRICT;
        CREATE INDEX event_by_time ON event (time_us);
        CREATE INDEX event_by_id ON event (id, time_us);
        CREATE INDEX event_by_source ON event (source, time_us);
      `);
    },
  },
];

/** An alarm as it is stored: with the ids of the events that can still be acknowledged. */
export interface StoredAlarm {
  readonly alarm: Alarm;
  readonly answerable: readonly string[];
}

/** The statements of `alarms.db`, prepared once. */
export class AlarmFile {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Every stored state. A row that cannot be understood is left out: its alarm begins anew. */
  states(): StoredAlarm[] {
    return this.#all<{ alarm: string; answerable: string }>("SELECT alarm, answerable FROM state")
      .flatMap(({ alarm, answerable }) => {
        try {
          return [{ alarm: JSON.parse(alarm) as Alarm, answerable: JSON.parse(answerable) as string[] }];
        } catch {
          return [];
        }
      });
  }

  /** The number of the newest event that was ever written; 0 before the first. */
  lastSequence(): number {
    const [row] = this.#all<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'event'");
    return row?.seq ?? 0;
  }

  /** Time of the newest event, µs; `null` in an empty journal. */
  newestTimeUs(): number | null {
    return this.#all<{ t: number | null }>("SELECT max(time_us) AS t FROM event")[0]?.t ?? null;
  }

  /** Stores events, and states with none of their own, in one transaction. */
  write(events: readonly (AlarmEvent & StoredAlarm)[], states: readonly StoredAlarm[]): void {
    transact(this.#db, () => {
      for (const { sequence, cause, by, alarm, answerable } of events) {
        const { id, source, timeUs } = alarm;
        const snapshot = JSON.stringify(alarm);
        this.#run("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", sequence, timeUs, id, source, cause, by, snapshot);
        if (cause === "removed") this.#run("DELETE FROM state WHERE id = ?", id);
        else this.#put(id, snapshot, answerable);
      }
      for (const { alarm, answerable } of states) this.#put(alarm.id, JSON.stringify(alarm), answerable);
    });
  }

  /** Events in the order of the query, at most `limit`. */
  journal(query: JournalQuery, limit: number): AlarmEvent[] {
    const { fromUs, toUs, direction, source, id, after } = query;
    const where: string[] = [];
    const bound: SQLInputValue[] = [];
    const need = (condition: string, ...values: SQLInputValue[]) => {
      where.push(condition);
      bound.push(...values);
    };
    if (id !== undefined) need("id = ?", id);
    if (source !== undefined) need("source = ?", source);
    if (fromUs !== null) need("time_us >= ?", fromUs);
    if (toUs !== null) need("time_us <= ?", toUs);
    const [than, order] = direction === "forward" ? [">", "ASC"] : ["<", "DESC"];
    if (after !== undefined) {
      const { timeUs, sequence } = after;
      need(`time_us ${than}= ? AND (time_us ${than} ? OR sequence ${than} ?)`, timeUs, timeUs, sequence);
    }
    const rows = this.#all<{ sequence: number; cause: AlarmCause; by: string | null; alarm: string }>(
      `SELECT sequence, cause, by, alarm FROM event${where.length > 0 ? ` WHERE ${where.join(" AND ")}` : ""}
       ORDER BY time_us ${order}, sequence ${order} LIMIT ?`,
      ...bound,
      limit,
    );
    return rows.map(({ sequence, cause, by, alarm }) => ({
      sequence,
      cause,
      by,
      alarm: JSON.parse(alarm) as Alarm,
    }));
  }

  /** Deletes at most `most` events that are older than `beforeUs`, or whose number is not above `upTo`; answers how many. */
  prune(beforeUs: number, upTo: number, most: number): number {
    const old = this.#run(
      "DELETE FROM event WHERE sequence IN (SELECT sequence FROM event WHERE time_us < ? ORDER BY time_us LIMIT ?)",
      beforeUs,
      most,
    );
    if (old > 0) return old;
    return this.#run(
      "DELETE FROM event WHERE sequence IN (SELECT sequence FROM event WHERE sequence <= ? ORDER BY sequence LIMIT ?)",
      upTo,
      most,
    );
  }

  close(): void {
    this.#prepared.clear();
    this.#db.close();
  }

  #put(id: string, alarm: string, answerable: readonly string[]): void {
    this.#run(
      `INSERT INTO state VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET alarm = excluded.alarm, answerable = excluded.answerable`,
      id,
      alarm,
      JSON.stringify(answerable),
    );
  }

  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  #all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#statement(sql).all(...values) as T[];
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) this.#prepared.set(sql, statement = this.#db.prepare(sql));
    return statement;
  }
}
