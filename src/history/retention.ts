import type { TagStore } from "../tags/tag_store.ts";
import { DamagedBlockError, decodeBlock, rowsOfBlock } from "./block_codec.ts";
import { saveRows } from "./block_edit.ts";
import type { HistoryMemory } from "./memory.ts";
import { lowerBound, removeRows } from "./rows.ts";
import { DAY_US, dayOf, type Series } from "./series.ts";
import type { HistoryStore } from "./store.ts";

const ROLLUPS_AT_ONCE = 64;

/** What retention goes by. */
export interface RetentionOptions {
  readonly memory: HistoryMemory;
  readonly tags: TagStore;
  readonly rollupRetentionDays: number;
  readonly nowUs: () => number;
}

/**
 * One round of retention over all series: rows older than the tag's retention go, whole days at a time, rollups later.
 * The generator is advanced inside transactions and pauses after each bit of work, with the number of rows deleted.
 *
 * Age is measured from the clock or from the newest sample, whichever is earlier: a clock that jumps ahead must not
 * delete what was measured last.
 */
export function* prune(store: HistoryStore, options: RetentionOptions): Generator<number, void> {
  const { memory, tags, rollupRetentionDays } = options;
  const agesFromUs = Math.min(options.nowUs(), newestUs(memory));
  if (agesFromUs === -Infinity) return;
  const rollupDay = dayOf(agesFromUs - rollupRetentionDays * DAY_US);
  for (let id = 1; id <= memory.lastId; id++) {
    yield 0;
    const series = memory.byId(id);
    if (series === undefined) continue;
    const days = tags.get(series.tagId)?.definition.retentionDays ?? series.retentionDays;
    // whole days, so that a day's rollup is never built from a part of its rows; days that wait for theirs stay
    const day = Math.min(dayOf(agesFromUs - days * DAY_US), store.oldestDue(id) ?? Infinity);
    series.cutoffUs = day * DAY_US;
    const expired = memory.expire(series);
    if (expired > 0) yield expired;
    yield* pruneBlocks(store, series);
    while (store.hasRollupBefore(id, rollupDay)) {
      store.deleteRollupsBefore(id, rollupDay, ROLLUPS_AT_ONCE);
      yield 0;
    }
  }
}

function* pruneBlocks(store: HistoryStore, series: Series): Generator<number, void> {
  for (;;) {
    const oldest = store.oldestBlock(series.id);
    if (oldest === null || oldest.t0 >= series.cutoffUs) return;
    if (oldest.t1 < series.cutoffUs) {
      const rows = store.rowsOfBlock(oldest.id);
      store.deleteBlock(oldest.id);
      yield rows;
      continue;
    }
    // the block reaches over the cutoff: the older part goes
    const stored = store.blockAtOrBefore(series.id, oldest.t0);
    if (stored === null) return;
    try {
      const rows = rowsOfBlock(decodeBlock(stored.data));
      const count = lowerBound(rows.t, series.cutoffUs);
      removeRows(rows, 0, count);
      saveRows(store, series.id, stored.id, rows);
      yield count;
    } catch (error) {
      // a damaged block stays until all of it is old
      if (!(error instanceof DamagedBlockError)) throw error;
    }
    return;
  }
}

function newestUs(memory: HistoryMemory): number {
  let newest = -Infinity;
  for (const { head, packedThroughUs } of memory.all()) {
    newest = Math.max(newest, head.t[head.t.length - 1] ?? packedThroughUs);
  }
  return newest;
}
