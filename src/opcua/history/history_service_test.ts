import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  BinaryStream,
  HistoryData,
  HistoryReadRequest,
  type HistoryReadRequestOptions,
  type HistoryReadResult,
  type ISessionContext,
  ReadProcessedDetails,
  ReadRawModifiedDetails,
  TimestampsToReturn,
} from "node-opcua";
import type { HistoryQueries } from "../../history/history.ts";
import type { TagNode, TagNodes } from "../space/tag_nodes.ts";
import { type HistoryService, historyService } from "./history_service.ts";

const AVERAGE = "i=2342";
const refuse = () => Promise.reject(new Error("not used"));

interface World {
  readonly service: HistoryService;
  readonly signals: AbortSignal[];
}

/** A service over nodes `m0`, `m1`, … whose every interval is 1. */
function world(compute?: HistoryQueries["readProcessed"], readRaw: HistoryQueries["readRaw"] = refuse): World {
  const signals: AbortSignal[] = [];
  const node = (id: string) =>
    ({
      tag: { id },
      definition: { id, type: "Float", retentionDays: 7 },
      dataType: id.endsWith("text") ? "String" : "Double",
    }) as unknown as TagNode;
  const service = historyService({
    nodes: {
      get: (id: string) => id.startsWith("m") ? node(id) : undefined,
      exists: () => false,
    } as unknown as TagNodes,
    queries: {
      readRaw,
      readBuckets: refuse,
      readAtTime: refuse,
      backup: refuse,
      readProcessed: (query, signal) => {
        if (signal !== undefined) signals.push(signal);
        return compute?.(query, signal) ?? Promise.resolve({
          count: query.limit,
          timesUs: new Float64Array(query.limit).fill(query.startUs + query.first * query.intervalUs),
          values: new Float64Array(query.limit).fill(1),
          statuses: new Uint32Array(query.limit),
        });
      },
    },
    events: { read: refuse, release: () => {} },
    maxValuesPerNode: 10_000,
    namespaceIndex: 2,
    nowUs: () => 0,
  });
  return { service, signals };
}

function request(nodes: readonly string[], points: readonly (Uint8Array | null)[] = []): HistoryReadRequest {
  return new HistoryReadRequest({
    historyReadDetails: new ReadProcessedDetails({
      startTime: new Date(1_700_000_000_000),
      endTime: new Date(1_703_600_000_000),
      processingInterval: 1000,
      aggregateType: nodes.map(() => AVERAGE) as never,
      aggregateConfiguration: { useServerCapabilitiesDefaults: true },
    }),
    timestampsToReturn: TimestampsToReturn.Source,
    nodesToRead: nodes.map((nodeId, i) => ({ nodeId: `ns=2;s=${nodeId}`, continuationPoint: points[i] ?? null })),
  } as unknown as HistoryReadRequestOptions);
}

/** The values as a client decodes them. */
function valuesOf(result: HistoryReadResult | undefined) {
  const { historyData } = result ?? {};
  ok(historyData);
  const stream = new BinaryStream(historyData.binaryStoreSize());
  historyData.encode(stream);
  stream.rewind();
  const data = new HistoryData();
  data.decode(stream);
  return data.dataValues ?? [];
}

const session = { session: {} } as unknown as ISessionContext;

Deno.test("an answer holds at most 200,000 values; nodes beyond get a place to go on from", async () => {
  const { service } = world();
  const nodes = Array.from({ length: 22 }, (_, i) => `m${i}`);
  const results = await service.read(session, request(nodes));
  const counts = results.map((result) => valuesOf(result).length);
  deepStrictEqual(counts, [...new Array(20).fill(10_000), 0, 0]);
  strictEqual(results.every(({ statusCode }) => statusCode.isGood()), true);
  const point = results[21]?.continuationPoint;
  ok(point);
  const [later] = await service.read(session, request(["m21"], [point]));
  const values = valuesOf(later);
  deepStrictEqual([values.length, values[0]?.sourceTimestamp?.getTime()], [10_000, 1_700_000_000_000]);
});

/** A history of 3,000 texts of 1,000 bytes, a second apart from 1 s on. */
const longTexts: HistoryQueries["readRaw"] = ({ after, limit }) => {
  const begin = (after?.timeUs ?? 0) / 1_000_000;
  const count = Math.min(limit, 3000 - begin);
  const timesUs = Float64Array.from({ length: count }, (_, i) => (begin + i + 1) * 1_000_000);
  return Promise.resolve({
    count,
    timesUs,
    serverTimesUs: timesUs,
    qualities: new Uint32Array(count),
    flags: new Uint8Array(count),
    values: Array.from(timesUs, (timeUs) => String(timeUs / 1_000_000).padEnd(1000, ".")),
    next: begin + count < 3000 ? { timeUs: (begin + count) * 1_000_000 } : null,
  });
};

for (
  const [name, channel, most] of [
    ["4 MB", undefined, 4_000_000],
    ["what the client takes", { getMaxResponseBodySize: () => 100_000 }, 100_000],
  ] as const
) {
  Deno.test(`an answer holds at most ${name} of long texts, and what is beyond follows without a gap`, async () => {
    const { service } = world(undefined, longTexts);
    const context = { session: { channel } } as unknown as ISessionContext;
    const nodes = ["m0text", "m1text"];
    const seen = nodes.map((): string[] => []);
    let points: (Uint8Array | null)[] = nodes.map(() => null);
    for (let answers = 0; points.some((point, i) => point !== null || seen[i]?.length === 0); answers++) {
      ok(answers < 100, "the read does not end");
      const asked = nodes.map((_, i) => i).filter((i) => points[i] !== null || seen[i]?.length === 0);
      const wanted = new HistoryReadRequest({
        historyReadDetails: new ReadRawModifiedDetails({
          startTime: new Date(1),
          endTime: new Date(10_000_000),
        }),
        timestampsToReturn: TimestampsToReturn.Both,
        nodesToRead: asked.map((i) => ({ nodeId: `ns=2;s=${nodes[i]}`, continuationPoint: points[i] })),
      } as unknown as HistoryReadRequestOptions);
      const results = await service.read(context, wanted);
      ok(results.reduce((sum, result) => sum + result.binaryStoreSize(), 0) <= most);
      const next = [...points];
      for (const [n, i] of asked.entries()) {
        const result = results[n];
        strictEqual(result?.statusCode.name, "Good");
        seen[i]?.push(...valuesOf(result).map(({ value }) => String(value.value)));
        next[i] = result.continuationPoint?.length ? result.continuationPoint : null;
      }
      points = next;
    }
    const all = Array.from({ length: 3000 }, (_, i) => String(i + 1).padEnd(1000, "."));
    deepStrictEqual(seen, [all, all]);
  });
}

Deno.test("the computations of a session end with it", async () => {
  const { service, signals } = world((_query, signal) =>
    new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true }))
  );
  const context = { session: {} } as unknown as ISessionContext;
  const reading = service.read(context, request(["m0"]));
  service.release(context.session as object);
  const [result] = await reading;
  deepStrictEqual([result?.statusCode.name, signals[0]?.aborted], ["BadSessionClosed", true]);
});
