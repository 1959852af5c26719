import type { MetricType, Sample, TagId, TagUpdate, Value } from "../tags/tag.ts";
import type { HistoryStatus } from "../telemetry/status.ts";
import type { AtTimeQuery, ComputedPage, ProcessedQuery } from "./aggregate_query.ts";

/** Bits of a stored row. */
export const RowFlag = {
  /** The row was made here because the tag's quality changed by age, not sent by the device. */
  ServerMade: 1,
  /** The sample arrived after a newer one. */
  Backfill: 2,
  /** A counter that only counts up went down: it was reset or replaced. */
  CounterReset: 4,
} as const;

/** A position in a series: the key of the last row that was handed out. */
export interface RawCursor {
  readonly timeUs: number;
}

/** Which rows of a tag to read. */
export interface RawQuery {
  readonly tagId: TagId;
  /** First and last time, µs, both inclusive; `null` leaves that side open. */
  readonly fromUs: number | null;
  readonly toUs: number | null;
  /** `reverse` gives the newest first. */
  readonly direction: "forward" | "reverse";
  /** At most so many rows, 1 to 1,000,000. */
  readonly limit: number;
  /** Go on behind this row (exclusive). */
  readonly after?: RawCursor;
}

/** Rows by column, so that a page crosses threads without a copy. All columns have `count` entries. */
export interface RawPage {
  readonly count: number;
  /** Source times, µs. */
  readonly timesUs: Float64Array;
  readonly serverTimesUs: Float64Array;
  readonly qualities: Uint32Array;
  readonly flags: Uint8Array;
  /** Numbers (NaN where a row has none) for Int and Float tags and 0/1 for Bool; an array for String. */
  readonly values: Float64Array | readonly Value[];
  /** Where the next page begins; `null` when this was the last. */
  readonly next: RawCursor | null;
}

/** One bucket of an aggregate query. */
export interface Bucket {
  readonly startUs: number;
  readonly endUs: number;
  /** Rows in the bucket whose status is not bad. */
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly first: number | null;
  readonly last: number | null;
  /** Share of rows whose status is good, 0 to 1. */
  readonly goodShare: number;
  /** How long the status was good: a status holds until the next row, the last one until now. */
  readonly goodSeconds: number;
}

/** Buckets of equal width over a span. */
export interface BucketQuery {
  readonly tagId: TagId;
  readonly fromUs: number;
  /** Exclusive. */
  readonly toUs: number;
  /** Width of a bucket, µs, at least 1 s; (to − from) / width at most 100,000. */
  readonly bucketUs: number;
}

/** Reading, off the gateway's thread. Every call can be aborted; a stopped reader rejects with `HistoryUnavailableError`. */
export interface HistoryQueries {
  readRaw(query: RawQuery, signal?: AbortSignal): Promise<RawPage>;
  readBuckets(query: BucketQuery, signal?: AbortSignal): Promise<Bucket[]>;
  /** One aggregate of OPC 10000-13 of each interval of a span. */
  readProcessed(query: ProcessedQuery, signal?: AbortSignal): Promise<ComputedPage>;
  /** Values at given times, interpolated where there is no row. */
  readAtTime(query: AtTimeQuery, signal?: AbortSignal): Promise<ComputedPage>;
  /** Copies the database, consistent, to `path` (inside the data directory's `backup/`). Returns bytes written. */
  backup(path: string, signal?: AbortSignal): Promise<number>;
}

/** The newest row of a series. */
export interface LastSample extends Sample {
  readonly tagId: TagId;
  /** Source time of the real row before it, for a first guess of the device's interval; `null` when there is none. */
  readonly previousTimeUs?: number | null;
}

/** Storing, in the gateway's thread. */
export interface HistoryWriter {
  /** The newest real (not server-made) row of each series, for the start. */
  lastSamples(): Iterable<LastSample>;
  /** The same of one tag, if it was of that type; `null` without one. */
  lastSample(tagId: TagId, type: MetricType): LastSample | null;
  /** Takes a batch as the tag store tells it; committed together with its neighbours within `flushMs`. */
  write(batch: readonly TagUpdate[]): void;
  /** Commits what is waiting, now. */
  flush(): void;
  status(): HistoryStatus;
}

/** A backup of the history as lists show it. */
export interface BackupFile {
  /** Name of the file in `data_dir/backup`. */
  readonly file: string;
  readonly bytes: number;
  /** When the backup was begun, µs. */
  readonly createdUs: number;
}

/** Backups of the history besides those that are made on schedule; all of them count towards `backup_keep`. */
export interface Backups {
  /** Makes one now. One at a time: a call while one is under way gets the same one. */
  create(): Promise<{ readonly file: string; readonly bytes: number }>;
  /** Those that are there, the newest first. */
  list(): Promise<BackupFile[]>;
}

/** Thrown by {@link HistoryQueries} while the reader worker is away. */
export class HistoryUnavailableError extends Error {
  override readonly name = "HistoryUnavailableError";
}
