import { Intervals } from "./aggregate_intervals.ts";
import { aggregates } from "./aggregate_query.ts";
import { BAD_NO_DATA, CALCULATED, GOOD, UNCERTAIN_DATA_SUB_NORMAL } from "./aggregate_status.ts";
import { type ColumnSink, ColumnsInMaking, type ComputedColumns } from "./computed_columns.ts";
import { FoldArea } from "./fold_area.ts";
import { FoldRegions, type RegionAggregate } from "./fold_regions.ts";
import { FoldRows } from "./fold_rows.ts";
import { cleanHours } from "./hour_rollups.ts";
import type { OnDamaged } from "./read_raw.ts";
import type { ProcessedRequest } from "./reader_protocol.ts";
import type { RowFold } from "./row_fold.ts";
import type { StoredValue } from "./rows.ts";
import { SeriesReader } from "./series_reader.ts";
import type { HistoryStore } from "./store.ts";
import { readBoundsAt } from "./read_at_time.ts";

/**
 * One aggregate of each interval (OPC 10000-13): from the rollups where whole hours of them say the same as the rows,
 * else from the rows, in memory that depends on the number of intervals alone. Pauses after each block.
 */
export function* readProcessed(
  store: HistoryStore,
  request: ProcessedRequest,
  onDamaged: OnDamaged,
): Generator<void, ComputedColumns> {
  const { series, head, lastUs, knownUntilUs } = request;
  const reader = new SeriesReader(store, series, head, onDamaged);
  const firstUs = reader.firstUs();
  const nothing = { fromUs: Infinity, lastUs: -Infinity, toUs: -Infinity };
  const data = firstUs === null ? nothing : { fromUs: firstUs, lastUs, toUs: Math.max(lastUs, knownUntilUs) };
  const intervals = Intervals.of(request, data);
  const out = new ColumnsInMaking(intervals.count);
  if (firstUs === null) {
    for (let i = 0; i < intervals.count; i++) out.setNoData(i, intervals.beginUs(i));
  } else if (aggregates[request.aggregate].family === "bounds") {
    yield* bounds(reader, request, intervals, out);
  } else {
    const clean = cleanHours(store, request, intervals, onDamaged);
    for (let from = 0; from < intervals.count;) {
      const figures = clean?.(from) ?? null;
      if (figures !== null) {
        out.set(from, intervals.beginUs(from), figures.value, figures.status);
        from++;
        continue;
      }
      let to = from + 1;
      while (to < intervals.count && (clean?.(to) ?? null) === null) to++;
      const part = intervals.part(from, to);
      yield* reader.feed(foldOf(request, part, out.from(from)), part.lowUs(0), part.highUs(part.count - 1));
      from = to;
    }
  }
  return out.done(intervals.reverse);
}

function foldOf(request: ProcessedRequest, intervals: Intervals, out: ColumnSink): RowFold {
  const { aggregate, configuration, stepped } = request;
  switch (aggregates[aggregate].family) {
    case "area":
      return new FoldArea(aggregate as "TimeAverage" | "Total", intervals, configuration, out);
    case "regions":
    case "status":
      return new FoldRegions(aggregate as RegionAggregate, intervals, stepped, configuration, out);
    default:
      return new FoldRows(aggregate, intervals, configuration, out);
  }
}

/** Interpolative, StartBound, EndBound and DeltaBounds (§5.4.3.4, .28 to .30). */
function* bounds(
  reader: SeriesReader,
  { aggregate, stepped, configuration }: ProcessedRequest,
  intervals: Intervals,
  out: ColumnsInMaking,
): Generator<void, void> {
  const { count, data, reverse } = intervals;
  const rules = { simple: aggregate !== "Interpolative", stepped, configuration, data };
  const values: StoredValue[][] = [[], []];
  const statuses: number[][] = [[], []];
  // the later edges are those of the neighbours, and one more
  yield* readBoundsAt(reader, intervals.edges, rules, (place, value, status) => {
    (values[0] as StoredValue[])[place] = value;
    (statuses[0] as number[])[place] = status;
  });
  const at = (edge: number) => ({
    value: values[0]?.[edge] ?? null,
    status: statuses[0]?.[edge] ?? BAD_NO_DATA,
  });
  for (let i = 0; i < count; i++) {
    const begin = at(reverse ? i + 1 : i);
    const end = at(reverse ? i : i + 1);
    set(i, begin, end);
  }

  type Bound = ReturnType<typeof at>;
  function set(i: number, begin: Bound, end: Bound): void {
    const beginUs = intervals.beginUs(i);
    if (aggregate === "Interpolative") return out.set(i, beginUs, begin.value, begin.status);
    const timeUs = aggregate === "EndBound" ? intervals.endUs(i) : beginUs;
    if (intervals.isOutside(i)) return out.setNoData(i, beginUs);
    if (aggregate !== "DeltaBounds") {
      const { value, status } = aggregate === "EndBound" ? end : begin;
      if (status === BAD_NO_DATA) return out.setNoData(i, timeUs);
      return out.set(i, timeUs, value, intervals.coded(i, status, 0));
    }
    if (typeof begin.value !== "number" || typeof end.value !== "number") return out.setNoData(i, beginUs);
    const good = isGood(begin.status) && isGood(end.status);
    const status = intervals.coded(i, good ? GOOD : UNCERTAIN_DATA_SUB_NORMAL, CALCULATED);
    out.set(i, beginUs, end.value - begin.value, status);
  }
}

function isGood(status: number): boolean {
  return status >>> 30 === 0;
}
