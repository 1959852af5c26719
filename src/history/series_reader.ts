import { type Block, decodeBlock } from "./block_codec.ts";
import type { OnDamaged } from "./read_raw.ts";
import type { RowFold } from "./row_fold.ts";
import { type Columns, lowerBound, type Rows, type StoredValue } from "./rows.ts";
import type { HistoryStore, StoredBlock } from "./store.ts";

/** Rows `from … to)` of some columns, ascending by time. */
interface Slice {
  readonly rows: Columns;
  readonly from: number;
  readonly to: number;
}

/**
 * The rows of one series from blocks and memory as one sequence. Generators pause after each block, so that others get
 * their turn; where they go on is found by time, so blocks may be packed, split or pruned between two steps.
 */
export class SeriesReader {
  readonly #store: HistoryStore;
  readonly #series: number;
  readonly #head: Rows;
  readonly #onDamaged: OnDamaged;
  /** The block decoded last: neighbouring reads often want it again. */
  #decoded: { readonly id: number; readonly t0: number; readonly data: Uint8Array; readonly block: Block } | null =
    null;

  /** @param head the rows in memory around the span: blocks are read up to the first of them */
  constructor(store: HistoryStore, series: number, head: Rows, onDamaged: OnDamaged) {
    this.#store = store;
    this.#series = series;
    this.#head = head;
    this.#onDamaged = onDamaged;
  }

  /** Time of the first row there is, or `null`. */
  firstUs(): number | null {
    return this.#store.oldestBlock(this.#series)?.t0 ?? this.#head.t[0] ?? null;
  }

  /** Gives `fold` the rows `fromUs … toUs` (both inclusive) with the surroundings it asks for. */
  *feed(fold: RowFold, fromUs: number, toUs: number): Generator<void, void> {
    yield* this.#feedBefore(fold, fromUs);
    for (const slice of this.#forward(fromUs, toUs)) {
      const { t, state, v } = slice.rows;
      for (let i = slice.from; i < slice.to; i++) fold.add(t[i] as number, state[i] as number, v[i] as StoredValue);
      yield;
    }
    yield* this.#feedBehind(fold, toUs + 1);
    fold.end();
  }

  *#feedBefore(fold: RowFold, fromUs: number): Generator<void, void> {
    const { before } = fold.surroundings;
    if (before === "none") return;
    let wanted = before === "two_usable" ? 2 : 1;
    const found: [t: number, state: number, v: StoredValue][] = [];
    search: for (const { rows, from, to } of this.#backward(fromUs)) {
      for (let i = to - 1; i >= from; i--) {
        const row: [number, number, StoredValue] = [
          rows.t[i] as number,
          rows.state[i] as number,
          rows.v[i] as StoredValue,
        ];
        const usable = before === "row" || fold.isUsable(row[1], row[2]);
        // of a run of unusable rows, the oldest alone tells what the others do
        const previous = found[found.length - 1];
        if (!usable && previous !== undefined && !fold.isUsable(previous[1], previous[2])) found.pop();
        found.push(row);
        if (usable && --wanted === 0) break search;
      }
      yield;
    }
    for (const row of found.reverse()) fold.add(...row);
  }

  *#feedBehind(fold: RowFold, fromUs: number): Generator<void, void> {
    const { after } = fold.surroundings;
    if (after === "none") return;
    for (const { rows, from, to } of this.#forward(fromUs, Infinity)) {
      for (let i = from; i < to; i++) {
        const [t, state, v] = [rows.t[i] as number, rows.state[i] as number, rows.v[i] as StoredValue];
        fold.add(t, state, v);
        if (after === "row" || fold.isUsable(state, v)) return;
      }
      yield;
    }
  }

  *#forward(fromUs: number, toUs: number): Generator<Slice, void> {
    const headFromUs = this.#head.t[0] ?? Infinity;
    const endUs = Math.min(toUs + 1, headFromUs);
    let behindUs = fromUs;
    if (behindUs < endUs) {
      let stored = this.#store.blockAtOrBefore(this.#series, fromUs);
      if (stored === null || stored.t1 < fromUs) stored = this.#store.blockAfter(this.#series, fromUs);
      while (stored !== null && stored.t0 < endUs) {
        const block = this.#decode(stored);
        if (block !== null) {
          const from = lowerBound(block.t, behindUs);
          const to = lowerBound(block.t, endUs);
          if (to > from) {
            behindUs = (block.t[to - 1] as number) + 1;
            yield { rows: block, from, to };
          }
        }
        stored = this.#store.blockAfter(this.#series, stored.t0);
      }
    }
    const head = this.#head;
    const from = lowerBound(head.t, fromUs);
    const to = lowerBound(head.t, toUs + 1);
    if (to > from) yield { rows: head, from, to };
  }

  /** Slices before `beforeUs` (exclusive), the latest first. */
  *#backward(beforeUs: number): Generator<Slice, void> {
    const head = this.#head;
    const inHead = lowerBound(head.t, beforeUs);
    if (inHead > 0) yield { rows: head, from: 0, to: inHead };
    let endUs = Math.min(beforeUs, head.t[0] ?? Infinity);
    for (;;) {
      const stored = this.#store.blockAtOrBefore(this.#series, endUs - 1);
      if (stored === null) return;
      const block = this.#decode(stored);
      const to = block === null ? 0 : lowerBound(block.t, endUs);
      if (block !== null && to > 0) yield { rows: block, from: 0, to };
      endUs = stored.t0;
    }
  }

  #decode(stored: StoredBlock): Block | null {
    const { id, t0, data } = stored;
    if (this.#decoded?.id === id && this.#decoded.t0 === t0 && equal(this.#decoded.data, data)) {
      return this.#decoded.block;
    }
    try {
      const block = decodeBlock(data);
      this.#decoded = { id, t0, data, block };
      return block;
    } catch (error) {
      this.#onDamaged(`block ${id} of series ${this.#series}`, error);
      return null;
    }
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false;
  return true;
}
