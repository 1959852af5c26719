import type { MetricType, TagId } from "../tags/tag.ts";
import type { AtTimeQuery, ProcessedQuery } from "./aggregate_query.ts";
import type { ComputedColumns } from "./computed_columns.ts";
import type { FoldedBuckets } from "./fold.ts";
import type { Rows, StoredValue } from "./rows.ts";

/** Rows of a page by column, ready to be handed out. */
export interface RawColumns {
  readonly count: number;
  readonly timesUs: Float64Array<ArrayBuffer>;
  readonly serverTimesUs: Float64Array<ArrayBuffer>;
  readonly qualities: Uint32Array<ArrayBuffer>;
  readonly flags: Uint8Array<ArrayBuffer>;
  /** Numbers with NaN for null; an array as soon as one row holds text. */
  readonly values: Float64Array<ArrayBuffer> | StoredValue[];
  /** There are more rows in the span. */
  readonly more: boolean;
}

/** Rows that lie in blocks: those in memory are the caller's. */
export interface RawRequest {
  readonly kind: "raw";
  readonly series: number;
  /** Both inclusive; ±Infinity leaves a side open. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly reverse: boolean;
  readonly limit: number;
}

export interface BucketsRequest {
  readonly kind: "buckets";
  readonly series: number;
  readonly fromUs: number;
  /** Exclusive. */
  readonly toUs: number;
  readonly bucketUs: number;
  /** Good time is counted up to here: nothing is known about the future. */
  readonly nowUs: number;
  /** The series' rows that lie in memory, from its last one before `fromUs` on. Blocks are read up to the first. */
  readonly head: Rows;
}

/** What a computation has to know of a series beside its blocks. */
interface SeriesState {
  readonly series: number;
  /** Time of the last row. */
  readonly lastUs: number;
  /** The last row holds up to here: nothing is known about the future. */
  readonly knownUntilUs: number;
  /** The series' rows that lie in memory, with the surroundings a computation may ask for. Blocks are read up to the first. */
  readonly head: Rows;
}

/** Aggregates of intervals. */
export interface ProcessedRequest extends SeriesState, Omit<ProcessedQuery, "tagId"> {
  readonly kind: "processed";
}

/** Values at given times. */
export interface AtTimeRequest extends SeriesState, Omit<AtTimeQuery, "tagId"> {
  readonly kind: "at_time";
}

export interface RollupRequest {
  readonly kind: "rollup";
  readonly series: number;
  readonly day: number;
  readonly head: Rows;
}

export interface CheckpointRequest {
  readonly kind: "checkpoint";
}

export interface BackupRequest {
  readonly kind: "backup";
  readonly path: string;
}

export interface CheckRequest {
  readonly kind: "check";
}

export interface SalvageRequest {
  readonly kind: "salvage";
  /** The damaged file. */
  readonly path: string;
}

/** Everything the reader can be asked, and what it answers. */
export interface ReaderCalls {
  raw: { request: RawRequest; result: RawColumns };
  buckets: { request: BucketsRequest; result: FoldedBuckets };
  processed: { request: ProcessedRequest; result: ComputedColumns };
  at_time: { request: AtTimeRequest; result: ComputedColumns };
  /** `null`: the day has no rows. */
  rollup: { request: RollupRequest; result: Uint8Array<ArrayBuffer> | null };
  /** Pages in the write-ahead log, and how many of them are in the file now. */
  checkpoint: { request: CheckpointRequest; result: { log: number; done: number } };
  /** Bytes written. */
  backup: { request: BackupRequest; result: number };
  /** What is wrong with the file, one text each; empty when nothing is. */
  check: { request: CheckRequest; result: string[] };
  salvage: { request: SalvageRequest; result: SalvageReport };
}
export type ReaderKind = keyof ReaderCalls;
export type ReaderRequest = ReaderCalls[ReaderKind]["request"];

/** What was found in a damaged file. */
export interface SalvageReport {
  readonly series: number;
  readonly blocks: number;
  readonly rows: number;
  readonly rollups: number;
  /** Parts that could not be read, in words, at most 20. */
  readonly lost: readonly string[];
}

/** Something recovered from a damaged file. Sent in parts; the next comes when the last was taken. */
export interface SalvagePart {
  readonly series: readonly {
    readonly id: number;
    readonly tag: TagId;
    readonly type: MetricType;
    readonly retentionDays: number;
  }[];
  /** `series` is the id in the damaged file. */
  readonly blocks: readonly {
    readonly series: number;
    readonly t0: number;
    readonly t1: number;
    readonly rows: number;
    readonly data: Uint8Array;
  }[];
  readonly journals: readonly Uint8Array[];
  readonly rollups: readonly { readonly series: number; readonly day: number; readonly data: Uint8Array }[];
}

export type ToReader =
  | { readonly type: "open"; readonly path: string }
  | { readonly type: "call"; readonly id: number; readonly request: ReaderRequest }
  | { readonly type: "abort"; readonly id: number }
  /** The last part of a salvage was taken. */
  | { readonly type: "taken"; readonly id: number }
  /** Close the file and end. */
  | { readonly type: "close" };

export type FromReader =
  | { readonly type: "ready" }
  | { readonly type: "closed" }
  | { readonly type: "result"; readonly id: number; readonly result: unknown }
  | { readonly type: "failed"; readonly id: number; readonly message: string }
  | { readonly type: "part"; readonly id: number; readonly part: SalvagePart }
  /** A block or rollup cannot be read; the answer goes without it. */
  | { readonly type: "damaged"; readonly what: string; readonly message: string };
