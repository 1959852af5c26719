import { type ReadAtTimeDetails, type StatusCode, StatusCodes } from "node-opcua";
import { defaultAggregateConfiguration } from "../../history/aggregate_query.ts";
import type { HistoryQueries } from "../../history/history.ts";
import type { TagId } from "../../tags/tag.ts";
import type { TagNode } from "../space/tag_nodes.ts";
import { isStepped } from "./aggregate_functions.ts";
import { computedColumns } from "./computed_columns.ts";
import type { ValueColumns } from "./data_value_encoder.ts";
import { requestedTimeUs } from "./requested_time.ts";

/** Times that one request may name: as many as values fit into one answer. */
export const MAX_REQUESTED_TIMES = 200_000;

/**
 * How far a ReadAtTime of one node has come. The times themselves come again with each request, so a continuation point
 * keeps no more than their number and the first of them, to know them by.
 */
export interface AtTimeScan {
  readonly kind: "at_time";
  readonly tagId: TagId;
  readonly count: number;
  readonly firstTimeUs: number;
  /** The next time, by its place in the request. */
  readonly next: number;
}

/** The requested times in µs (OPC 10000-11 §6.5.5), or why they cannot be read. */
export function requestedTimes(details: ReadAtTimeDetails): Float64Array<ArrayBuffer> | StatusCode {
  const asked = details.reqTimes ?? [];
  if (asked.length === 0) return StatusCodes.BadInvalidArgument;
  if (asked.length > MAX_REQUESTED_TIMES) return StatusCodes.BadTooManyOperations;
  const timesUs = new Float64Array(asked.length);
  for (const [i, time] of asked.entries()) {
    const timeUs = requestedTimeUs(time, Math.floor);
    if (timeUs === null) return StatusCodes.BadInvalidArgument;
    timesUs[i] = timeUs;
  }
  return timesUs;
}

/** Begins the read of one node. */
export function beginAtTime(tagId: TagId, timesUs: Float64Array): AtTimeScan {
  return { kind: "at_time", tagId, count: timesUs.length, firstTimeUs: timesUs[0] ?? 0, next: 0 };
}

/** Whether a continued read names the times that it was begun with. */
export function hasSameTimes(scan: AtTimeScan, timesUs: Float64Array): boolean {
  return scan.count === timesUs.length && scan.firstTimeUs === timesUs[0];
}

/** Reads the next page, at most `cap` values, in the order of the request. */
export async function readAtTimePage(
  scan: AtTimeScan,
  timesUs: Float64Array<ArrayBuffer>,
  simpleBounds: boolean,
  cap: number,
  node: TagNode,
  queries: HistoryQueries,
  signal: AbortSignal,
): Promise<{ parts: ValueColumns[]; next: AtTimeScan | null }> {
  const page = await queries.readAtTime({
    tagId: scan.tagId,
    timesUs: timesUs.slice(scan.next, scan.next + cap),
    simpleBounds,
    stepped: isStepped(node.definition.type),
    configuration: defaultAggregateConfiguration,
  }, signal);
  const next = scan.next + page.count;
  return { parts: [computedColumns(page)], next: next < scan.count ? { ...scan, next } : null };
}
