import type { HistoryQueries, RawPage } from "../../history/history.ts";
import type { TagId, Value } from "../../tags/tag.ts";

/** `Bad_BoundNotFound`: there is no value at or beyond that side of the interval. */
export const BAD_BOUND_NOT_FOUND = 0x80d70000;

const SECOND_US = 1_000_000;

/** The time domain of a ReadRaw request (OPC 10000-11 §6.5.3.1); `null` stands for "not specified". */
export interface RawRange {
  readonly startUs: number | null;
  readonly endUs: number | null;
  /** 0: no maximum. */
  readonly count: number;
  readonly bounds: boolean;
}

/**
 * How far a ReadRaw has come: all that a continuation point keeps. Time flows from `originUs` in `direction`, up to but
 * without `limitUs`.
 */
export interface RawScan {
  readonly tagId: TagId;
  readonly direction: "forward" | "reverse";
  /** Where reading begins; a value exactly there belongs to the result. */
  readonly originUs: number;
  /** Where it ends; a value exactly there does not belong to it, except as a bound. `null`: open. */
  readonly limitUs: number | null;
  readonly bounds: boolean;
  /** Values that may still be handed out in all; `null`: as many as there are. */
  readonly remaining: number | null;
  /** Values a page, as the client asked; 0 leaves it to the server's cap. */
  readonly pageSize: number;
  readonly phase: "origin" | "body" | "limit";
  /** Time of the last value inside the interval that was handed out: where to go on. */
  readonly lastUs: number | null;
  /** Time of whatever was handed out last, bounds too. */
  readonly returnedUs: number | null;
}

/** One value as it goes out: columns of a row, or a bound that was not found. */
export interface RawRow {
  readonly value: Value;
  readonly quality: number;
  readonly timeUs: number;
  readonly serverTimeUs: number;
}

/** A page and where to go on; `next` is `null` at the end. */
export interface RawResult {
  readonly rows: RawRow[];
  readonly next: RawScan | null;
  /** False when nothing but missing bounds was found. */
  readonly found: boolean;
}

/**
 * Begins a read, or returns `null` when fewer than two of start, end and count are given.
 *
 * Start after end, or an end and a count alone, read backwards. With one open side the count is the total; with both
 * ends given it is the size of a page (OPC 10000-11 §6.5.3.2).
 */
export function beginScan(tagId: TagId, range: RawRange): RawScan | null {
  const { startUs, endUs, count, bounds } = range;
  const common = {
    tagId,
    bounds,
    pageSize: count,
    phase: bounds ? "origin" : "body",
    lastUs: null,
    returnedUs: null,
  } as const;
  if (startUs !== null && endUs !== null) {
    const direction = startUs > endUs ? "reverse" : "forward";
    return { ...common, direction, originUs: startUs, limitUs: endUs, remaining: null };
  }
  if (count === 0) return null;
  if (startUs !== null) return { ...common, direction: "forward", originUs: startUs, limitUs: null, remaining: count };
  if (endUs !== null) return { ...common, direction: "reverse", originUs: endUs, limitUs: null, remaining: count };
  return null;
}

/**
 * Reads the next page, at most `cap` rows.
 *
 * @throws whatever the history throws; the scan can then be tried again
 */
export async function readPage(
  scan: RawScan,
  cap: number,
  queries: HistoryQueries,
  signal?: AbortSignal,
): Promise<RawResult> {
  const size = Math.min(cap, scan.pageSize || cap, scan.remaining ?? cap);
  const rows: RawRow[] = [];
  let { phase, lastUs } = scan;
  // what an earlier page found is still found
  let found = scan.returnedUs !== null;
  if (phase === "origin") {
    const bound = await boundAt(scan, "origin", queries, signal);
    found = bound.quality !== BAD_BOUND_NOT_FOUND;
    rows.push(bound);
    // a bound before the interval is not where the body goes on from
    if (bound.timeUs === scan.originUs && found) lastUs = bound.timeUs;
    phase = "body";
  }
  const body = bodyRange(scan);
  if (phase === "body" && body.fromUs !== null && body.toUs !== null && body.fromUs > body.toUs) phase = "limit";
  if (phase === "body" && rows.length < size) {
    const page = await queries.readRaw({
      tagId: scan.tagId,
      ...body,
      direction: scan.direction,
      limit: size - rows.length,
      ...(lastUs === null ? {} : { after: { timeUs: lastUs } }),
    }, signal);
    for (let i = 0; i < page.count; i++) rows.push(rowOf(page, i));
    if (page.count > 0) {
      found = true;
      lastUs = page.timesUs[page.count - 1] ?? lastUs;
    }
    if (page.next === null) phase = "limit";
  }
  const remaining = scan.remaining === null ? null : scan.remaining - rows.length;
  if (remaining === 0) return { rows, next: null, found };
  if (phase === "limit") {
    if (!scan.bounds) return { rows, next: null, found };
    if (rows.length < size) {
      const bound = scan.limitUs === null
        ? beyondTheEnd(scan, rows.at(-1)?.timeUs ?? scan.returnedUs ?? scan.originUs)
        : await boundAt({ ...scan, lastUs }, "limit", queries, signal);
      rows.push(bound);
      return { rows, next: null, found: found || bound.quality !== BAD_BOUND_NOT_FOUND };
    }
  }
  return {
    rows,
    next: { ...scan, phase, lastUs, remaining, returnedUs: rows.at(-1)?.timeUs ?? scan.returnedUs },
    found,
  };
}

/** Both ends inclusive, as history takes them: the limit itself is out, and with bounds the origin has been read. */
function bodyRange({ direction, originUs, limitUs, bounds }: RawScan): { fromUs: number | null; toUs: number | null } {
  const forward = direction === "forward";
  const step = forward ? 1 : -1;
  const origin = bounds ? originUs + step : originUs;
  // start and end may be the same to ask for the one value there
  const limit = limitUs === null ? null : limitUs === originUs && !bounds ? originUs : limitUs - step;
  return forward ? { fromUs: origin, toUs: limit } : { fromUs: limit, toUs: origin };
}

/** The value at one end of the interval, or the nearest beyond it. */
async function boundAt(
  scan: RawScan,
  side: "origin" | "limit",
  queries: HistoryQueries,
  signal?: AbortSignal,
): Promise<RawRow> {
  const atUs = side === "origin" ? scan.originUs : scan.limitUs ?? scan.originUs;
  const outward = (side === "origin") === (scan.direction === "forward") ? "reverse" : "forward";
  const page = await queries.readRaw({
    tagId: scan.tagId,
    fromUs: outward === "forward" ? atUs : null,
    toUs: outward === "forward" ? null : atUs,
    direction: outward,
    limit: 1,
    // with start = end the value there is the start bound, and the end bound lies beyond it
    ...(side === "limit" && scan.lastUs !== null && scan.lastUs === atUs ? { after: { timeUs: atUs } } : {}),
  }, signal);
  return page.count > 0 ? rowOf(page, 0) : missing(atUs);
}

/** With an open end there is no time for the missing bound: the standard takes one second beyond the last value. */
function beyondTheEnd(scan: RawScan, lastUs: number): RawRow {
  return missing(scan.direction === "forward" ? lastUs + SECOND_US : lastUs - SECOND_US);
}

function missing(timeUs: number): RawRow {
  return { value: null, quality: BAD_BOUND_NOT_FOUND, timeUs, serverTimeUs: timeUs };
}

function rowOf(page: RawPage, index: number): RawRow {
  const raw = page.values[index];
  return {
    value: raw === undefined || (typeof raw === "number" && Number.isNaN(raw)) ? null : raw,
    quality: page.qualities[index] ?? 0,
    timeUs: page.timesUs[index] ?? 0,
    serverTimeUs: page.serverTimesUs[index] ?? 0,
  };
}
