import { type Block, decodeBlock } from "./block_codec.ts";
import type { RawColumns, RawRequest } from "./reader_protocol.ts";
import { type Columns, flagsOf, lowerBound, qualityOf, type StoredValue } from "./rows.ts";
import type { HistoryStore, StoredBlock } from "./store.ts";

/** Told of a block that cannot be read. */
export type OnDamaged = (what: string, error: unknown) => void;

/** A part of a block: rows `from … to)`. */
interface Part {
  readonly rows: Columns;
  readonly from: number;
  readonly to: number;
}

/**
 * Reads packed rows, block by block: the generator pauses after each, so that others get their turn. Where it goes on
 * is found by time, so blocks may be packed, split or pruned between two steps.
 */
export function* readRaw(
  store: HistoryStore,
  request: RawRequest,
  onDamaged: OnDamaged,
): Generator<void, RawColumns> {
  const { fromUs, toUs, limit, reverse } = request;
  const parts: Part[] = [];
  let count = 0;
  let more = false;
  for (const stored of blocksOf(store, request)) {
    yield;
    const block = tryDecode(stored, request.series, onDamaged);
    if (block === null) continue;
    let from = lowerBound(block.t, fromUs);
    let to = lowerBound(block.t, toUs + 1);
    const last = parts[parts.length - 1];
    // a block that was split meanwhile shows rows that were read already
    if (last !== undefined) {
      if (reverse) to = Math.min(to, lowerBound(block.t, last.rows.t[last.from] as number));
      else from = Math.max(from, lowerBound(block.t, (last.rows.t[last.to - 1] as number) + 1));
    }
    if (to <= from) continue;
    if (count === limit) {
      more = true;
      break;
    }
    if (to - from > limit - count) {
      more = true;
      if (reverse) from = to - (limit - count);
      else to = from + (limit - count);
    }
    parts.push({ rows: block, from, to });
    count += to - from;
    if (more) break;
  }
  return columnsOf(parts, count, reverse, more);
}

/** The blocks that may hold rows of the span, in the order of reading. */
function* blocksOf(store: HistoryStore, { series, fromUs, toUs, reverse }: RawRequest): Generator<StoredBlock> {
  if (reverse) {
    let block = store.blockAtOrBefore(series, toUs);
    while (block !== null && block.t1 >= fromUs) {
      yield block;
      block = store.blockAtOrBefore(series, block.t0 - 1);
    }
  } else {
    let block = store.blockAtOrBefore(series, fromUs);
    if (block === null || block.t1 < fromUs) block = store.blockAfter(series, fromUs);
    while (block !== null && block.t0 <= toUs) {
      yield block;
      block = store.blockAfter(series, block.t0);
    }
  }
}

function tryDecode(stored: StoredBlock, series: number, onDamaged: OnDamaged): Block | null {
  try {
    return decodeBlock(stored.data);
  } catch (error) {
    onDamaged(`block ${stored.id} of series ${series}`, error);
    return null;
  }
}

/** Rows in memory as a page, already cut to the span and limit. */
export function columnsOfRows(rows: Columns, from: number, to: number, reverse: boolean): RawColumns {
  return columnsOf([{ rows, from, to }], to - from, reverse, false);
}

function columnsOf(parts: readonly Part[], count: number, reverse: boolean, more: boolean): RawColumns {
  const timesUs = new Float64Array(count);
  const serverTimesUs = new Float64Array(count);
  const qualities = new Uint32Array(count);
  const flags = new Uint8Array(count);
  const texts = parts.some(({ rows, from, to }) => hasText(rows.v, from, to));
  const numbers = new Float64Array(texts ? 0 : count);
  const values: StoredValue[] = [];
  let at = 0;
  for (const { rows, from, to } of parts) {
    const { t, lag, state, v } = rows;
    for (let k = from; k < to; k++, at++) {
      const i = reverse ? to - 1 - (k - from) : k;
      timesUs[at] = t[i] as number;
      serverTimesUs[at] = (t[i] as number) + (lag[i] as number);
      const rowState = state[i] as number;
      if (rowState !== 0) {
        qualities[at] = qualityOf(rowState);
        flags[at] = flagsOf(rowState);
      }
      const value = v[i] as StoredValue;
      if (texts) values.push(value);
      else numbers[at] = value === null ? NaN : value as number;
    }
  }
  return { count, timesUs, serverTimesUs, qualities, flags, values: texts ? values : numbers, more };
}

function hasText(v: ArrayLike<StoredValue>, from: number, to: number): boolean {
  if (v instanceof Float64Array) return false;
  for (let i = from; i < to; i++) if (typeof v[i] === "string") return true;
  return false;
}

/** `first`, then `second`, as one page. */
export function joinColumns(first: RawColumns, second: RawColumns): RawColumns {
  if (first.count === 0) return { ...second, more: first.more || second.more };
  if (second.count === 0) return { ...first, more: first.more || second.more };
  const count = first.count + second.count;
  const join = <T extends Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
    into: T,
    a: T,
    b: T,
  ): T => {
    into.set(a);
    into.set(b, a.length);
    return into;
  };
  const { values: a } = first;
  const { values: b } = second;
  return {
    count,
    timesUs: join(new Float64Array(count), first.timesUs, second.timesUs),
    serverTimesUs: join(new Float64Array(count), first.serverTimesUs, second.serverTimesUs),
    qualities: join(new Uint32Array(count), first.qualities, second.qualities),
    flags: join(new Uint8Array(count), first.flags, second.flags),
    values: a instanceof Float64Array && b instanceof Float64Array
      ? join(new Float64Array(count), a, b)
      : [...plain(a), ...plain(b)],
    more: first.more || second.more,
  };
}

/** Values one by one: NaN in a column of numbers stands for null. */
function plain(values: Float64Array | StoredValue[]): StoredValue[] {
  return values instanceof Float64Array ? Array.from(values, (value) => Number.isNaN(value) ? null : value) : values;
}
