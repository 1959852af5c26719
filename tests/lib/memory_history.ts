import type { Bucket, BucketQuery, HistoryQueries, RawPage, RawQuery } from "../../src/history/history.ts";
import type { Value } from "../../src/tags/tag.ts";

/** A stored row of a {@link MemoryHistory}. */
export interface MemoryRow {
  readonly timeUs: number;
  readonly value: Value;
  readonly quality: number;
  readonly flags?: number;
}

/** Rows in memory behind the interface of the history's reader, for tests of what stands on it. */
export class MemoryHistory implements HistoryQueries {
  readonly rows = new Map<string, MemoryRow[]>();
  /** Called before each answer; may wait or throw. */
  before: (signal?: AbortSignal) => Promise<void> = () => Promise.resolve();
  /** Calls of {@link readRaw} so far. */
  reads = 0;

  async readRaw(query: RawQuery, signal?: AbortSignal): Promise<RawPage> {
    this.reads++;
    await this.before(signal);
    signal?.throwIfAborted();
    const { fromUs, toUs, direction, limit, after } = query;
    let rows = (this.rows.get(query.tagId) ?? []).filter(({ timeUs }) =>
      (fromUs === null || timeUs >= fromUs) && (toUs === null || timeUs <= toUs)
    );
    if (direction === "reverse") rows = rows.toReversed();
    if (after !== undefined) {
      rows = rows.filter(({ timeUs }) => direction === "forward" ? timeUs > after.timeUs : timeUs < after.timeUs);
    }
    const page = rows.slice(0, limit);
    const text = page.some(({ value }) => typeof value === "string");
    return {
      count: page.length,
      timesUs: Float64Array.from(page, ({ timeUs }) => timeUs),
      serverTimesUs: Float64Array.from(page, ({ timeUs }) => timeUs + 1_000),
      qualities: Uint32Array.from(page, ({ quality }) => quality),
      flags: Uint8Array.from(page, ({ flags }) => flags ?? 0),
      values: text
        ? page.map(({ value }) => value)
        : Float64Array.from(page, ({ value }) => value === null ? NaN : Number(value)),
      next: rows.length > limit ? { timeUs: page.at(-1)?.timeUs ?? 0 } : null,
    };
  }

  async readBuckets({ tagId, fromUs, toUs, bucketUs }: BucketQuery, signal?: AbortSignal): Promise<Bucket[]> {
    await this.before(signal);
    signal?.throwIfAborted();
    const buckets: Bucket[] = [];
    for (let startUs = fromUs; startUs < toUs; startUs += bucketUs) {
      const endUs = Math.min(startUs + bucketUs, toUs);
      const rows = (this.rows.get(tagId) ?? []).filter(({ timeUs }) => timeUs >= startUs && timeUs < endUs);
      const numbers = rows.map(({ value }) => Number(value));
      const empty = rows.length === 0;
      buckets.push({
        startUs,
        endUs,
        count: rows.length,
        min: empty ? null : Math.min(...numbers),
        max: empty ? null : Math.max(...numbers),
        mean: empty ? null : numbers.reduce((sum, value) => sum + value, 0) / numbers.length,
        first: numbers[0] ?? null,
        last: numbers.at(-1) ?? null,
        goodSeconds: empty ? 0 : (endUs - startUs) / 1_000_000,
        goodShare: empty ? 0 : rows.filter(({ quality }) => quality >>> 30 === 0).length / rows.length,
      });
    }
    return buckets;
  }

  readProcessed(): Promise<never> {
    return Promise.reject(new Error("Cannot compute aggregates of rows that are only in memory"));
  }

  readAtTime(): Promise<never> {
    return Promise.reject(new Error("Cannot compute values of rows that are only in memory"));
  }

  backup(): Promise<number> {
    return Promise.reject(new Error("Cannot back up rows that are only in memory"));
  }
}
