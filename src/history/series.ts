import type { MetricType, TagDefinition, TagId } from "../tags/tag.ts";
import { RowFlag } from "./history.ts";
import { emptyRows, flagsOf, qualityOf, type Row, type Rows, type StoredValue } from "./rows.ts";

/** Length of a UTC day, µs. */
export const DAY_US = 86_400_000_000;

/**
 * One tag's history as the writer knows it. Rows up to `packedThroughUs` lie in blocks of the file; all later ones are
 * in `head`, and each of those is in the file's journal too (or about to be).
 */
export interface Series {
  readonly id: number;
  readonly tagId: TagId;
  /** Type of the tag when it was stored last. Rows stored before a change of type keep their values. */
  type: MetricType;
  retentionDays: number;
  /** Time of the newest packed row; −Infinity when none is. */
  packedThroughUs: number;
  /** The newest packed row; `undefined` until somebody needs it. */
  packedTail: Row | null | undefined;
  readonly head: Rows;
  /** Edits that wait for the next commit: what comes behind them has to wait too. */
  waitingEdits: number;
  /** The day (since the epoch) that was marked for its rollup last; NaN when none. */
  dueDay: number;
  /** Rows before this time are past their retention and not taken any more. */
  cutoffUs: number;
}

/** A series without a row, in memory and in the file. `retentionDays` as configured for the tag. */
export function newSeries(id: number, tagId: TagId, type: MetricType, retentionDays: number): Series {
  return {
    id,
    tagId,
    type,
    retentionDays,
    packedThroughUs: -Infinity,
    packedTail: undefined,
    head: emptyRows(),
    waitingEdits: 0,
    dueDay: NaN,
    cutoffUs: -Infinity,
  };
}

/** The day since the epoch, UTC, in which `timeUs` lies. */
export function dayOf(timeUs: number): number {
  return Math.floor(timeUs / DAY_US);
}

/**
 * Whether a tag's definition wants this sample stored, given the row stored before it: `change_only` and `deadband`
 * pass over what did not change (enough), but never for longer than `max_interval_seconds`.
 */
export function isWorthStoring(
  definition: TagDefinition,
  previous: Row | null,
  sample: { readonly t: number; readonly state: number; readonly v: StoredValue },
): boolean {
  if (!definition.changeOnly && definition.deadband === 0) return true;
  if (flagsOf(sample.state) & RowFlag.CounterReset) return true;
  if (previous === null || qualityOf(previous.state) !== qualityOf(sample.state)) return true;
  if (sample.t - previous.t >= definition.maxIntervalMs * 1000) return true;
  if (typeof sample.v === "number" && typeof previous.v === "number" && definition.deadband > 0) {
    return Math.abs(sample.v - previous.v) >= definition.deadband;
  }
  return sample.v !== previous.v;
}
