import { type Bucket, type HistoryQueries, type RawPage, type RawQuery, RowFlag } from "../history/history.ts";
import { qualityName } from "../tags/quality.ts";
import type { MetricType, Value } from "../tags/tag.ts";
import { formatTime } from "../telemetry/time_text.ts";

/** Rows asked of the reader at a time: about 100 kB of text. */
export const ROWS_A_PAGE = 1_000;

/** Which rows a streamed answer holds. `limit` is over all pages; Infinity takes all there are. */
export interface RowSpan extends Omit<RawQuery, "limit"> {
  readonly limit: number;
}

/** The first page of a span. To be asked for before the answer begins, so that a failure still has a status. */
export function firstPage(queries: HistoryQueries, span: RowSpan, signal: AbortSignal): Promise<RawPage> {
  return queries.readRaw({ ...span, limit: Math.min(span.limit, ROWS_A_PAGE) }, signal);
}

/** The pages of a span, the first one included. Returns the time behind which a next answer goes on, or `null`. */
async function* pages(
  queries: HistoryQueries,
  span: RowSpan,
  first: RawPage,
  signal: AbortSignal,
): AsyncGenerator<RawPage, number | null> {
  let page = first;
  let left = span.limit - page.count;
  yield page;
  while (page.next !== null && left > 0) {
    page = await queries.readRaw({ ...span, limit: Math.min(left, ROWS_A_PAGE), after: page.next }, signal);
    left -= page.count;
    yield page;
  }
  return page.next?.timeUs ?? null;
}

/** The rows of a span as JSON text. `nextCursor` makes the cursor from the time of the last row. */
export async function* rawAsJson(
  queries: HistoryQueries,
  span: RowSpan,
  first: RawPage,
  signal: AbortSignal,
  head: { readonly tag: string; readonly unit: string; readonly type: MetricType },
  nextCursor: (timeUs: number) => string,
): AsyncGenerator<string, void> {
  const { tag, unit, type } = head;
  let text = `{"tag":${JSON.stringify(tag)},"unit":${JSON.stringify(unit)},"samples":[`;
  let comma = "";
  const source = pages(queries, span, first, signal);
  let step = await source.next();
  while (!step.done) {
    const page = step.value;
    for (let row = 0; row < page.count; row++) {
      const flags = page.flags[row] ?? 0;
      text += comma + JSON.stringify({
        sourceTime: formatTime(page.timesUs[row] ?? 0),
        serverTime: formatTime(page.serverTimesUs[row] ?? 0),
        value: valueAt(page, row, type),
        quality: page.qualities[row] ?? 0,
        serverMade: (flags & RowFlag.ServerMade) !== 0,
        backfill: (flags & RowFlag.Backfill) !== 0,
        counterReset: (flags & RowFlag.CounterReset) !== 0,
      });
      comma = ",";
    }
    yield text;
    text = "";
    step = await source.next();
  }
  const next = step.value === null ? null : nextCursor(step.value);
  yield `],"next":${JSON.stringify(next)}}`;
}

/** The rows of a span as CSV after RFC 4180, with a heading line. */
export async function* rawAsCsv(
  queries: HistoryQueries,
  span: RowSpan,
  first: RawPage,
  signal: AbortSignal,
  type: MetricType,
): AsyncGenerator<string, void> {
  let text = "source_time,server_time,value,quality_code,quality,server_made,backfill,counter_reset\r\n";
  for await (const page of pages(queries, span, first, signal)) {
    for (let row = 0; row < page.count; row++) {
      const flags = page.flags[row] ?? 0;
      const quality = page.qualities[row] ?? 0;
      text += `${formatTime(page.timesUs[row] ?? 0)},${formatTime(page.serverTimesUs[row] ?? 0)},` +
        `${csvField(valueAt(page, row, type))},${quality},${qualityName(quality)},` +
        `${flags & RowFlag.ServerMade ? 1 : 0},${flags & RowFlag.Backfill ? 1 : 0},` +
        `${flags & RowFlag.CounterReset ? 1 : 0}\r\n`;
    }
    yield text;
    text = "";
  }
}

/** Buckets as CSV after RFC 4180, with a heading line. */
export function bucketsAsCsv(buckets: readonly Bucket[]): string {
  const lines = buckets.map((bucket) =>
    [
      formatTime(bucket.startUs),
      formatTime(bucket.endUs),
      bucket.count,
      ...[bucket.min, bucket.max, bucket.mean, bucket.first, bucket.last].map(csvField),
      bucket.goodShare,
    ].join(",")
  );
  return ["start,end,count,min,max,mean,first,last,good_share", ...lines, ""].join("\r\n");
}

function valueAt(page: RawPage, row: number, type: MetricType): Value {
  const value = page.values[row] ?? null;
  if (typeof value !== "number") return value;
  if (!Number.isFinite(value)) return null;
  return type === "Bool" ? value !== 0 : value;
}

/** A text that a spreadsheet would take for a formula is shown with an apostrophe before it (CSV injection). */
function csvField(value: Value): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
