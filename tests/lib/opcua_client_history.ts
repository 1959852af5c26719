import type { HistoryQueries, RawPage, RawQuery } from "../../src/history/history.ts";
import type { TagId, Value } from "../../src/tags/tag.ts";

/** One stored row. */
export interface MemoryRow {
  readonly timeUs: number;
  readonly value: Value;
  readonly quality?: number;
  readonly serverTimeUs?: number;
}

/** A history in memory that answers as {@link HistoryQueries} describes, for tests of those who read it. */
export class MemoryHistory implements HistoryQueries {
  readonly #rows = new Map<TagId, readonly MemoryRow[]>();
  readonly queries: RawQuery[] = [];
  /** Makes every read fail. */
  failure: Error | null = null;

  /** Sets the rows of a tag, in any order. */
  set(tagId: TagId, rows: readonly MemoryRow[]): void {
    this.#rows.set(tagId, rows.toSorted((a, b) => a.timeUs - b.timeUs));
  }

  readRaw(query: RawQuery): Promise<RawPage> {
    this.queries.push(query);
    if (this.failure !== null) return Promise.reject(this.failure);
    const { fromUs, toUs, direction, limit, after } = query;
    const inRange = (this.#rows.get(query.tagId) ?? []).filter((row) =>
      (fromUs === null || row.timeUs >= fromUs) && (toUs === null || row.timeUs <= toUs)
    );
    const ordered = direction === "forward" ? inRange : inRange.toReversed();
    const behind = after === undefined
      ? ordered
      : ordered.filter((row) => direction === "forward" ? row.timeUs > after.timeUs : row.timeUs < after.timeUs);
    const rows = behind.slice(0, limit);
    const text = rows.some((row) => typeof row.value === "string");
    const number = (value: Value) => value === null ? NaN : typeof value === "boolean" ? Number(value) : Number(value);
    return Promise.resolve({
      count: rows.length,
      timesUs: Float64Array.from(rows, (row) => row.timeUs),
      serverTimesUs: Float64Array.from(rows, (row) => row.serverTimeUs ?? row.timeUs),
      qualities: Uint32Array.from(rows, (row) => row.quality ?? 0),
      flags: new Uint8Array(rows.length),
      values: text ? rows.map((row) => row.value) : Float64Array.from(rows, (row) => number(row.value)),
      next: behind.length > limit ? { timeUs: rows.at(-1)?.timeUs ?? 0 } : null,
    });
  }

  readBuckets(): Promise<never> {
    return Promise.reject(new Error("not used here"));
  }

  readProcessed(): Promise<never> {
    return Promise.reject(this.failure ?? new Error("not used here"));
  }

  readAtTime(): Promise<never> {
    return Promise.reject(this.failure ?? new Error("not used here"));
  }

  backup(): Promise<never> {
    return Promise.reject(new Error("not used here"));
  }
}
