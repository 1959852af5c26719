import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { storageSchema } from "../../src/config/schema.ts";
import { HistoryUnavailableError } from "../../src/history/history.ts";
import { openHistory } from "../../src/history/open_history.ts";
import { Quality } from "../../src/tags/quality.ts";
import { tagId, tagUpdate } from "../../src/tags/tag.ts";
import { TagStore } from "../../src/tags/tag_store.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { MemoryHistory } from "../lib/opcua_client_history.ts";
import { type HistoryParams, startOpcUaClient, type WireHistoryResult } from "../lib/opcua_client_process.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";

const DEV = "0102030405060708";
const START_MS = Date.UTC(2026, 3, 1);
const LEVEL = tagId(DEV, "level");
const COUNTER = tagId(DEV, "counter");
const NODE = `ns=2;s=${LEVEL}`;

/** Row `i` lies `i` seconds and 7 µs behind the start. */
function rowTimeUs(i: number): number {
  return (START_MS + i * 1000) * 1000 + 7;
}

Deno.test("raw history over the wire", async (t) => {
  const history = new MemoryHistory();
  history.set(
    LEVEL,
    Array.from({ length: 250 }, (_, i) => ({
      timeUs: rowTimeUs(i),
      serverTimeUs: rowTimeUs(i) + 500_000,
      value: i === 3 ? null : i / 2,
      quality: i === 2 ? Quality.UncertainLastUsableValue : i === 3 ? Quality.BadDecodingError : i === 4 ? 0x401 : 0,
    })),
  );
  const extremes = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1, 2 ** 32, -(2 ** 32) - 1, 0];
  history.set(COUNTER, extremes.map((value, i) => ({ timeUs: rowTimeUs(i), value })));
  let nowUs = Date.now() * 1000;
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [
      testTag(DEV, "level"),
      testTag(DEV, "counter", { type: "Int", dataType: "Int64" }),
      testTag(DEV, "$rssi", { type: "Int", dataType: "Int16", retentionDays: null }),
    ],
    history,
    config: { max_history_data_results_per_node: 100 },
    nowUs: () => nowUs,
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const read = (params: Omit<HistoryParams, "id">) => client.call<WireHistoryResult[]>("history", { id, ...params });
  const one = async (params: Omit<HistoryParams, "id" | "nodes">) => {
    const [result] = await read({ nodes: [NODE], ...params });
    ok(result);
    return result;
  };

  await t.step("every row comes with its value, status and both times", async () => {
    const { status, values } = await one({ startMs: START_MS, endMs: START_MS + 6000 });
    strictEqual(status, "Good");
    deepStrictEqual(values.map((v) => v.value), [0, 0.5, 1, null, 2, 2.5]);
    deepStrictEqual(values.map((v) => v.status), [
      0,
      0,
      Quality.UncertainLastUsableValue,
      Quality.BadDecodingError,
      0x401,
      0,
    ]);
    deepStrictEqual(values.map((v) => v.sourceUs), [0, 1, 2, 3, 4, 5].map(rowTimeUs));
    deepStrictEqual(values.map((v) => v.serverUs), [0, 1, 2, 3, 4, 5].map((i) => rowTimeUs(i) + 500_000));
  });

  await t.step("only the times that were asked for are returned", async () => {
    const source = await one({ startMs: START_MS, endMs: null, count: 1, timestamps: "Source" });
    deepStrictEqual([source.values[0]?.sourceUs, source.values[0]?.serverUs], [rowTimeUs(0), null]);
    const server = await one({ startMs: START_MS, endMs: null, count: 1, timestamps: "Server" });
    deepStrictEqual([server.values[0]?.sourceUs, server.values[0]?.serverUs], [null, rowTimeUs(0) + 500_000]);
    strictEqual(
      (await one({ startMs: START_MS, endMs: null, count: 1, timestamps: "Neither" })).status,
      "BadTimestampsToReturnInvalid",
    );
  });

  await t.step("pages follow each other by continuation points, forwards and backwards", async () => {
    for (const [startMs, endMs] of [[START_MS, START_MS + 250_000], [START_MS + 250_000, START_MS]] as const) {
      const seen: number[] = [];
      let continuationPoint = "";
      const sizes: number[] = [];
      do {
        const result = await one({ startMs, endMs, continuationPoints: [continuationPoint] });
        strictEqual(result.status, "Good");
        seen.push(...result.values.map((v) => v.sourceUs ?? 0));
        sizes.push(result.values.length);
        continuationPoint = result.continuationPoint;
      } while (continuationPoint !== "");
      deepStrictEqual(sizes, [100, 100, 50]);
      const forward = Array.from({ length: 250 }, (_, i) => rowTimeUs(i));
      deepStrictEqual(seen, startMs < endMs ? forward : forward.toReversed());
    }
  });

  await t.step("bounds, reverse and open ends", async () => {
    const bounded = await one({ startMs: START_MS - 1000, endMs: START_MS + 2000, bounds: true });
    deepStrictEqual(bounded.values.map((v) => v.statusName), [
      "BadBoundNotFound",
      "Good",
      "Good",
      "UncertainLastUsableValue",
    ]);
    strictEqual(bounded.values[0]?.sourceUs, (START_MS - 1000) * 1000);
    const newest = await one({ startMs: null, endMs: START_MS + 10_000, count: 2 });
    deepStrictEqual(newest.values.map((v) => v.value), [4.5, 4]);
    strictEqual(newest.continuationPoint, "");
    const nothing = await one({ startMs: START_MS - 9000, endMs: START_MS - 1000 });
    deepStrictEqual([nothing.status, nothing.values.length], ["GoodNoData", 0]);
    strictEqual((await one({ startMs: START_MS, endMs: null })).status, "BadHistoryOperationInvalid");
    strictEqual((await one({ startMs: null, endMs: null, count: 5 })).status, "BadHistoryOperationInvalid");
  });

  await t.step("64-bit integers keep every bit", async () => {
    const [result] = await read({ nodes: [`ns=2;s=${COUNTER}`], startMs: START_MS, endMs: START_MS + 60_000 });
    const words = (result?.values ?? []).map((v) => v.value as [number, number]);
    deepStrictEqual(words.map(([high, low]) => (BigInt(high | 0) << 32n) + BigInt(low)), extremes.map(BigInt));
  });

  await t.step("a node that cannot be read does not fail its neighbours", async () => {
    const results = await read({
      nodes: [NODE, "ns=2;s=nowhere", `ns=2;s=${DEV}/$rssi`, `ns=2;s=${DEV}`, "i=2253", `ns=2;s=${COUNTER}`],
      startMs: START_MS,
      endMs: START_MS + 1000,
    });
    deepStrictEqual(results.map((r) => r.status), [
      "Good",
      "BadNodeIdUnknown",
      "BadHistoryOperationUnsupported",
      "BadHistoryOperationUnsupported",
      "BadHistoryOperationUnsupported",
      "Good",
    ]);
    deepStrictEqual(results.map((r) => r.values.length), [1, 0, 0, 0, 0, 1]);
  });

  await t.step("other kinds of history are refused as unsupported", async () => {
    const result = await one({ details: "modified", startMs: START_MS, endMs: START_MS + 1000 });
    strictEqual(result.status, "BadHistoryOperationUnsupported");
  });

  await t.step("a history that is away says so, and the continuation survives it", async () => {
    history.failure = new HistoryUnavailableError("the reader restarts");
    strictEqual((await one({ startMs: START_MS, endMs: START_MS + 1000 })).status, "BadDataUnavailable");
    history.failure = null;
    const first = await one({ startMs: START_MS, endMs: START_MS + 250_000 });
    history.failure = new HistoryUnavailableError("the reader restarts");
    const failed = await one({
      startMs: START_MS,
      endMs: START_MS + 250_000,
      continuationPoints: [first.continuationPoint],
    });
    strictEqual(failed.status, "BadDataUnavailable");
    history.failure = null;
    const again = await one({
      startMs: START_MS,
      endMs: START_MS + 250_000,
      continuationPoints: [first.continuationPoint],
    });
    deepStrictEqual([again.status, again.values[0]?.sourceUs], ["Good", rowTimeUs(100)]);
    await one({ release: true, continuationPoints: [again.continuationPoint] });
  });

  await t.step("continuation points: unknown, used, released, expired, too many, of another session", async () => {
    const range = { startMs: START_MS, endMs: START_MS + 250_000 };
    const next = async () => (await one(range)).continuationPoint;
    const resume = async (point: string) => (await one({ ...range, continuationPoints: [point] })).status;

    strictEqual(await resume("00112233445566778899aabbccddeeff"), "BadContinuationPointInvalid");
    const used = await next();
    const followed = await one({ ...range, continuationPoints: [used] });
    strictEqual(followed.status, "Good");
    strictEqual(await resume(used), "BadContinuationPointInvalid");
    const released = followed.continuationPoint;
    strictEqual((await one({ ...range, release: true, continuationPoints: [released] })).status, "Good");
    strictEqual(await resume(released), "BadContinuationPointInvalid");
    strictEqual(
      (await one({ ...range, release: true, continuationPoints: [released] })).status,
      "BadContinuationPointInvalid",
    );

    const expired = await next();
    nowUs += 61_000_000;
    strictEqual(await resume(expired), "BadContinuationPointInvalid");

    const mine = await next();
    const other = await client.connect(server.url);
    const [stolen] = await client.call<WireHistoryResult[]>("history", {
      id: other,
      nodes: [NODE],
      ...range,
      continuationPoints: [mine],
    });
    strictEqual(stolen?.status, "BadContinuationPointInvalid");

    const full = { id, nodes: Array(999).fill(NODE), ...range, count: 1 };
    const many = await client.call<WireHistoryResult[]>("history", full);
    deepStrictEqual(new Set(many.map(({ status }) => status)), new Set(["Good"]));
    const beyond = await one(range);
    deepStrictEqual([beyond.status, beyond.values.length], ["BadNoContinuationPoints", 0]);
    // another session has its own
    const [free] = await client.call<WireHistoryResult[]>("history", { id: other, nodes: [NODE], ...range });
    strictEqual(free?.status, "Good");
    strictEqual(await resume(mine), "Good");
    await client.call("close", { id: other });
  });
});

Deno.test("samples that went through the tag store are read back from the history file", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-opcua-history-" });
  const nowUs = () => START_MS * 1000 + 3_600_000_000;
  const tags = new TagStore({ nowUs });
  tags.define([testTag(DEV, "level"), testTag(DEV, "label", { type: "String", dataType: "String" })]);
  const history = await openHistory({
    config: storageSchema.parse({ database_path: `${folder}/history.db`, backup_interval_hours: 0 }),
    dataDir: folder,
    readerUrl: new URL("../../src/history/reader.ts", import.meta.url),
    tags,
    faults: new FaultBoard(nowUs),
    feed: new EventFeed(nowUs),
    nowUs,
  });
  try {
    await using server = await startTestServer({
      devices: [testDevice(DEV)],
      tags: [...tags.list()].map(({ definition }) => definition),
      history: history.queries,
      nowUs,
    });
    server.tags.subscribe((batch) => history.writer.write(batch));
    const level = server.tags.get(LEVEL);
    const label = server.tags.get(tagId(DEV, "label"));
    ok(level && label);
    const start = START_MS * 1000 + 3_600_000_000 - 100_000_000;
    for (let i = 0; i < 60; i++) {
      const quality = i === 7 ? Quality.UncertainEngineeringUnitsExceeded : Quality.Good;
      server.tags.update([tagUpdate(level, i, start + i * 1_000_003, quality), tagUpdate(label, `no ${i}`, start + i)]);
    }
    history.writer.flush();
    await using client = await startOpcUaClient();
    const id = await client.connect(server.url);
    const [numbers, texts] = await client.call<WireHistoryResult[]>("history", {
      id,
      nodes: [NODE, `ns=2;s=${DEV}/label`],
      startMs: start / 1000,
      endMs: start / 1000 + 61_000,
    });
    deepStrictEqual([numbers?.status, texts?.status], ["Good", "Good"]);
    deepStrictEqual(numbers?.values.map((v) => v.value), Array.from({ length: 60 }, (_, i) => i));
    deepStrictEqual(
      numbers?.values.map((v) => v.sourceUs),
      Array.from({ length: 60 }, (_, i) => start + i * 1_000_003),
    );
    strictEqual(numbers?.values[7]?.status, Quality.UncertainEngineeringUnitsExceeded);
    deepStrictEqual(texts?.values.map((v) => v.value), Array.from({ length: 60 }, (_, i) => `no ${i}`));
    const [newest] = await client.call<WireHistoryResult[]>("history", {
      id,
      nodes: [NODE],
      startMs: null,
      endMs: start / 1000 + 100_000,
      count: 3,
    });
    deepStrictEqual(newest?.values.map((v) => v.value), [59, 58, 57]);
  } finally {
    await history.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
