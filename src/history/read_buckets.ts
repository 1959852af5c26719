import { decodeBlock } from "./block_codec.ts";
import { Fold, type FoldedBuckets } from "./fold.ts";
import type { OnDamaged } from "./read_raw.ts";
import type { BucketsRequest, RollupRequest } from "./reader_protocol.ts";
import { decodeRollup, encodeRollup, HOUR_US } from "./rollup_codec.ts";
import { type Columns, lowerBound, type Rows, type StoredValue } from "./rows.ts";
import { DAY_US, dayOf } from "./series.ts";
import type { HistoryStore } from "./store.ts";

/**
 * Buckets over a span: from the rollups of whole days where the buckets are whole hours and the rollup is up to date,
 * else from the rows. Pauses after each block.
 */
export function* readBuckets(
  store: HistoryStore,
  request: BucketsRequest,
  onDamaged: OnDamaged,
): Generator<void, FoldedBuckets> {
  const { series, fromUs, toUs, bucketUs, head } = request;
  const fold = new Fold(fromUs, toUs, bucketUs);
  const source: RowSource = { store, series, head, onDamaged };
  const endUs = Math.min(toUs, request.nowUs);
  if (bucketUs % HOUR_US !== 0 || fromUs % HOUR_US !== 0) {
    yield* foldRows(source, fold, fromUs, toUs, endUs);
    return fold.buckets;
  }
  const { rollups, due } = store.read(() => ({
    rollups: store.rollups(series, dayOf(fromUs), dayOf(toUs - 1)),
    due: new Set(store.dueIn(series, dayOf(fromUs), dayOf(toUs - 1))),
  }));
  let rawFromUs = fromUs;
  for (const { day, data } of rollups) {
    if (due.has(day)) continue;
    const dayUs = day * DAY_US;
    let hours: ReturnType<typeof decodeRollup>;
    try {
      hours = decodeRollup(data);
    } catch (error) {
      onDamaged(`rollup ${day} of series ${series}`, error);
      continue;
    }
    if (rawFromUs < dayUs) yield* foldRows(source, fold, rawFromUs, dayUs, Math.min(dayUs, endUs));
    for (const { hour, figures } of hours) {
      const startUs = dayUs + hour * HOUR_US;
      if (startUs >= fromUs && startUs + HOUR_US <= toUs) fold.addHour(startUs, figures);
    }
    rawFromUs = Math.max(rawFromUs, dayUs + DAY_US);
    // the last bucket may end within an hour
    const cutUs = Math.floor(toUs / HOUR_US) * HOUR_US;
    if (dayOf(cutUs) === day && cutUs < toUs) rawFromUs = Math.max(fromUs, cutUs);
    yield;
  }
  if (rawFromUs < toUs) yield* foldRows(source, fold, rawFromUs, toUs, endUs);
  return fold.buckets;
}

/** The rollup of one day, from its rows; `null` when there are none. */
export function* buildRollup(
  store: HistoryStore,
  { series, day, head }: RollupRequest,
  onDamaged: OnDamaged,
): Generator<void, Uint8Array<ArrayBuffer> | null> {
  const fromUs = day * DAY_US;
  const fold = new Fold(fromUs, fromUs + DAY_US, HOUR_US);
  yield* foldRows({ store, series, head, onDamaged }, fold, fromUs, fromUs + DAY_US, fromUs + DAY_US);
  return fold.buckets.rows.some((rows) => rows > 0) ? encodeRollup(fold.buckets) : null;
}

interface RowSource {
  readonly store: HistoryStore;
  readonly series: number;
  readonly head: Rows;
  readonly onDamaged: OnDamaged;
}

/** Folds the rows `fromUs … toUs)`, and the status that holds from before them; it holds up to `endUs` at most. */
function* foldRows(source: RowSource, fold: Fold, fromUs: number, toUs: number, endUs: number): Generator<void, void> {
  const { store, series, head } = source;
  // rows in memory are later than all blocks had been when memory was looked at
  const headFromUs = head.t[0] ?? Infinity;
  fold.begin(fromUs, stateBefore(source, fromUs));
  const add = ({ t, state, v }: Columns, from: number, to: number) => {
    for (let i = from; i < to; i++) fold.add(t[i] as number, state[i] as number, v[i] as StoredValue);
  };
  let behindUs = fromUs;
  let stored = store.blockAtOrBefore(series, fromUs);
  if (stored === null || stored.t1 < fromUs) stored = store.blockAfter(series, fromUs);
  while (stored !== null && stored.t0 < Math.min(toUs, headFromUs)) {
    try {
      const block = decodeBlock(stored.data);
      const to = lowerBound(block.t, Math.min(toUs, headFromUs));
      const from = lowerBound(block.t, behindUs);
      add(block, from, to);
      if (to > from) behindUs = (block.t[to - 1] as number) + 1;
    } catch (error) {
      source.onDamaged(`block ${stored.id} of series ${series}`, error);
    }
    yield;
    stored = store.blockAfter(series, stored.t0);
  }
  add(head, lowerBound(head.t, fromUs), lowerBound(head.t, toUs));
  fold.end(endUs);
}

/** The state of the last row before `timeUs`, or `null`. */
function stateBefore({ store, series, head, onDamaged }: RowSource, timeUs: number): number | null {
  const inHead = lowerBound(head.t, timeUs) - 1;
  if (inHead >= 0) return head.state[inHead] as number;
  const stored = store.blockAtOrBefore(series, timeUs - 1);
  if (stored === null) return null;
  try {
    const block = decodeBlock(stored.data);
    return block.state[lowerBound(block.t, timeUs) - 1] ?? null;
  } catch (error) {
    onDamaged(`block ${stored.id} of series ${series}`, error);
    return null;
  }
}
