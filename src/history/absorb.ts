import { decodeBlock, rowsOfBlock } from "./block_codec.ts";
import { decodeJournal, type JournalEntry } from "./journal_codec.ts";
import type { SalvagePart } from "./reader_protocol.ts";
import { rowAt, type Rows } from "./rows.ts";
import { dayOf, type Series } from "./series.ts";
import type { Writer } from "./writer.ts";

/** Blocks, or rollups, taken in one step, and the pause before it, ms. */
const STEP = 16;
const PAUSE_MS = 5;

/**
 * Takes what was recovered from a damaged file into the file in use: blocks as they are where no newer row is in
 * their way, else row by row. What is there already stays, so a salvage can be repeated.
 */
export class Absorber {
  readonly #writer: Writer;
  readonly #pause: (ms: number) => Promise<void>;
  /** Series of the file in use by their id in the damaged one. */
  readonly #series = new Map<number, Series>();
  readonly #journal = new Map<Series, Map<number, JournalEntry>>();
  #rows = 0;

  constructor(writer: Writer, pause: (ms: number) => Promise<void>) {
    this.#writer = writer;
    this.#pause = pause;
  }

  /** Rows taken so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Takes one part, in steps that leave room for the gateway's own work. */
  async take(part: SalvagePart): Promise<void> {
    const { memory } = this.#writer;
    for (const { id, tag, type, retentionDays } of part.series) {
      this.#series.set(id, memory.get(tag) ?? memory.seriesOf(tag, type, retentionDays));
    }
    for (const data of part.journals) this.#note(decodeJournal(data));
    for (let from = 0; from < Math.max(part.blocks.length, part.rollups.length);) {
      await this.#pause(PAUSE_MS);
      if (this.#writer.failing) continue;
      // a row never reaches the file before its series
      this.#writer.flush();
      if (this.#step(part, from)) from += STEP;
    }
  }

  /** Puts the rows of the damaged file's journal, when all of it has been taken. */
  async finish(): Promise<void> {
    for (const [series, entries] of this.#journal) {
      for (const { row } of entries.values()) {
        if (row === null || row.t < series.cutoffUs) continue;
        this.#writer.memory.restore(series, row);
        this.#rows++;
      }
      await this.#pause(PAUSE_MS);
      this.#writer.flush();
    }
  }

  #note(entries: readonly JournalEntry[]): void {
    for (const entry of entries) {
      const series = this.#series.get(entry.series);
      if (series === undefined) continue;
      let ofSeries = this.#journal.get(series);
      if (ofSeries === undefined) this.#journal.set(series, ofSeries = new Map());
      ofSeries.set(entry.t, entry);
    }
  }

  /** Takes some blocks and rollups in one transaction; `false` when it failed. */
  #step(part: SalvagePart, from: number): boolean {
    const blocks = part.blocks.slice(from, from + STEP);
    const inserted: [Series, number][] = [];
    const inTheWay: [Series, Rows][] = [];
    const done = this.#writer.upkeep((store) =>
      store.transact(() => {
        for (const { series: oldId, t0, t1, rows, data } of blocks) {
          const series = this.#series.get(oldId);
          if (series === undefined || t1 < series.cutoffUs) continue;
          const block = rowsOfBlock(decodeBlock(data));
          if (store.hasBlockIn(series.id, t0, t1) || (series.head.t[0] ?? Infinity) <= t1) {
            inTheWay.push([series, block]);
            continue;
          }
          store.insertBlock(series.id, t0, t1, rows, data);
          for (const day of new Set(block.t.map(dayOf))) store.markDue(series.id, day);
          inserted.push([series, t1]);
        }
        for (const { series: oldId, day, data } of part.rollups.slice(from, from + STEP)) {
          const series = this.#series.get(oldId);
          if (series !== undefined) store.putRollupIfMissing(series.id, day, data);
        }
        return true;
      })
    );
    if (done !== true) return false;
    // memory follows what is committed
    for (const [series, throughUs] of inserted) {
      series.packedThroughUs = Math.max(series.packedThroughUs, throughUs);
      series.packedTail = undefined;
    }
    for (const [series, rows] of inTheWay) {
      for (let i = 0; i < rows.t.length; i++) this.#writer.memory.restore(series, rowAt(rows, i));
    }
    this.#rows += blocks.reduce((sum, { rows }) => sum + rows, 0);
    return true;
  }
}
