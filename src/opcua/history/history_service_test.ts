import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  type HistoryData,
  HistoryReadRequest,
  type HistoryReadRequestOptions,
  type ISessionContext,
  ReadProcessedDetails,
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
function world(compute?: HistoryQueries["readProcessed"]): World {
  const signals: AbortSignal[] = [];
  const node = (id: string) =>
    ({ tag: { id }, definition: { id, type: "Float", retentionDays: 7 }, dataType: "Double" }) as unknown as TagNode;
  const service = historyService({
    nodes: {
      get: (id: string) => id.startsWith("m") ? node(id) : undefined,
      exists: () => false,
    } as unknown as TagNodes,
    queries: {
      readRaw: refuse,
      readBuckets: refuse,
      readAtTime: refuse,
      backup: refuse,
      readProcessed: (query, signal) => {
        if (signal !== undefined) signals.push(signal);
        return compute?.(query, signal) ?? Promise.resolve({
          count: query.limit,
          timesUs: new Float64Array(query.limit).fill(query.startUs + query.first * query.intervalUs),
          values: new Float64Array(query.limit).fill(1),
          statuses: new Uint32Array(query.limit).fill(0x401),
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

const session = { session: {} } as unknown as ISessionContext;

Deno.test("an answer holds at most 200,000 values; nodes beyond get a place to go on from", async () => {
  const { service } = world();
  const nodes = Array.from({ length: 22 }, (_, i) => `m${i}`);
  const results = await service.read(session, request(nodes));
  const counts = results.map(({ historyData }) => (historyData as HistoryData).dataValues?.length);
  deepStrictEqual(counts, [...new Array(20).fill(10_000), 0, 0]);
  strictEqual(results.every(({ statusCode }) => statusCode.isGood()), true);
  const point = results[21]?.continuationPoint;
  ok(point);
  const [later] = await service.read(session, request(["m21"], [point]));
  const values = (later?.historyData as HistoryData).dataValues ?? [];
  deepStrictEqual([values.length, values[0]?.sourceTimestamp?.getTime()], [10_000, 1_700_000_000_000]);
});

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
