import { type RawPage, RowFlag } from "../../history/history.ts";
import type { MetricType, Tag, Value } from "../../tags/tag.ts";
import { formatTime, parseTime } from "../../telemetry/time_text.ts";
import { answers } from "../define.ts";
import { type Operation, OperationError } from "../operation.ts";
import type { OperationParts } from "../operation_parts.ts";
import type { ParamsOf } from "../schemas/operation_schemas.ts";
import { viewValue } from "../views.ts";
import { requireTag } from "./tag_operations.ts";

const DAY_US = 86_400_000_000;
/** Reads of the history under way at once; its reader has one thread, more would only wait in memory. */
const MOST_READS = 8;

/** Stored values. */
export function historyOperations(parts: OperationParts): Operation[] {
  const { tags } = parts;
  let reads = 0;
  return [
    answers("history.query", async (params, { signal }) => {
      const tag = requireTag(tags, params.tag, "tag");
      if (tag.definition.retentionDays === null) {
        throw new OperationError("not_found", `The history does not keep '${tag.id}'`, { field: "tag" });
      }
      if (reads >= MOST_READS) {
        throw new OperationError("too_many", "Too many reads of the history are under way", { retryAfterMs: 1000 });
      }
      reads++;
      try {
        return params.bucketSeconds === undefined
          ? await samples(parts, tag, params, signal)
          : await buckets(parts, tag, params, params.bucketSeconds, signal);
      } finally {
        reads--;
      }
    }),
  ];
}

type Query = ParamsOf<"history.query">;

async function samples({ history }: OperationParts, tag: Tag, query: Query, signal: AbortSignal) {
  const fromUs = timeOf(query.from, "from");
  const toUs = timeOf(query.to, "to");
  if (fromUs !== null && toUs !== null && fromUs > toUs) throw badRange();
  const page = await history.readRaw({
    tagId: tag.id,
    fromUs,
    toUs,
    direction: query.newestFirst ? "reverse" : "forward",
    limit: query.limit,
    ...(query.cursor === undefined ? {} : { after: { timeUs: cursorOf(query.cursor) } }),
  }, signal);
  const { type, unit } = tag.definition;
  return {
    tag: tag.id,
    unit,
    samples: Array.from({ length: page.count }, (_, row) => viewRow(page, row, type)),
    next: page.next === null ? null : String(page.next.timeUs),
  };
}

async function buckets(parts: OperationParts, tag: Tag, query: Query, bucketSeconds: number, signal: AbortSignal) {
  if (tag.definition.type === "String") {
    throw new OperationError("bad_params", `Tag '${tag.id}' holds text, which has no minimum or mean`, {
      field: "bucketSeconds",
      fix: "Leave bucketSeconds out to read its samples",
    });
  }
  const toUs = timeOf(query.to, "to") ?? parts.nowUs();
  const givenUs = timeOf(query.from, "from") ?? toUs - DAY_US;
  if (givenUs >= toUs) throw badRange();
  const bucketUs = Math.round(bucketSeconds * 1_000_000);
  const fromUs = query.cursor === undefined ? givenUs : Math.max(givenUs, cursorOf(query.cursor));
  const untilUs = Math.min(toUs, fromUs + bucketUs * query.limit);
  const found = fromUs >= untilUs
    ? []
    : await parts.history.readBuckets({ tagId: tag.id, fromUs, toUs: untilUs, bucketUs }, signal);
  return {
    tag: tag.id,
    unit: tag.definition.unit,
    bucketSeconds,
    buckets: found.map(({ startUs, endUs, ...bucket }) => ({
      start: formatTime(startUs),
      end: formatTime(endUs),
      ...bucket,
    })),
    next: untilUs < toUs ? String(untilUs) : null,
  };
}

function viewRow(page: RawPage, row: number, type: MetricType) {
  const flags = page.flags[row] ?? 0;
  return {
    sourceTime: formatTime(page.timesUs[row] ?? 0),
    serverTime: formatTime(page.serverTimesUs[row] ?? 0),
    value: rowValue(page, row, type),
    quality: page.qualities[row] ?? 0,
    serverMade: (flags & RowFlag.ServerMade) !== 0,
    backfill: (flags & RowFlag.Backfill) !== 0,
    counterReset: (flags & RowFlag.CounterReset) !== 0,
  };
}

function rowValue(page: RawPage, row: number, type: MetricType): Value {
  const value = viewValue(page.values[row] ?? null);
  return type === "Bool" && typeof value === "number" ? value !== 0 : value;
}

function timeOf(text: string | undefined, field: string): number | null {
  if (text === undefined) return null;
  const timeUs = parseTime(text);
  if (timeUs !== null) return timeUs;
  throw new OperationError("bad_params", `${field} must be a time: current value is '${text}'`, {
    field,
    fix: "Write ISO 8601 with its offset, as 2026-01-31T12:00:00Z, or µs since 1970",
  });
}

function cursorOf(text: string): number {
  const timeUs = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(timeUs)) return timeUs;
  throw new OperationError("bad_params", "The cursor is not one that history.query gave out", { field: "cursor" });
}

function badRange(): OperationError {
  return new OperationError("bad_params", "from must lie before to", { field: "from" });
}
