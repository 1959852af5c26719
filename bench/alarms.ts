import { openAlarms } from "../src/alarms/open_alarms.ts";
import type { LimitAlarmDefinition } from "../src/config/alarm_definition.ts";
import { type Tag, tagId, tagUpdate } from "../src/tags/tag.ts";
import { TagStore } from "../src/tags/tag_store.ts";
import { EventFeed } from "../src/telemetry/event_feed.ts";
import { FaultBoard } from "../src/telemetry/fault_board.ts";
import { tagDefinition } from "../tests/lib/tag_definition.ts";
import { waitFor } from "../tests/lib/wait_for.ts";
import { type BenchOptions, type BenchRow, percentile } from "./bench_row.ts";

const STORM = 5_000;
/** Values of one uplink. */
const BATCH = 10;

/**
 * What alarms cost a tag that has none and one that stays normal; and a storm of 5,000 alarms that become active within
 * a second, in batches of ten: how long each batch and each turn of the loop takes until all are stored and told.
 */
export async function benchAlarms({ full }: BenchOptions): Promise<BenchRow[]> {
  const dataDir = await Deno.makeTempDir({ prefix: "edgekeep-bench-alarms-" });
  const nowUs = () => Date.now() * 1000;
  const names = Array.from({ length: STORM }, (_, n) => ({ group: `${n % 500}`.padStart(16, "0"), name: `m${n}` }));
  const definitions = names.map(({ group, name }): LimitAlarmDefinition => {
    const id = tagId(group, name);
    const severities = { lolo: 800, lo: 500, hi: 500, hihi: 800 };
    const limits = { lolo: null, lo: 0, hi: 30, hihi: 40 };
    return {
      kind: "limit",
      id: `${id}/$alarm`,
      tagId: id,
      name,
      delayMs: 0,
      message: null,
      limits,
      deadband: 1,
      severities,
    };
  });
  const tags = new TagStore({ nowUs });
  tags.define([...names.map((one) => tagDefinition(one)), tagDefinition({ group: "free", name: "free" })]);
  const tagOf = (group: string, name: string) => tags.get(tagId(group, name)) as Tag;
  let timeUs = nowUs();
  const send = (list: readonly Tag[], value: number) => {
    timeUs++;
    tags.update(list.map((tag) => tagUpdate(tag, value, timeUs)));
  };
  const rounds = full ? 400_000 : 50_000;
  const each = (tag: Tag) => {
    for (let i = 0; i < rounds / 10; i++) send([tag], 20);
    const startMs = performance.now();
    for (let i = 0; i < rounds; i++) send([tag], 20 + (i % 5));
    return (performance.now() - startMs) * 1000 / rounds;
  };
  const free = tagOf("free", "free");
  const watched = names.map(({ group, name }) => tagOf(group, name));
  const [first] = watched as [Tag, ...Tag[]];
  const without = { free: each(free), first: each(first) };

  const startMs = performance.now();
  const alarms = openAlarms({
    config: { stale_devices: true, stale_device_severity: 500, journal_retention_days: 365, synchronous: "NORMAL" },
    dataDir,
    definitions,
    tags,
    faults: new FaultBoard(nowUs),
    feed: new EventFeed(nowUs),
    nowUs,
  });
  const openMs = performance.now() - startMs;
  try {
    const having = { free: each(free), first: each(first) };
    let told = 0;
    alarms.subscribe(() => told++);
    send(watched, 20);
    const turns: number[] = [];
    const batches: number[] = [];
    let lastMs = performance.now();
    const beat = setInterval(() => {
      const now = performance.now();
      turns.push(now - lastMs);
      lastMs = now;
    }, 1);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const idleMs = Math.max(...turns.splice(0));
    const beginMs = performance.now();
    for (let at = 0; at < STORM; at += BATCH) {
      const before = performance.now();
      send(watched.slice(at, at + BATCH), 35);
      batches.push(performance.now() - before);
      // 500 batches in a second
      while (performance.now() - beginMs < at / STORM * 1000) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await waitFor("all to be told", () => told >= STORM, { everyMs: 1 });
    const endMs = performance.now();
    clearInterval(beat);
    const page = performance.now();
    alarms.journal({ fromUs: null, toUs: null, direction: "reverse", limit: 1000 });
    const pageMs = performance.now() - page;
    return [
      {
        name: "a sample of a tag without alarm, more than without alarms",
        value: having.free - without.free,
        unit: "µs",
        must: 2,
      },
      { name: "a sample of a tag whose alarm stays as it is, more", value: having.first - without.first, unit: "µs" },
      {
        name: "storm of 5,000 alarms: longest stall of the loop",
        value: Math.max(...turns),
        unit: "ms",
        must: 30,
        note: `idle ${idleMs.toFixed(1)} ms`,
      },
      { name: "storm of 5,000 alarms: batch of ten, p99", value: percentile(batches, 0.99), unit: "ms" },
      { name: "storm of 5,000 alarms: all stored and told after", value: endMs - beginMs, unit: "ms" },
      { name: "newest 1,000 events of the journal", value: pageMs, unit: "ms" },
      { name: "opening with 5,000 alarms", value: openMs, unit: "ms" },
    ];
  } finally {
    await alarms.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}
