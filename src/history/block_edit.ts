import type { TagDefinition } from "../tags/tag.ts";
import { decodeBlock, rowsOfBlock } from "./block_codec.ts";
import { piecesOf } from "./block_pieces.ts";
import type { JournalEntry } from "./journal_codec.ts";
import { emptyRows, isServerMade, lowerBound, putRow, removeRows, type Row, rowAt, type Rows } from "./rows.ts";
import { isWorthStoring, type Series } from "./series.ts";
import type { HistoryStore, StoredBlock } from "./store.ts";

/** A change among rows that are packed already, or that has to wait behind such a one. */
export interface Edit {
  readonly series: Series;
  readonly t: number;
  /** The row to put at `t`; `null` only cleans. */
  readonly row: Row | null;
  /** Take out the server-made rows between `t` and the real row before it. */
  readonly cleanBefore: boolean;
  /** Take out the server-made rows between `t` and the real row after it, but none at or after this time. */
  readonly cleanUntilUs: number;
  /** Whose rules decide whether an unchanged value is stored; `null` stores in any case. */
  readonly definition: TagDefinition | null;
}

/** Where an edit reports what it did besides changing blocks. */
export interface EditSink {
  /** A row was taken out of memory: to be journaled behind what waits already. */
  journal(entry: JournalEntry): void;
  /** A row was taken out of a block: to be journaled in this transaction, lest an older record brings it back. */
  blockRowTaken(entry: JournalEntry): void;
  /** The rollup of the day of this time is outdated. */
  due(series: Series, timeUs: number): void;
  /** This edit is about rows in memory; it waited behind others. */
  intoHead(edit: Edit): void;
}

interface Segment {
  /** `null` for a block that is not in the file yet. */
  readonly id: number | null;
  /** Time of its first row in the file, by which its neighbours are found. */
  readonly storedT0: number;
  readonly rows: Rows;
  changed: boolean;
}

/**
 * Applies edits of one series inside the caller's transaction: the blocks concerned are unpacked, changed, and packed
 * again. Returns how many rows were put; rows whose time is taken by a real row already are passed over.
 * Throws {@link import("./block_codec.ts").DamagedBlockError} when a block concerned cannot be read.
 */
export function applyEdits(store: HistoryStore, series: Series, edits: readonly Edit[], sink: EditSink): number {
  let blocks = new OpenBlocks(store, series.id);
  const save = () => {
    blocks.save();
    series.packedTail = undefined;
  };
  let put = 0;
  for (const edit of edits) {
    if (edit.t <= series.packedThroughUs) {
      if (applyEdit(blocks, edit, sink)) put++;
    } else if (edit.row === null) {
      // rows in memory were cleaned when it was made: what is left is in blocks
      applyEdit(blocks, edit, sink);
    } else {
      // it may look at what the edits before it left in the file
      save();
      blocks = new OpenBlocks(store, series.id);
      sink.intoHead(edit);
    }
  }
  save();
  return put;
}

function applyEdit(blocks: OpenBlocks, edit: Edit, sink: EditSink): boolean {
  const { series, t, row } = edit;
  const segment = blocks.covering(t);
  const { rows } = segment;
  const taken = lowerBound(rows.t, t);
  if (row !== null && rows.t[taken] === t) {
    if (isServerMade(row.state) || !isServerMade(rows.state[taken] as number)) return false;
    takeOut(segment, taken, series, sink);
  }
  if (edit.cleanBefore) cleanBefore(blocks, segment, edit, sink);
  if (edit.cleanUntilUs > t) cleanAfter(blocks, segment, edit, sink);
  if (row === null) return false;
  const at = lowerBound(rows.t, t);
  if (edit.definition !== null && !isWorthStoring(edit.definition, blocks.rowBefore(segment, at), row)) return false;
  putRow(rows, row);
  segment.changed = true;
  sink.due(series, t);
  // the good time of the next row's day begins with the status that this row leaves
  const nextUs = rows.t[at + 1] ?? blocks.nextStartUs(segment) ?? series.head.t[0];
  if (nextUs !== undefined) sink.due(series, nextUs);
  return true;
}

function cleanBefore(blocks: OpenBlocks, from: Segment, { series, t }: Edit, sink: EditSink): void {
  for (let segment: Segment | null = from; segment !== null; segment = blocks.before(segment)) {
    const { rows } = segment;
    for (let i = lowerBound(rows.t, t) - 1; i >= 0; i--) {
      if (!isServerMade(rows.state[i] as number)) return;
      takeOut(segment, i, series, sink);
    }
  }
}

function cleanAfter(blocks: OpenBlocks, from: Segment, { series, t, cleanUntilUs }: Edit, sink: EditSink): void {
  for (let segment: Segment | null = from; segment !== null; segment = blocks.after(segment)) {
    const { rows } = segment;
    const first = lowerBound(rows.t, t + 1);
    while (first < rows.t.length) {
      if (!isServerMade(rows.state[first] as number) || (rows.t[first] as number) >= cleanUntilUs) return;
      takeOut(segment, first, series, sink);
    }
  }
  const { head } = series;
  while (head.t.length > 0 && isServerMade(head.state[0] as number) && (head.t[0] as number) < cleanUntilUs) {
    const timeUs = head.t[0] as number;
    removeRows(head, 0);
    sink.journal({ series: series.id, t: timeUs, row: null });
    sink.due(series, timeUs);
  }
}

function takeOut(segment: Segment, at: number, series: Series, sink: EditSink): void {
  const timeUs = segment.rows.t[at] as number;
  removeRows(segment.rows, at);
  segment.changed = true;
  sink.blockRowTaken({ series: series.id, t: timeUs, row: null });
  sink.due(series, timeUs);
}

/** The blocks of one series that edits touch, unpacked once and saved together. */
class OpenBlocks {
  readonly #store: HistoryStore;
  readonly #series: number;
  readonly #open = new Map<number, Segment>();
  #fresh: Segment | null = null;

  constructor(store: HistoryStore, series: number) {
    this.#store = store;
    this.#series = series;
  }

  /** The block that `timeUs` belongs to: the last that begins before it, else the first, else a new one. */
  covering(timeUs: number): Segment {
    const stored = this.#store.blockAtOrBefore(this.#series, timeUs) ?? this.#store.blockAfter(this.#series, timeUs);
    if (stored !== null) return this.#openBlock(stored);
    return this.#fresh ??= { id: null, storedT0: NaN, rows: emptyRows(), changed: false };
  }

  before(segment: Segment): Segment | null {
    if (segment.id === null) return null;
    const stored = this.#store.blockAtOrBefore(this.#series, segment.storedT0 - 1);
    return stored === null ? null : this.#openBlock(stored);
  }

  after(segment: Segment): Segment | null {
    if (segment.id === null) return null;
    const stored = this.#store.blockAfter(this.#series, segment.storedT0);
    return stored === null ? null : this.#openBlock(stored);
  }

  /** The row before index `at` of a block, wherever it lies. */
  rowBefore(segment: Segment, at: number): Row | null {
    for (let place: Segment | null = segment, end = at; place !== null;) {
      if (end > 0) return rowAt(place.rows, end - 1);
      place = this.before(place);
      end = place?.rows.t.length ?? 0;
    }
    return null;
  }

  /** Time at which the next block begins. */
  nextStartUs(segment: Segment): number | undefined {
    return this.after(segment)?.rows.t[0];
  }

  save(): void {
    for (const segment of [...this.#open.values(), ...(this.#fresh === null ? [] : [this.#fresh])]) {
      if (segment.changed) saveRows(this.#store, this.#series, segment.id, segment.rows);
    }
  }

  #openBlock(stored: StoredBlock): Segment {
    let segment = this.#open.get(stored.id);
    if (segment === undefined) {
      const rows = rowsOfBlock(decodeBlock(stored.data));
      this.#open.set(stored.id, segment = { id: stored.id, storedT0: stored.t0, rows, changed: false });
    }
    return segment;
  }
}

/** Packs `rows` in place of block `id` (`null`: of none), in as many blocks as they need. Returns how many these are. */
export function saveRows(store: HistoryStore, series: number, id: number | null, rows: Rows): number {
  if (rows.t.length === 0) {
    if (id !== null) store.deleteBlock(id);
    return 0;
  }
  const pieces = piecesOf(rows);
  pieces.forEach(({ from, to, data }, i) => {
    const t0 = rows.t[from] as number;
    const t1 = rows.t[to - 1] as number;
    if (i === 0 && id !== null) store.updateBlock(id, t0, t1, to - from, data);
    else store.insertBlock(series, t0, t1, to - from, data);
  });
  return pieces.length;
}
