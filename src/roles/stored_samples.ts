import type { HistoryWriter } from "../history/history.ts";
import type { TagDefinition, TagId } from "../tags/tag.ts";
import type { StoredSample, TagStore } from "../tags/tag_store.ts";

/** Longest time spent on reading in one turn of the event loop, ms. */
const SLICE_MS = 5;

/**
 * The newest stored sample of each definition that the store does not have yet: a device that comes back shows what is
 * known of it. Reads in slices, as each may take a look into the file.
 */
export async function storedSamples(
  definitions: readonly TagDefinition[],
  tags: TagStore,
  writer: Pick<HistoryWriter, "lastSample">,
): Promise<Map<TagId, StoredSample>> {
  const found = new Map<TagId, StoredSample>();
  await nextTurn();
  let endMs = performance.now() + SLICE_MS;
  for (const { id, type, retentionDays } of definitions) {
    if (retentionDays === null || tags.get(id) !== undefined) continue;
    const sample = writer.lastSample(id, type);
    if (sample !== null) found.set(id, sample);
    if (performance.now() < endMs) continue;
    await nextTurn();
    endMs = performance.now() + SLICE_MS;
  }
  return found;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
