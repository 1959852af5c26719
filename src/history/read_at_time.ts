import { type ColumnSink, ColumnsInMaking, type ComputedColumns } from "./computed_columns.ts";
import { type BoundsRules, FoldBounds, type OnBound } from "./fold_bounds.ts";
import type { OnDamaged } from "./read_raw.ts";
import type { AtTimeRequest } from "./reader_protocol.ts";
import { SeriesReader } from "./series_reader.ts";
import { DAY_US } from "./series.ts";
import type { HistoryStore } from "./store.ts";

/** Times that lie further apart are looked up one by one, instead of reading all that lies between them. */
const GAP_US = DAY_US;

/** The values at given times (OPC 10000-11 §6.5.5), in the order asked for. Pauses after each block. */
export function* readAtTime(
  store: HistoryStore,
  request: AtTimeRequest,
  onDamaged: OnDamaged,
): Generator<void, ComputedColumns> {
  const { series, head, timesUs, simpleBounds, stepped, configuration, lastUs, knownUntilUs } = request;
  const reader = new SeriesReader(store, series, head, onDamaged);
  const firstUs = reader.firstUs();
  const out = new ColumnsInMaking(timesUs.length);
  if (firstUs === null) {
    timesUs.forEach((timeUs, place) => out.setNoData(place, timeUs));
    return out.done(false);
  }
  const places = Uint32Array.from(timesUs, (_, place) => place)
    .sort((a, b) => (timesUs[a] as number) - (timesUs[b] as number));
  const ascending = Float64Array.from(places, (place) => timesUs[place] as number);
  const data = { fromUs: firstUs, lastUs, toUs: Math.max(lastUs, knownUntilUs) };
  const rules: BoundsRules = { simple: simpleBounds, stepped, configuration, data };
  yield* readBoundsAt(reader, ascending, rules, toPlaces(out, places, timesUs));
  return out.done(false);
}

function toPlaces(out: ColumnSink, places: Uint32Array, timesUs: Float64Array): OnBound {
  return (place, value, status) => {
    const wanted = places[place] as number;
    out.set(wanted, timesUs[wanted] as number, value, status);
  };
}

/** Tells the bounding values of `timesUs`, which ascend. */
export function* readBoundsAt(
  reader: SeriesReader,
  timesUs: Float64Array,
  rules: BoundsRules,
  tell: OnBound,
): Generator<void, void> {
  for (let from = 0; from < timesUs.length;) {
    let to = from + 1;
    while (to < timesUs.length && (timesUs[to] as number) - (timesUs[to - 1] as number) <= GAP_US) to++;
    const offset = from;
    const some = timesUs.subarray(from, to);
    const fold = new FoldBounds(some, rules, (place, value, status) => tell(place + offset, value, status));
    yield* reader.feed(fold, some[0] as number, some[some.length - 1] as number);
    from = to;
    yield;
  }
}
