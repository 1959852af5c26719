import { Quality } from "../tags/quality.ts";
import type { MetricType, TagId, TagUpdate } from "../tags/tag.ts";
import type { Edit } from "./block_edit.ts";
import { RowFlag } from "./history.ts";
import type { JournalEntry } from "./journal_codec.ts";
import { isServerMade, lowerBound, putRow, removeRows, type Row, rowAt, stateOf, storedValue } from "./rows.ts";
import { dayOf, isWorthStoring, newSeries, type Series } from "./series.ts";
import type { DueDay, StoredSeries } from "./store.ts";

/** What became of an update. */
export type Intake = "stored" | "duplicate" | "unchanged" | "expired" | "not_kept";

/** What memory needs from outside. */
export interface MemoryOptions {
  /** The newest packed row of a series, read from the file; `null` when there is none or it cannot be read. */
  readonly readPackedTail: (series: Series) => Row | null;
  /** A day's rollup is outdated: told each time, before it is written down. */
  readonly onDue: (series: Series, day: number) => void;
}

/**
 * The half of the history that lives in memory: which series there are, their newest rows (`head`), and what is not in
 * the file yet. Memory is the truth and the file follows: {@link take} changes memory at once and queues what the next commit
 * writes.
 */
export class HistoryMemory {
  readonly #series = new Map<TagId, Series>();
  readonly #byId: (Series | undefined)[] = [];
  readonly #options: MemoryOptions;
  #nextId = 1;
  /** Waiting for the next commit, oldest first. */
  readonly journalQueue: JournalEntry[] = [];
  readonly editQueue: Edit[] = [];
  readonly dueQueue: DueDay[] = [];
  readonly seriesQueue = new Map<number, StoredSeries>();

  constructor(options: MemoryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#series.size;
  }

  /** The largest id of a series; 0 when there is none. */
  get lastId(): number {
    return this.#nextId - 1;
  }

  /** Samples that are not in the file yet. */
  get pending(): number {
    return this.journalQueue.length + this.editQueue.length;
  }

  get(tagId: TagId): Series | undefined {
    return this.#series.get(tagId);
  }

  byId(id: number): Series | undefined {
    return this.#byId[id];
  }

  /** All series, by id. */
  *all(): Generator<Series> {
    for (const series of this.#byId) if (series !== undefined) yield series;
  }

  /** Adds a series that the file knows. */
  load(stored: StoredSeries, packedThroughUs: number | null): Series {
    const series = newSeries(stored.id, stored.tag, stored.type, stored.retentionDays);
    series.packedThroughUs = packedThroughUs ?? -Infinity;
    this.#register(series);
    return series;
  }

  /** Applies a journal entry of the file. Rows that were packed since are passed over. */
  replay(entry: JournalEntry): void {
    const series = this.#byId[entry.series];
    if (series === undefined || entry.t <= series.packedThroughUs) return;
    if (entry.row !== null) {
      putRow(series.head, entry.row);
    } else {
      const at = lowerBound(series.head.t, entry.t);
      if (series.head.t[at] === entry.t) removeRows(series.head, at);
    }
  }

  /** The series of a tag; made when it is new, adjusted when the tag's type or retention changed. */
  seriesOf(tagId: TagId, type: MetricType, retentionDays: number): Series {
    let series = this.#series.get(tagId);
    if (series === undefined) {
      series = newSeries(this.#nextId, tagId, type, retentionDays);
      this.#register(series);
      this.#queueSeries(series);
    } else if (series.type !== type || series.retentionDays !== retentionDays) {
      series.type = type;
      series.retentionDays = retentionDays;
      this.#queueSeries(series);
    }
    return series;
  }

  /** Takes an update as the tag store tells it. */
  take(update: TagUpdate): Intake {
    const { definition } = update.tag;
    if (update.kind === "ignored" || definition.retentionDays === null) return "not_kept";
    const series = this.seriesOf(definition.id, definition.type, definition.retentionDays);
    const t = update.historyTimeUs;
    if (t < series.cutoffUs) return "expired";
    const flags = update.kind === "status"
      ? RowFlag.ServerMade
      : update.kind === "backfill"
      ? RowFlag.Backfill
      : update.counterReset
      ? RowFlag.CounterReset
      : 0;
    // an aggregate that the source computed is plain Good live and marked as calculated here
    const quality = update.quality === Quality.Good ? update.storedQuality ?? Quality.Good : update.quality;
    const row: Row = {
      t,
      lag: update.serverTimeUs - t,
      state: stateOf(quality, flags),
      v: storedValue(update.value),
    };
    const backfill = update.kind === "backfill";
    // a newer sample that was not worth storing also ends what the server-made rows behind it say
    const cleanUntilUs = update.kind === "status" ? t : backfill ? update.tag.sourceTimeUs : Infinity;
    const rules = update.kind === "status" ? null : definition;
    const edit: Edit = { series, t, row, cleanBefore: backfill, cleanUntilUs, definition: rules };
    if (!this.#waits(series, t)) return this.takeIntoHead(edit);
    this.#defer(edit);
    return "stored";
  }

  /** Does to the newest rows what an edit does to packed ones. Its time lies behind all of them. */
  takeIntoHead({ series, t, row, cleanBefore, cleanUntilUs, definition }: Edit): Intake {
    const { head } = series;
    const taken = lowerBound(head.t, t);
    if (row !== null && head.t[taken] === t) {
      if (isServerMade(row.state) || !isServerMade(head.state[taken] as number)) return "duplicate";
      this.#takeOut(series, taken);
    }
    if (cleanBefore) this.#cleanBefore(series, t);
    const next = lowerBound(head.t, t + 1);
    while (
      next < head.t.length && isServerMade(head.state[next] as number) && (head.t[next] as number) < cleanUntilUs
    ) {
      this.#takeOut(series, next);
    }
    if (row === null) return "stored";
    if (definition !== null && (definition.changeOnly || definition.deadband > 0)) {
      const before = lowerBound(head.t, t) - 1;
      const previous = before >= 0 ? rowAt(head, before) : this.#packedTail(series);
      if (!isWorthStoring(definition, previous, row)) return "unchanged";
    }
    this.#put(series, row);
    return "stored";
  }

  /** Edits that are in the file now wait no longer. */
  edited(done: ReadonlySet<Edit>): void {
    for (const { series } of done) series.waitingEdits--;
    this.editQueue.splice(0, Infinity, ...this.editQueue.filter((edit) => !done.has(edit)));
  }

  /** Puts a row that was recovered from a damaged file where no row is. */
  restore(series: Series, row: Row): void {
    if (this.#waits(series, row.t)) {
      this.#defer({ series, t: row.t, row, cleanBefore: false, cleanUntilUs: row.t, definition: null });
    } else if (series.head.t[lowerBound(series.head.t, row.t)] !== row.t) {
      this.#put(series, row);
    }
  }

  journal(entry: JournalEntry): void {
    this.journalQueue.push(entry);
  }

  due(series: Series, timeUs: number): void {
    const day = dayOf(timeUs);
    this.#options.onDue(series, day);
    if (series.dueDay === day) return;
    series.dueDay = day;
    this.dueQueue.push({ series: series.id, day });
  }

  /** The first `count` rows of a series in memory are packed now. */
  packed(series: Series, count: number): void {
    series.packedThroughUs = series.head.t[count - 1] as number;
    series.packedTail = undefined;
    removeRows(series.head, 0, count);
  }

  /** Drops the oldest samples that wait for a commit, and takes them out of memory as well. */
  dropOldest(count: number): void {
    const edits = this.editQueue.splice(0, count);
    for (const { series } of edits) series.waitingEdits--;
    for (const { series, t, row } of this.journalQueue.splice(0, count - edits.length)) {
      const head = this.#byId[series]?.head;
      if (head === undefined || row === null) continue;
      const at = lowerBound(head.t, t);
      if (head.t[at] === t && head.state[at] === row.state) removeRows(head, at);
    }
  }

  /** Drops rows that are past their retention; the journal loses them when it is trimmed. */
  expire(series: Series): number {
    const count = lowerBound(series.head.t, series.cutoffUs);
    if (count > 0) removeRows(series.head, 0, count);
    return count;
  }

  /**
   * A new, empty file is in use: whatever is in memory is queued for it. Blocks stay behind in the old file, so changes
   * that wait for blocks become rows of their own.
   */
  moveToNewFile(): void {
    this.journalQueue.length = 0;
    this.dueQueue.length = 0;
    for (const series of this.all()) {
      series.packedThroughUs = -Infinity;
      series.packedTail = null;
      series.dueDay = NaN;
      this.#queueSeries(series);
      const { head } = series;
      for (let i = 0; i < head.t.length; i++) {
        const row = rowAt(head, i);
        this.journalQueue.push({ series: series.id, t: row.t, row });
        this.due(series, row.t);
      }
    }
    for (const edit of this.editQueue.splice(0)) {
      edit.series.waitingEdits--;
      this.takeIntoHead(edit);
    }
  }

  /** Whether a change at this time has to wait for the next commit: it, or one before it, is about packed rows. */
  #waits(series: Series, timeUs: number): boolean {
    return timeUs <= series.packedThroughUs || series.waitingEdits > 0;
  }

  #defer(edit: Edit): void {
    edit.series.waitingEdits++;
    this.editQueue.push(edit);
  }

  #cleanBefore(series: Series, t: number): void {
    const { head } = series;
    for (let i = lowerBound(head.t, t) - 1; i >= 0; i--) {
      if (!isServerMade(head.state[i] as number)) return;
      this.#takeOut(series, i);
    }
    const tail = this.#packedTail(series);
    if (tail === null || !isServerMade(tail.state)) return;
    this.#defer({ series, t, row: null, cleanBefore: true, cleanUntilUs: t, definition: null });
  }

  #put(series: Series, row: Row): void {
    putRow(series.head, row);
    this.journalQueue.push({ series: series.id, t: row.t, row });
    this.due(series, row.t);
    const nextUs = series.head.t[lowerBound(series.head.t, row.t) + 1];
    // the good time of the next row's day begins with the status that this row leaves
    if (nextUs !== undefined && dayOf(nextUs) !== dayOf(row.t)) this.due(series, nextUs);
  }

  #takeOut(series: Series, at: number): void {
    const t = series.head.t[at] as number;
    removeRows(series.head, at);
    this.journalQueue.push({ series: series.id, t, row: null });
    this.due(series, t);
  }

  #packedTail(series: Series): Row | null {
    if (series.packedTail === undefined) series.packedTail = this.#options.readPackedTail(series);
    return series.packedTail;
  }

  #register(series: Series): void {
    this.#series.set(series.tagId, series);
    this.#byId[series.id] = series;
    this.#nextId = Math.max(this.#nextId, series.id + 1);
  }

  #queueSeries({ id, tagId, type, retentionDays }: Series): void {
    this.seriesQueue.set(id, { id, tag: tagId, type, retentionDays });
  }
}
