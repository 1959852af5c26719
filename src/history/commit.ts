import { DamagedBlockError } from "./block_codec.ts";
import { applyEdits, type Edit, type EditSink } from "./block_edit.ts";
import { encodeJournal, type JournalEntry } from "./journal_codec.ts";
import type { HistoryMemory } from "./memory.ts";
import type { Series } from "./series.ts";
import type { DueDay, HistoryStore } from "./store.ts";

/** Most of each kind that one transaction takes, so that it stays a matter of milliseconds. */
const MOST_SERIES = 500;
const MOST_ENTRIES = 2500;
const MOST_EDITS = 2000;

/** What one commit wrote. */
export interface Committed {
  /** Rows that are in the file now and were not before. */
  readonly rows: number;
  readonly journalEntries: number;
  readonly journalBytes: number;
  readonly journalRecords: number;
}

/** What a commit needs. */
export interface CommitOptions {
  /** Id of the next journal record. */
  readonly nextJournalId: number;
  /** Changes of packed rows stop after this time; the rest waits for the next commit. */
  readonly budgetMs: number;
  /** A block that cannot be read: edits of its series are dropped. */
  readonly onDamaged: (series: Series, error: unknown) => void;
}

/**
 * Writes what waits in memory, or a good part of it, in one transaction. The queues are shortened after the commit
 * alone, so a failed one changes nothing and can be repeated.
 */
export function commitPending(store: HistoryStore, memory: HistoryMemory, options: CommitOptions): Committed {
  const seriesIds = [...memory.seriesQueue.keys()].slice(0, MOST_SERIES);
  const done = new Set<Edit>();
  const taken: JournalEntry[] = [];
  let dues = 0;
  let entries = 0;
  const result = store.transact(() => {
    for (const id of seriesIds) {
      const series = memory.seriesQueue.get(id);
      if (series !== undefined) store.putSeries(series);
    }
    let rows = 0;
    let journalBytes = 0;
    let journalRecords = 0;
    const append = (record: Uint8Array) => {
      store.appendJournal(options.nextJournalId + journalRecords++, record);
      journalBytes += record.length;
    };
    // rows never reach the file before their series
    if (seriesIds.length === memory.seriesQueue.size) {
      rows += applyQueuedEdits(store, memory, taken, done, options);
      entries = Math.min(memory.journalQueue.length, MOST_ENTRIES);
      if (taken.length > 0) append(encodeJournal(taken));
      if (entries > 0) append(encodeJournal(memory.journalQueue, 0, entries));
      for (let i = 0; i < entries; i++) if (memory.journalQueue[i]?.row !== null) rows++;
    }
    dues = memory.dueQueue.length;
    for (const { series, day } of memory.dueQueue as readonly DueDay[]) store.markDue(series, day);
    return { rows, journalEntries: entries + taken.length, journalBytes, journalRecords };
  });
  for (const id of seriesIds) memory.seriesQueue.delete(id);
  memory.journalQueue.splice(0, entries);
  memory.dueQueue.splice(0, dues);
  if (done.size > 0) memory.edited(done);
  return result;
}

function applyQueuedEdits(
  store: HistoryStore,
  memory: HistoryMemory,
  taken: JournalEntry[],
  done: Set<Edit>,
  options: CommitOptions,
): number {
  if (memory.editQueue.length === 0) return 0;
  const groups = new Map<Series, Edit[]>();
  for (const edit of memory.editQueue.slice(0, MOST_EDITS)) {
    const group = groups.get(edit.series);
    if (group === undefined) groups.set(edit.series, [edit]);
    else group.push(edit);
  }
  const sink: EditSink = {
    journal: (entry) => memory.journal(entry),
    blockRowTaken: (entry) => taken.push(entry),
    due: (series, timeUs) => memory.due(series, timeUs),
    intoHead: (edit) => memory.takeIntoHead(edit),
  };
  const deadline = performance.now() + options.budgetMs;
  let rows = 0;
  for (const [series, edits] of groups) {
    try {
      rows += applyEdits(store, series, edits, sink);
    } catch (error) {
      if (!(error instanceof DamagedBlockError)) throw error;
      options.onDamaged(series, error);
    }
    for (const edit of edits) done.add(edit);
    if (performance.now() >= deadline) break;
  }
  return rows;
}
