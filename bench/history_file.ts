import { join } from "node:path";
import { storageSchema } from "../src/config/schema.ts";
import type { HistoryQueries } from "../src/history/history.ts";
import { type History, openHistory } from "../src/history/open_history.ts";
import { type Tag, type TagDefinition, tagId, tagUpdate } from "../src/tags/tag.ts";
import { TagStore } from "../src/tags/tag_store.ts";
import { EventFeed } from "../src/telemetry/event_feed.ts";
import { FaultBoard } from "../src/telemetry/fault_board.ts";
import { startTestServer, testDevice, testTag } from "../tests/lib/opcua_client_gateway.ts";
import { startOpcUaClient } from "../tests/lib/opcua_client_process.ts";
import { type BenchOptions, type BenchRow, percentile } from "./bench_row.ts";

const DEVICES = 100;
const TAGS_A_DEVICE = 4;
const STEP_US = 10_000_000;
/** Seven days of a sample each ten seconds. */
const WEEK_ROWS = 60_480;
const ALL_ROWS = DEVICES * TAGS_A_DEVICE * WEEK_ROWS;
const BEGIN_US = Date.UTC(2026, 0, 5) * 1000;
const DAY_US = 86_400_000_000;

/**
 * The file of 100 devices with four metrics each, a changing value each ten seconds: its size, what a week of one
 * metric costs to read (cold: the first read after the file was opened, its pages dropped from the system's cache where
 * that is allowed), the hourly mean of it, and deleting a day of everything. Quick: one metric has the whole week, the
 * others their last seven hours; full: all of them the week, 24.2 million rows.
 */
export async function benchHistoryFile({ full }: BenchOptions): Promise<BenchRow[]> {
  const dataDir = await Deno.makeTempDir({ prefix: "edgekeep-bench-" });
  const clock = { nowUs: BEGIN_US };
  const faults = new FaultBoard(() => clock.nowUs);
  const feed = new EventFeed(() => clock.nowUs);
  const tags = new TagStore({ nowUs: () => clock.nowUs });
  const devices = Array.from({ length: DEVICES }, (_, n) => testDevice(n.toString(16).padStart(16, "0")));
  const definitions = (retentionDays: number): TagDefinition[] =>
    devices.flatMap(({ devEui }) =>
      Array.from({ length: TAGS_A_DEVICE }, (_, n) => testTag(devEui, `m${n}`, { retentionDays }))
    );
  tags.define(definitions(365));
  const all = [...tags.list()];
  const watched = tagId(devices[0]?.devEui ?? "", "m0");
  const path = join(dataDir, "history.db");
  const open = () =>
    openHistory({
      config: storageSchema.parse({ database_path: path, backup_interval_hours: 0 }),
      dataDir,
      readerUrl: new URL("../src/history/reader.ts", import.meta.url),
      tags,
      faults,
      feed,
      nowUs: () => clock.nowUs,
    });
  const rows: BenchRow[] = [];
  try {
    let history = await open();
    const ownBegin = performance.now();
    const written = await fill(history, tags, all, watched, clock, full ? 0 : WEEK_ROWS - WEEK_ROWS / 24);
    rows.push({
      name: "writing, packing and rolling up",
      value: written / ((performance.now() - ownBegin) / 1000),
      unit: "rows/s",
      note: `${written.toLocaleString("en-US")} rows`,
    });
    await history.stop();
    const { size } = await Deno.stat(path);
    const share = written / ALL_ROWS;
    rows.push({
      name: `history file for ${(ALL_ROWS / 1e6).toFixed(1)} M rows${full ? "" : ", by rule of three"}`,
      value: size / share / 1e9,
      unit: "GB",
      must: 0.75,
      aim: 0.3,
      note: `${(size / written).toFixed(1)} bytes a row`,
    });

    await dropFileCache(path);
    history = await open();
    rows.push({
      name: "raw read of a week of one metric, 60,480 rows, cold",
      value: await seconds(() => readWeek(history.queries, watched)),
      unit: "s",
      must: 0.6,
      aim: 0.3,
    });
    rows.push({
      name: "the same, warm",
      value: await median(() => readWeek(history.queries, watched)),
      unit: "s",
      must: 0.1,
      aim: 0.05,
    });
    rows.push(...await throughOpcUa(history, devices[0]?.devEui ?? "", clock));
    rows.push({
      name: "hourly mean of a week of one metric, warm",
      value: await median(async () => {
        const query = { tagId: watched, fromUs: BEGIN_US, toUs: BEGIN_US + 7 * DAY_US, bucketUs: 3_600_000_000 };
        if ((await history.queries.readBuckets(query)).length !== 168) throw new Error("Expected 168 buckets");
      }) * 1000,
      unit: "ms",
      must: 50,
      aim: 10,
    });
    rows.push(...await pruneDay(history, tags, definitions(7), clock));
    await history.stop();
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
  return rows;
}

/** Writes a week: `watched` from its begin, all others from row `othersFrom` on. Returns the number of rows. */
async function fill(
  history: History,
  tags: TagStore,
  all: readonly Tag[],
  watched: string,
  clock: { nowUs: number },
  othersFrom: number,
): Promise<number> {
  const values = all.map((_, n) => n);
  const leave = tags.subscribe((batch) => history.writer.write(batch));
  let written = 0;
  let random = 1;
  for (let row = 0; row < WEEK_ROWS; row++) {
    clock.nowUs = BEGIN_US + row * STEP_US;
    const batch = [];
    for (const [n, tag] of all.entries()) {
      if (row < othersFrom && tag.id !== watched) continue;
      // a walk in hundredths, as a sensor of two decimals gives it
      random = random * 1_103_515_245 + 12_345 & 0x7fffffff;
      values[n] = Math.round(((values[n] ?? 0) + (random % 2 === 0 ? 0.01 : -0.01) * (1 + random % 7)) * 100) / 100;
      // no two devices send in the same millisecond
      batch.push(tagUpdate(tag, values[n] ?? 0, clock.nowUs - (n >> 2) * 97_003));
    }
    tags.update(batch);
    written += batch.length;
    if (row % 25 === 24) history.writer.flush();
    if (row % (row < othersFrom ? 10_000 : 250) === 249) await history.tidy();
  }
  history.writer.flush();
  await history.tidy();
  leave();
  return written;
}

async function readWeek(queries: HistoryQueries, id: Tag["id"]): Promise<void> {
  const page = await queries.readRaw({ tagId: id, fromUs: null, toUs: null, direction: "forward", limit: 1_000_000 });
  if (page.count !== WEEK_ROWS) throw new Error(`Expected ${WEEK_ROWS} rows, read ${page.count}`);
}

async function throughOpcUa(history: History, devEui: string, clock: { readonly nowUs: number }): Promise<BenchRow[]> {
  await using server = await startTestServer({
    devices: [testDevice(devEui)],
    tags: [testTag(devEui, "m0")],
    history: history.queries,
    nowUs: () => clock.nowUs,
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const node = `ns=2;s=${devEui}/m0`;
  const span = { startMs: BEGIN_US / 1000 - 60_000, endMs: (BEGIN_US + 7 * DAY_US) / 1000 };
  const took: number[] = [];
  for (let n = 0; n < 7; n++) {
    const { values, ms } = await client.call<{ values: number; ms: number }>("historyAll", { id, node, ...span });
    if (values !== WEEK_ROWS) throw new Error(`Expected ${WEEK_ROWS} rows, read ${values}`);
    took.push(ms / 1000);
  }
  const timesUs = Array.from({ length: 1000 }, (_, i) => BEGIN_US + i * 600_000_000);
  return [
    {
      name: "the same through OPC UA, SignAndEncrypt, warm",
      value: percentile(took, 0.5),
      unit: "s",
      must: 0.6,
      aim: 0.25,
    },
    // the first comes from the rollups, the others from the rows
    await computed("hourly Average of the week through OPC UA, warm", 168, processed(2342), { must: 50, aim: 10 }),
    await computed("hourly TimeAverage of it", 168, processed(2343), { must: 50 }),
    await computed("hourly Minimum of it", 168, processed(2346), { must: 50 }),
    await computed("1,000 values of it at given times", 1000, {
      $type: "ReadAtTimeDetails",
      reqTimes: timesUs.map((timeUs) => ({ $date: timeUs / 1000 })),
      useSimpleBounds: false,
    }, {}),
    ...await largest(),
  ];

  /** The largest answer there is: pages of 20 nodes. Who else wants the event loop waits for the stall. */
  async function largest(): Promise<BenchRow[]> {
    const rates: number[] = [];
    const stalls: number[] = [];
    let count = 0;
    for (let n = 0; n < 7; n++) {
      const stall = watchStalls();
      const ask = { id, nodes: new Array(20).fill(node), ...span };
      const { values, ms } = await client.call<{ values: number; ms: number }>("historyOnce", ask);
      stalls.push(stall());
      rates.push(ms / 1000);
      count = values;
    }
    const note = `${count.toLocaleString("en-US")} values of 20 nodes`;
    return [
      { name: "the largest answer through OPC UA", value: percentile(rates, 0.5), unit: "s", note },
      { name: "longest stall of it, median of 7", value: percentile(stalls, 0.5), unit: "ms", must: 100, aim: 30 },
    ];
  }

  function processed(aggregate: number): Record<string, unknown> {
    return {
      $type: "ReadProcessedDetails",
      startTime: { $date: BEGIN_US / 1000 },
      endTime: { $date: (BEGIN_US + 7 * DAY_US) / 1000 },
      processingInterval: 3_600_000,
      aggregateType: [`i=${aggregate}`],
      aggregateConfiguration: { useServerCapabilitiesDefaults: true },
    };
  }

  /** The median of a request, with the way to the client's process and back. */
  async function computed(
    name: string,
    count: number,
    details: Record<string, unknown>,
    goal: { must?: number; aim?: number },
  ): Promise<BenchRow> {
    const value = await median(async () => {
      const { results: [result] } = await client.call<
        { results: { statusCode: string; historyData: { dataValues: { value: unknown }[] } }[] }
      >("service", {
        id,
        service: "HistoryRead",
        fields: { historyReadDetails: details, timestampsToReturn: 0, nodesToRead: [{ nodeId: node }] },
      });
      const values = result?.historyData.dataValues ?? [];
      if (values.length !== count || values.some(({ value }) => value === null)) {
        throw new Error(`Expected ${count} values, got ${values.length}: ${result?.statusCode}`);
      }
    }) * 1000;
    return { name, value, unit: "ms", ...goal };
  }
}

async function pruneDay(
  history: History,
  tags: TagStore,
  shorter: readonly TagDefinition[],
  clock: { nowUs: number },
): Promise<BenchRow[]> {
  // eight days after the begin, with seven to keep, the first day is too old
  const newest = [...tags.list()].map((tag) => tagUpdate(tag, 0, BEGIN_US + 8 * DAY_US));
  clock.nowUs = BEGIN_US + 8 * DAY_US;
  tags.define(shorter);
  const leave = tags.subscribe((batch) => history.writer.write(batch));
  tags.update(newest);
  history.writer.flush();
  leave();
  const before = history.writer.status().rowsPruned;
  const stall = watchStalls();
  const value = await seconds(() => history.tidy());
  const longestMs = stall();
  const pruned = history.writer.status().rowsPruned - before;
  return [
    { name: "deleting what is past retention", value, unit: "s", note: `${pruned.toLocaleString("en-US")} rows` },
    { name: "longest stall meanwhile", value: longestMs, unit: "ms", must: 100, aim: 30 },
  ];
}

/** Watches the event loop until the returned function is called, which says how long it was kept at most, ms. */
function watchStalls(): () => number {
  let longestMs = 0;
  let turnMs = performance.now();
  const look = () => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - turnMs - 1);
    turnMs = nowMs;
  };
  const watch = setInterval(look, 1);
  return () => {
    clearInterval(watch);
    look();
    return longestMs;
  };
}

/** Asks the system to forget the file's pages; passes over where that is not allowed. */
async function dropFileCache(path: string): Promise<void> {
  await new Deno.Command("dd", {
    args: [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"],
    stdout: "null",
    stderr: "null",
  }).output().catch(() => {});
}

async function seconds(run: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await run();
  return (performance.now() - startMs) / 1000;
}

async function median(run: () => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < 7; n++) took.push(await seconds(run));
  return percentile(took, 0.5);
}
