import { Quality, severityOf } from "../tags/quality.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { TagsStatus } from "../telemetry/status.ts";

/** Counts the configured metrics by quality. Diagnostics (`$rssi` …) are left out: nobody waits for them. */
export function countTags(tags: TagStore, samplesPerSecond: number): TagsStatus {
  const counts = { total: 0, good: 0, uncertain: 0, bad: 0, waiting: 0 };
  for (const tag of tags.list()) {
    if (tag.definition.name.startsWith("$") || !tag.definition.enabled) continue;
    counts.total++;
    if (tag.quality === Quality.BadWaitingForInitialData) counts.waiting++;
    else counts[severityOf(tag.quality)]++;
  }
  const { live, backfill } = tags.counters;
  return { ...counts, samplesLive: live, samplesBackfill: backfill, samplesPerSecond };
}
