import { decodeBlock, rowsOfBlock } from "./block_codec.ts";
import { saveRows } from "./block_edit.ts";
import { FULL_BLOCK_BYTES } from "./block_pieces.ts";
import type { HistoryMemory } from "./memory.ts";
import { appendRows, emptyRows, type Row, rowAt, type Rows } from "./rows.ts";
import type { Series } from "./series.ts";
import type { HistoryStore } from "./store.ts";

/** Journal entries for each series at which its rows are worth moving into blocks. */
const ENTRIES_PER_SERIES = 64;
const MIN_ENTRIES = 16_384;
const MAX_ENTRIES = 131_072;
const MAX_BYTES = 8 * 1024 * 1024;
/** Rows of one series, and letters in them, that are packed in one step. */
const MOST_ROWS = 8192;
const MOST_LETTERS = 131_072;
/** Journal records deleted in one step. */
const TRIM = 64;

/**
 * Moves the newest rows from memory into blocks, series by series, and then drops the journal records that they came
 * from: a pass in small steps, begun when the journal has grown enough. A kill in the middle of a pass is harmless:
 * rows that are in blocks are passed over when the journal is replayed.
 */
export class Packer {
  readonly #memory: HistoryMemory;
  readonly #onDamaged: (series: Series, error: unknown) => void;
  #entries = 0;
  #bytes = 0;
  #pass: { readonly endId: number; readonly entries: number; readonly bytes: number; nextSeries: number } | null = null;

  constructor(memory: HistoryMemory, onDamaged: (series: Series, error: unknown) => void) {
    this.#memory = memory;
    this.#onDamaged = onDamaged;
  }

  /** The journal grew by one record. */
  grew(entries: number, bytes: number): void {
    this.#entries += entries;
    this.#bytes += bytes;
  }

  /** A new file with an empty journal is in use. */
  restart(): void {
    this.#entries = 0;
    this.#bytes = 0;
    this.#pass = null;
  }

  /** Whether there is work: a pass is under way, or the journal is long enough for one. */
  get due(): boolean {
    const most = Math.min(MAX_ENTRIES, Math.max(MIN_ENTRIES, this.#memory.size * ENTRIES_PER_SERIES));
    return this.#pass !== null || this.#entries >= most || this.#bytes >= MAX_BYTES;
  }

  /** Begins a pass, whether one is due or not. `lastJournalId`: the newest record of the journal. */
  begin(lastJournalId: number): void {
    this.#pass ??= { endId: lastJournalId, entries: this.#entries, bytes: this.#bytes, nextSeries: 1 };
  }

  /**
   * Does about `budgetMs` of the pass in one transaction, one series at least. Everything in memory must have been
   * committed to the journal before.
   */
  step(store: HistoryStore, budgetMs: number): { readonly done: boolean; readonly blocks: number } {
    const pass = this.#pass;
    if (pass === null) return { done: true, blocks: 0 };
    const deadline = performance.now() + budgetMs;
    const packed: { readonly series: Series; readonly rows: number }[] = [];
    let blocks = 0;
    const { next, done } = store.transact(() => {
      let next = pass.nextSeries;
      for (; next <= this.#memory.lastId; next++) {
        const series = this.#memory.byId(next);
        if (series === undefined || series.head.t.length === 0) continue;
        if (packed.length > 0 && performance.now() >= deadline) return { next, done: false };
        const rows = portionOf(series.head);
        blocks += this.#pack(store, series, rows);
        packed.push({ series, rows });
        // a series with very many rows takes several steps
        if (rows < series.head.t.length) return { next, done: false };
      }
      if (packed.length > 0 && performance.now() >= deadline) return { next, done: false };
      while (store.trimJournal(pass.endId, TRIM) === TRIM) {
        if (performance.now() >= deadline) return { next, done: false };
      }
      return { next, done: true };
    });
    // only what is committed leaves memory
    for (const { series, rows } of packed) this.#memory.packed(series, rows);
    pass.nextSeries = next;
    if (done) {
      this.#entries -= pass.entries;
      this.#bytes -= pass.bytes;
      this.#pass = null;
    }
    return { done, blocks };
  }

  #pack(store: HistoryStore, series: Series, count: number): number {
    const last = store.blockAtOrBefore(series.id, Infinity);
    if (last !== null && last.data.length < FULL_BLOCK_BYTES) {
      try {
        const rows = rowsOfBlock(decodeBlock(last.data));
        appendRows(rows, series.head, 0, count);
        return saveRows(store, series.id, last.id, rows);
      } catch (error) {
        // a block that cannot be read stays as it is, for whoever repairs it: the next rows get a block of their own
        this.#onDamaged(series, error);
      }
    }
    const rows = emptyRows();
    appendRows(rows, series.head, 0, count);
    return saveRows(store, series.id, null, rows);
  }
}

/** How many of the rows are packed in one step. */
function portionOf({ t, v }: Rows): number {
  const most = Math.min(t.length, MOST_ROWS);
  let letters = 0;
  for (let i = 0; i < most; i++) {
    const value = v[i];
    if (typeof value === "string") letters += value.length;
    if (letters > MOST_LETTERS) return i + 1;
  }
  return most;
}

/** The newest packed row of a series, read from its last block; `null` when there is none. */
export function readPackedTail(store: HistoryStore, series: Series): Row | null {
  const last = store.blockAtOrBefore(series.id, Infinity);
  if (last === null) return null;
  const block = decodeBlock(last.data);
  return rowAt(block, block.count - 1);
}
