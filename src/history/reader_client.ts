import { rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { TagId } from "../tags/tag.ts";
import type { FoldedBuckets } from "./fold.ts";
import { type AtTimeQuery, type ComputedPage, intervalCount, type ProcessedQuery } from "./aggregate_query.ts";
import { BAD_NO_DATA } from "./aggregate_status.ts";
import type { ComputedColumns } from "./computed_columns.ts";
import type { Bucket, BucketQuery, HistoryQueries, RawPage, RawQuery } from "./history.ts";
import { columnsOfRows, joinColumns } from "./read_raw.ts";
import type { Lane } from "./reader_lane.ts";
import type { RawColumns, SalvagePart, SalvageReport } from "./reader_protocol.ts";
import { appendRows, emptyRows, isGoodState, lowerBound, type Rows } from "./rows.ts";
import { DAY_US, type Series } from "./series.ts";
import { troubleOf } from "./sqlite_error.ts";

const MAX_ROWS = 1_000_000;
const MAX_BUCKETS = 100_000;
const MAX_COMPUTED = 1_000_000;
const MIN_BUCKET_US = 1_000_000;

/** What the client needs. */
export interface ReaderClientOptions {
  /** Answers queries; always there. */
  readonly queries: Lane;
  /** Does long jobs that hold their thread. */
  readonly jobs: Lane;
  /** Where backups go, absolute; it exists. */
  readonly backupDir: string;
  readonly nowUs: () => number;
  /** The series of a tag, with its newest rows. */
  readonly series: (tagId: TagId) => Series | undefined;
  /** Commits what waits, before a copy is made. */
  readonly flush: () => void;
  readonly onCorrupt: (error: unknown) => void;
}

/**
 * Reading: the newest rows come from memory, all others from the reader worker. Long jobs that hold their thread (backup, integrity
 * check, salvage) run one at a time in a second worker that is there only while there are any.
 */
export class ReaderClient implements HistoryQueries {
  readonly #options: ReaderClientOptions;
  readonly #queries: Lane;
  readonly #jobs: Lane;
  #lastJob: Promise<unknown> = Promise.resolve();

  constructor(options: ReaderClientOptions) {
    this.#options = options;
    this.#queries = options.queries;
    this.#jobs = options.jobs;
  }

  async readRaw(query: RawQuery, signal?: AbortSignal): Promise<RawPage> {
    const { limit, after } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ROWS) {
      throw new RangeError(`Cannot read rows as 'limit' must be 1 to ${MAX_ROWS}: current value is ${limit}`);
    }
    const reverse = query.direction === "reverse";
    let fromUs = query.fromUs ?? -Infinity;
    let toUs = query.toUs ?? Infinity;
    if (after !== undefined && reverse) toUs = Math.min(toUs, after.timeUs - 1);
    else if (after !== undefined) fromUs = Math.max(fromUs, after.timeUs + 1);
    const series = this.#options.series(query.tagId);
    if (series === undefined || fromUs > toUs) return pageOf(nothing, undefined);
    const columns = await (reverse ? this.#reverse : this.#forward).call(this, series, fromUs, toUs, limit, signal);
    return pageOf(columns, series);
  }

  async readBuckets(query: BucketQuery, signal?: AbortSignal): Promise<Bucket[]> {
    const { fromUs, toUs, bucketUs } = query;
    if (!(bucketUs >= MIN_BUCKET_US) || !Number.isInteger(bucketUs)) {
      throw new RangeError(`Cannot read buckets as 'bucketUs' must be at least 1 s: current value is ${bucketUs}`);
    }
    if (!(toUs > fromUs) || (toUs - fromUs) / bucketUs > MAX_BUCKETS) {
      throw new RangeError(
        `Cannot read buckets as the span must be longer than 0 and at most ${MAX_BUCKETS} buckets: current value is ${fromUs} to ${toUs}`,
      );
    }
    const series = this.#options.series(query.tagId);
    if (series === undefined) return bucketsOf(null, query);
    const nowUs = this.#options.nowUs();
    const head = headBetween(series.head, fromUs, toUs);
    const folded = await this.#ask(() =>
      this.#queries.call<"buckets">(
        { kind: "buckets", series: series.id, fromUs, toUs, bucketUs, nowUs, head },
        signal,
      )
    );
    return bucketsOf(folded, query);
  }

  async readProcessed(query: ProcessedQuery, signal?: AbortSignal): Promise<ComputedPage> {
    const { tagId, startUs, endUs, intervalUs, first, limit } = query;
    if (!Number.isSafeInteger(startUs) || !Number.isSafeInteger(endUs) || startUs === endUs) {
      throw new RangeError(`Cannot read aggregates as the span is empty or open: ${startUs} to ${endUs}`);
    }
    if (!Number.isSafeInteger(intervalUs) || intervalUs < 0) {
      throw new RangeError(
        `Cannot read aggregates as 'intervalUs' must be 0 or more whole µs: current value is ${intervalUs}`,
      );
    }
    if (!Number.isSafeInteger(first) || first < 0 || !Number.isInteger(limit) || limit < 1 || limit > MAX_COMPUTED) {
      throw new RangeError(`Cannot read aggregates as 'limit' must be 1 to ${MAX_COMPUTED}: current value is ${limit}`);
    }
    const series = this.#options.series(tagId);
    const forward = startUs < endUs;
    const widthUs = intervalUs === 0 ? Math.abs(endUs - startUs) : intervalUs;
    if (series === undefined) {
      const count = Math.max(0, Math.min(limit, intervalCount(startUs, endUs, intervalUs) - first));
      return noData(
        Float64Array.from({ length: count }, (_, k) => startUs + (forward ? 1 : -1) * (first + k) * widthUs),
      );
    }
    const nearUs = startUs + (forward ? 1 : -1) * first * widthUs;
    const farUs = forward ? Math.min(endUs, nearUs + limit * widthUs) : Math.max(endUs, nearUs - limit * widthUs);
    const { tagId: _, ...fields } = query;
    const state = this.#stateOf(series, Math.min(nearUs, farUs), Math.max(nearUs, farUs));
    return pageOfColumns(
      await this.#ask(() => this.#queries.call<"processed">({ kind: "processed", ...fields, ...state }, signal)),
    );
  }

  async readAtTime(query: AtTimeQuery, signal?: AbortSignal): Promise<ComputedPage> {
    const { tagId, timesUs } = query;
    if (timesUs.length < 1 || timesUs.length > MAX_COMPUTED) {
      throw new RangeError(
        `Cannot read values as there must be 1 to ${MAX_COMPUTED} times: there are ${timesUs.length}`,
      );
    }
    const series = this.#options.series(tagId);
    if (series === undefined) return noData(timesUs);
    let fromUs = Infinity;
    let toUs = -Infinity;
    for (const timeUs of timesUs) {
      fromUs = Math.min(fromUs, timeUs);
      toUs = Math.max(toUs, timeUs);
    }
    const { tagId: _, ...fields } = query;
    const state = this.#stateOf(series, fromUs, toUs);
    return pageOfColumns(
      await this.#ask(() => this.#queries.call<"at_time">({ kind: "at_time", ...fields, ...state }, signal)),
    );
  }

  #stateOf(series: Series, fromUs: number, toUs: number) {
    return {
      series: series.id,
      lastUs: series.head.t[series.head.t.length - 1] ?? series.packedThroughUs,
      knownUntilUs: this.#options.nowUs(),
      head: headAround(series.head, fromUs, toUs),
    };
  }

  /** The packed rollup of a day of a series, built from its rows; `null` when it has none. */
  buildRollup(series: Series, day: number, signal?: AbortSignal): Promise<Uint8Array | null> {
    const head = headBetween(series.head, day * DAY_US, (day + 1) * DAY_US);
    return this.#ask(() => this.#queries.call<"rollup">({ kind: "rollup", series: series.id, day, head }, signal));
  }

  /** Moves what is committed from the log into the file. */
  checkpoint(): Promise<{ log: number; done: number }> {
    return this.#ask(() => this.#queries.call<"checkpoint">({ kind: "checkpoint" }));
  }

  backup(path: string, signal?: AbortSignal): Promise<number> {
    const { backupDir } = this.#options;
    if (dirname(resolve(path)) !== resolve(backupDir)) {
      return Promise.reject(new RangeError(`Cannot back up to '${path}' as it is not in '${backupDir}'`));
    }
    return this.#job(async () => {
      this.#options.flush();
      try {
        return await this.#jobs.call<"backup">({ kind: "backup", path: resolve(path) }, signal);
      } finally {
        // an aborted copy stays behind half-finished
        rmSync(`${resolve(path)}.partial`, { force: true });
      }
    });
  }

  /** What SQLite's quick check finds wrong with the file; empty when nothing is. */
  check(signal?: AbortSignal): Promise<string[]> {
    return this.#job(() => this.#jobs.call<"check">({ kind: "check" }, signal));
  }

  /** Reads what can be read of a damaged file; `take` gets one part after the other. */
  salvage(
    path: string,
    take: (part: SalvagePart) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<SalvageReport> {
    return this.#job(() => this.#jobs.call<"salvage">({ kind: "salvage", path }, signal, take));
  }

  /** Another file took the place of the open one. */
  reopen(): void {
    this.#queries.reopen();
    this.#jobs.reopen();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#queries.stop(), this.#jobs.stop()]);
  }

  async #forward(
    series: Series,
    fromUs: number,
    toUs: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<RawColumns> {
    const { head } = series;
    const from = lowerBound(head.t, fromUs);
    const to = lowerBound(head.t, toUs + 1);
    const inMemory = (most: number) => {
      const end = Math.min(to, from + most);
      return { ...columnsOfRows(head, from, end, false), more: end < to };
    };
    if (series.packedThroughUs < fromUs) return inMemory(limit);
    // memory may be packed while the worker reads: its rows are taken down first, and blocks read only up to them
    const newest = inMemory(limit);
    const boundUs = Math.min(toUs, (head.t[0] ?? Infinity) - 1);
    const packed = await this.#raw(series, fromUs, boundUs, limit, false, signal);
    const room = limit - packed.count;
    if (packed.more || room === 0) return { ...packed, more: packed.more || newest.count > 0 };
    return joinColumns(packed, firstOf(newest, room));
  }

  async #reverse(
    series: Series,
    fromUs: number,
    toUs: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<RawColumns> {
    const { head } = series;
    const to = lowerBound(head.t, toUs + 1);
    const first = lowerBound(head.t, fromUs, 0, to);
    const from = Math.max(first, to - limit);
    const packedToo = series.packedThroughUs >= fromUs;
    const newest = columnsOfRows(head, from, to, true);
    if (newest.count === limit || !packedToo) return { ...newest, more: from > first || packedToo };
    const boundUs = Math.min(toUs, (head.t[0] ?? Infinity) - 1);
    const packed = await this.#raw(series, fromUs, boundUs, limit - newest.count, true, signal);
    return joinColumns(newest, packed);
  }

  #raw(
    series: Series,
    fromUs: number,
    toUs: number,
    limit: number,
    reverse: boolean,
    signal?: AbortSignal,
  ): Promise<RawColumns> {
    return this.#ask(() =>
      this.#queries.call<"raw">({ kind: "raw", series: series.id, fromUs, toUs, limit, reverse }, signal)
    );
  }

  /** Reports damage that the reader ran into. */
  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (troubleOf(error) === "corrupt") this.#options.onCorrupt(error);
      throw error;
    }
  }

  #job<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lastJob.then(work);
    this.#lastJob = result.catch(() => {});
    return result;
  }
}

const nothing: RawColumns = columnsOfRows(emptyRows(), 0, 0, false);

/** The first rows of a page. */
function firstOf(columns: RawColumns, count: number): RawColumns {
  if (columns.count <= count) return columns;
  return {
    count,
    timesUs: columns.timesUs.slice(0, count),
    serverTimesUs: columns.serverTimesUs.slice(0, count),
    qualities: columns.qualities.slice(0, count),
    flags: columns.flags.slice(0, count),
    values: columns.values.slice(0, count),
    more: true,
  };
}

function pageOf(columns: RawColumns, series: Series | undefined): RawPage {
  const { count, timesUs, serverTimesUs, qualities, flags, values, more } = columns;
  const asArray = series?.type === "String" && values instanceof Float64Array;
  return {
    count,
    timesUs,
    serverTimesUs,
    qualities,
    flags,
    values: asArray ? Array.from(values, (value) => Number.isNaN(value) ? null : value) : values,
    next: more && count > 0 ? { timeUs: timesUs[count - 1] as number } : null,
  };
}

/** The rows from the last before `fromUs` to before `toUs`. */
function headBetween(head: Rows, fromUs: number, toUs: number): Rows {
  const rows = emptyRows();
  appendRows(rows, head, Math.max(0, lowerBound(head.t, fromUs) - 1), lowerBound(head.t, toUs));
  return rows;
}

/** The rows of a span with two good rows before it and one behind it: whatever a computation looks at beside the span. */
function headAround(head: Rows, fromUs: number, toUs: number): Rows {
  let from = lowerBound(head.t, fromUs);
  for (let good = 0; from > 0 && good < 2; from--) if (isGoodState(head.state[from - 1] as number)) good++;
  let to = lowerBound(head.t, toUs + 1);
  while (to < head.t.length && !isGoodState(head.state[to++] as number));
  const rows = emptyRows();
  appendRows(rows, head, from, to);
  return rows;
}

function noData(timesUs: Float64Array): ComputedPage {
  const { length: count } = timesUs;
  return {
    count,
    timesUs,
    values: new Float64Array(count).fill(NaN),
    statuses: new Uint32Array(count).fill(BAD_NO_DATA),
  };
}

/** The same columns; the stored form of a value is one of its forms. */
function pageOfColumns(columns: ComputedColumns): ComputedPage {
  return columns;
}

function bucketsOf(folded: FoldedBuckets | null, { fromUs, toUs, bucketUs }: BucketQuery): Bucket[] {
  const count = Math.ceil((toUs - fromUs) / bucketUs);
  const buckets: Bucket[] = [];
  for (let i = 0; i < count; i++) {
    const startUs = fromUs + i * bucketUs;
    const rows = folded?.rows[i] ?? 0;
    const numbers = folded?.numbers[i] ?? 0;
    const has = folded !== null && numbers > 0;
    buckets.push({
      startUs,
      endUs: Math.min(startUs + bucketUs, toUs),
      count: folded?.count[i] ?? 0,
      min: has ? folded.min[i] as number : null,
      max: has ? folded.max[i] as number : null,
      mean: has ? (folded.sum[i] as number) / numbers : null,
      first: has ? folded.first[i] as number : null,
      last: has ? folded.last[i] as number : null,
      goodShare: rows > 0 ? (folded?.good[i] ?? 0) / rows : 0,
      goodSeconds: (folded?.goodUs[i] ?? 0) / 1_000_000,
    });
  }
  return buckets;
}
