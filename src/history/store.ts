import type { DatabaseSync } from "node:sqlite";
import type { MetricType, TagId } from "../tags/tag.ts";
import { StatementCache } from "./statement_cache.ts";
import { transact } from "./transaction.ts";

/** What a parameter of a statement can be bound to. */
type BoundValue = null | number | bigint | string | Uint8Array;

/** A series as the file knows it. */
export interface StoredSeries {
  readonly id: number;
  readonly tag: TagId;
  readonly type: MetricType;
  readonly retentionDays: number;
}

/** A block as the file holds it. Blocks of one series never overlap. */
export interface StoredBlock {
  readonly id: number;
  /** Times of the first and last row, µs. */
  readonly t0: number;
  readonly t1: number;
  readonly data: Uint8Array;
}

/** A day of one series whose rollup is missing or outdated. */
export interface DueDay {
  readonly series: number;
  readonly day: number;
}

/** Every SQL statement of the room, prepared once a connection. No statement here touches more rows than it is told. */
export class HistoryStore {
  readonly db: DatabaseSync;
  readonly #statements: StatementCache;

  constructor(db: DatabaseSync) {
    this.db = db;
    this.#statements = new StatementCache(db);
  }

  close(): void {
    this.#statements.clear();
    this.db.close();
  }

  transact<T>(work: () => T): T {
    return transact(this.db, work);
  }

  /** Runs `work` on one snapshot of the file. */
  read<T>(work: () => T): T {
    return transact(this.db, work, "DEFERRED");
  }

  meta(key: string): string | null {
    return this.#one<{ value: string }>("SELECT value FROM meta WHERE key = ?", key)?.value ?? null;
  }

  setMeta(key: string, value: string): void {
    this.#run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value);
  }

  series(): StoredSeries[] {
    return this.#all<StoredSeries>("SELECT id, tag, type, retention_days AS retentionDays FROM series ORDER BY id");
  }

  putSeries(series: StoredSeries): void {
    this.#run(
      "INSERT INTO series VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET type = excluded.type, retention_days = excluded.retention_days",
      series.id,
      series.tag,
      series.type,
      series.retentionDays,
    );
  }

  /** Journal records after `id`, oldest first, at most `limit`. */
  journalAfter(id: number, limit: number): { id: number; data: Uint8Array }[] {
    return this.#all("SELECT id, data FROM journal WHERE id > ? ORDER BY id LIMIT ?", id, limit);
  }

  appendJournal(id: number, data: Uint8Array): void {
    this.#run("INSERT INTO journal VALUES (?, ?)", id, data);
  }

  /** Deletes at most `limit` of the oldest journal records up to `id`; how many went. */
  trimJournal(id: number, limit: number): number {
    return this.#run(
      "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE id <= ? ORDER BY id LIMIT ?)",
      id,
      limit,
    );
  }

  /** Time of the newest packed row, or `null`. Reads the index alone. */
  lastPackedUs(series: number): number | null {
    return this.#one<{ t1: number }>("SELECT t1 FROM block WHERE series = ? ORDER BY t0 DESC LIMIT 1", series)?.t1 ??
      null;
  }

  /** The block with the latest first row at or before `timeUs`. */
  blockAtOrBefore(series: number, timeUs: number): StoredBlock | null {
    return this.#one(
      "SELECT id, t0, t1, data FROM block WHERE series = ? AND t0 <= ? ORDER BY t0 DESC LIMIT 1",
      series,
      timeUs,
    );
  }

  /** The block with the earliest first row after `timeUs`. */
  blockAfter(series: number, timeUs: number): StoredBlock | null {
    return this.#one(
      "SELECT id, t0, t1, data FROM block WHERE series = ? AND t0 > ? ORDER BY t0 LIMIT 1",
      series,
      timeUs,
    );
  }

  /** Whether some block of the series holds a time in `fromUs … toUs`. */
  hasBlockIn(series: number, fromUs: number, toUs: number): boolean {
    return this.#one("SELECT 1 FROM block WHERE series = ? AND t0 <= ? AND t1 >= ? LIMIT 1", series, toUs, fromUs) !==
      null;
  }

  insertBlock(series: number, t0: number, t1: number, rows: number, data: Uint8Array): void {
    this.#run("INSERT INTO block (series, t0, t1, rows, data) VALUES (?, ?, ?, ?, ?)", series, t0, t1, rows, data);
  }

  updateBlock(id: number, t0: number, t1: number, rows: number, data: Uint8Array): void {
    this.#run("UPDATE block SET t0 = ?, t1 = ?, rows = ?, data = ? WHERE id = ?", t0, t1, rows, data, id);
  }

  deleteBlock(id: number): void {
    this.#run("DELETE FROM block WHERE id = ?", id);
  }

  /** First and last time of the oldest block, or `null`. Reads the index alone. */
  oldestBlock(series: number): { id: number; t0: number; t1: number } | null {
    return this.#one("SELECT id, t0, t1 FROM block WHERE series = ? ORDER BY t0 LIMIT 1", series);
  }

  /** Number of rows in a block, without unpacking it. */
  rowsOfBlock(id: number): number {
    return this.#one<{ rows: number }>("SELECT rows FROM block WHERE id = ?", id)?.rows ?? 0;
  }

  /** Says that the rollup of a day must be built (again). */
  markDue(series: number, day: number): void {
    this.#run("INSERT OR IGNORE INTO rollup_due VALUES (?, ?)", series, day);
  }

  clearDue(series: number, day: number): void {
    this.#run("DELETE FROM rollup_due WHERE series = ? AND day = ?", series, day);
  }

  /** Days before `day` whose rollup is due, at most `limit`, behind the given one. */
  dueBefore(day: number, after: DueDay, limit: number): DueDay[] {
    return this.#all(
      "SELECT series, day FROM rollup_due WHERE (series, day) > (?, ?) AND day < ? ORDER BY series, day LIMIT ?",
      after.series,
      after.day,
      day,
      limit,
    );
  }

  /** The oldest day of a series whose rollup is due, or `null`. */
  oldestDue(series: number): number | null {
    return this.#one<{ day: number }>("SELECT day FROM rollup_due WHERE series = ? ORDER BY day LIMIT 1", series)
      ?.day ??
      null;
  }

  dueIn(series: number, fromDay: number, toDay: number): number[] {
    return this.#all<{ day: number }>(
      "SELECT day FROM rollup_due WHERE series = ? AND day BETWEEN ? AND ?",
      series,
      fromDay,
      toDay,
    ).map(({ day }) => day);
  }

  /** Rollups of the days `fromDay … toDay`, in their order. */
  rollups(series: number, fromDay: number, toDay: number): { day: number; data: Uint8Array }[] {
    return this.#all(
      "SELECT day, data FROM rollup WHERE series = ? AND day BETWEEN ? AND ? ORDER BY day",
      series,
      fromDay,
      toDay,
    );
  }

  /** The oldest rollup of a series, or `null`. */
  oldestRollup(series: number): { day: number; data: Uint8Array } | null {
    return this.#one("SELECT day, data FROM rollup WHERE series = ? ORDER BY day LIMIT 1", series);
  }

  putRollup(series: number, day: number, data: Uint8Array): void {
    this.#run(
      "INSERT INTO rollup VALUES (?, ?, ?) ON CONFLICT (series, day) DO UPDATE SET data = excluded.data",
      series,
      day,
      data,
    );
  }

  deleteRollup(series: number, day: number): void {
    this.#run("DELETE FROM rollup WHERE series = ? AND day = ?", series, day);
  }

  /** Keeps what is there. */
  putRollupIfMissing(series: number, day: number, data: Uint8Array): void {
    this.#run("INSERT OR IGNORE INTO rollup VALUES (?, ?, ?)", series, day, data);
  }

  hasRollupBefore(series: number, day: number): boolean {
    return this.#one("SELECT 1 FROM rollup WHERE series = ? AND day < ? LIMIT 1", series, day) !== null;
  }

  /** Gives at most `pages` free pages at the end of the file back to the disk. */
  shrink(pages: number): void {
    // exec() takes one step of a statement, and this one gives back one page a step
    this.db.prepare(`PRAGMA incremental_vacuum(${pages})`).all();
  }

  /** Deletes at most `limit` of the oldest rollups before `day`; how many went. */
  deleteRollupsBefore(series: number, day: number, limit: number): number {
    return this.#run(
      "DELETE FROM rollup WHERE series = ? AND day IN (SELECT day FROM rollup WHERE series = ? AND day < ? ORDER BY day LIMIT ?)",
      series,
      series,
      day,
      limit,
    );
  }

  /** Moves committed pages from the log into the file, without making others wait. */
  checkpoint(): { log: number; done: number } {
    const row = this.#one<{ log: number; checkpointed: number }>("PRAGMA wal_checkpoint(PASSIVE)");
    return { log: row?.log ?? 0, done: row?.checkpointed ?? 0 };
  }

  /** Pages of the file, and how many of them are free for reuse. */
  pages(): { count: number; free: number } {
    const count = this.#one<{ page_count: number }>("PRAGMA page_count")?.page_count ?? 0;
    const free = this.#one<{ freelist_count: number }>("PRAGMA freelist_count")?.freelist_count ?? 0;
    return { count, free };
  }

  #run(sql: string, ...values: BoundValue[]): number {
    return Number(this.#statements.prepare(sql).run(...values).changes);
  }

  #one<T>(sql: string, ...values: BoundValue[]): T | null {
    return (this.#statements.prepare(sql).get(...values) as T | undefined) ?? null;
  }

  #all<T>(sql: string, ...values: BoundValue[]): T[] {
    return this.#statements.prepare(sql).all(...values) as T[];
  }
}
