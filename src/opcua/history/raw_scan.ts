import type { HistoryQueries } from "../../history/history.ts";
import type { TagId } from "../../tags/tag.ts";
import type { ValueColumns } from "./data_value_encoder.ts";

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

/** A page and where to go on; `next` is `null` at the end. */
export interface RawResult {
  /** What goes out, one behind the other: the bound at the origin, the rows, the bound at the limit. */
  readonly parts: readonly ValueColumns[];
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
  const parts: ValueColumns[] = [];
  let { phase, lastUs, returnedUs } = scan;
  let count = 0;
  // what an earlier page found is still found
  let found = scan.returnedUs !== null;
  if (phase === "origin") {
    const bound = await boundAt(scan, "origin", queries, signal);
    found = isFound(bound);
    take(bound);
    // a bound before the interval is not where the body goes on from
    if (returnedUs === scan.originUs && found) lastUs = returnedUs;
    phase = "body";
  }
  const body = bodyRange(scan);
  if (phase === "body" && body.fromUs !== null && body.toUs !== null && body.fromUs > body.toUs) phase = "limit";
  if (phase === "body" && count < size) {
    const page = await queries.readRaw({
      tagId: scan.tagId,
      ...body,
      direction: scan.direction,
      limit: size - count,
      ...(lastUs === null ? {} : { after: { timeUs: lastUs } }),
    }, signal);
    if (page.count > 0) {
      take(page);
      found = true;
      lastUs = returnedUs;
    }
    if (page.next === null) phase = "limit";
  }
  const remaining = scan.remaining === null ? null : scan.remaining - count;
  if (remaining === 0) return { parts, next: null, found };
  if (phase === "limit") {
    if (!scan.bounds) return { parts, next: null, found };
    if (count < size) {
      const bound = scan.limitUs === null
        ? beyondTheEnd(scan, returnedUs ?? scan.originUs)
        : await boundAt({ ...scan, lastUs }, "limit", queries, signal);
      take(bound);
      return { parts, next: null, found: found || isFound(bound) };
    }
  }
  return { parts, next: { ...scan, phase, lastUs, remaining, returnedUs }, found };

  function take(part: ValueColumns): void {
    parts.push(part);
    count += part.count;
    returnedUs = part.timesUs[part.count - 1] ?? returnedUs;
  }
}

function isFound({ qualities }: ValueColumns): boolean {
  return qualities[0] !== BAD_BOUND_NOT_FOUND;
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
): Promise<ValueColumns> {
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
  return page.count > 0 ? page : missing(atUs);
}

/** With an open end there is no time for the missing bound: the standard takes one second beyond the last value. */
function beyondTheEnd(scan: RawScan, lastUs: number): ValueColumns {
  return missing(scan.direction === "forward" ? lastUs + SECOND_US : lastUs - SECOND_US);
}

function missing(timeUs: number): ValueColumns {
  const timesUs = Float64Array.of(timeUs);
  return { count: 1, timesUs, serverTimesUs: timesUs, qualities: Uint32Array.of(BAD_BOUND_NOT_FOUND), values: [null] };
}
