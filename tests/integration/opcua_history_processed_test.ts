import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { aggregates } from "../../src/history/aggregate_query.ts";
import { HistoryUnavailableError } from "../../src/history/history.ts";
import { Quality } from "../../src/tags/quality.ts";
import { type TagId, tagId, tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, historyTag, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { type OpcUaClientProcess, startOpcUaClient } from "../lib/opcua_client_process.ts";
import { startTestServer, testDevice } from "../lib/opcua_client_gateway.ts";

const DEV = "0102030405060708";
const T0_MS = T0 / 1000;
const GOOD_INTERPOLATED = 0x402;
const SUB_NORMAL_INTERPOLATED = 0x40a40402;
const BAD_NO_DATA = 0x809b0000;
const numbers = {
  Interpolative: 2341,
  Average: 2342,
  TimeAverage: 2343,
  Total: 2344,
  Minimum: 2346,
  Maximum: 2347,
  Range: 2350,
  Count: 2352,
  Start: 2357,
  End: 2358,
  Delta: 2359,
  DurationGood: 2360,
  PercentGood: 2362,
  WorstQuality: 2364,
  AnnotationCount: 2351,
  StandardDeviationSample: 11426,
} as const;

/** A value as the client got it. */
interface WireComputed {
  readonly value: { readonly dataType: number; readonly value: unknown } | null;
  readonly statusCode: number;
  readonly source: number | null;
  readonly server: number | null;
}

interface WireResult {
  readonly statusCode: string;
  readonly continuationPoint: { readonly $bytes: string } | null;
  readonly historyData: { readonly dataValues: readonly WireComputed[] | null } | null;
}

type Details = Readonly<Record<string, unknown>>;

async function historyRead(
  client: OpcUaClientProcess,
  id: number,
  details: Details,
  nodes: readonly string[],
  over: { points?: readonly string[]; timestamps?: number; release?: boolean; range?: string } = {},
): Promise<WireResult[]> {
  const { responseHeader, results } = await client.call<
    { responseHeader: { serviceResult: string }; results: WireResult[] }
  >("service", {
    id,
    service: "HistoryRead",
    fields: {
      historyReadDetails: details,
      timestampsToReturn: over.timestamps ?? 2,
      releaseContinuationPoints: over.release ?? false,
      nodesToRead: nodes.map((nodeId, i) => ({
        nodeId,
        ...(over.points?.[i] === undefined ? {} : { continuationPoint: { $bytes: over.points[i] } }),
      })),
    },
  });
  strictEqual(responseHeader.serviceResult, "Good");
  return results;
}

function processed(
  aggregate: (keyof typeof numbers)[] | keyof typeof numbers,
  startMs: number | null,
  endMs: number | null,
  intervalMs: number,
  configuration?: Details,
): Details {
  return {
    $type: "ReadProcessedDetails",
    ...(startMs === null ? {} : { startTime: { $date: startMs } }),
    ...(endMs === null ? {} : { endTime: { $date: endMs } }),
    processingInterval: intervalMs,
    aggregateType: [aggregate].flat().map((name) => `i=${numbers[name]}`),
    aggregateConfiguration: configuration ?? { useServerCapabilitiesDefaults: true },
  };
}

function atTime(timesMs: readonly number[], useSimpleBounds = false): Details {
  return { $type: "ReadAtTimeDetails", reqTimes: timesMs.map(($date) => ({ $date })), useSimpleBounds };
}

function values(result: WireResult | undefined): readonly WireComputed[] {
  return result?.historyData?.dataValues ?? [];
}

/** `value@seconds status` of each value. */
function written(result: WireResult | undefined): string[] {
  return values(result).map(({ value, source, statusCode }) =>
    `${value?.value ?? "-"}@${((source ?? 0) - T0_MS) / 1000} ${(statusCode >>> 0).toString(16)}`
  );
}

Deno.test("aggregates and values at times over the wire", async (t) => {
  const definitions = [
    historyTag({ group: DEV, id: tagId(DEV, "level"), name: "level" }),
    historyTag({ group: DEV, id: tagId(DEV, "count"), name: "count", type: "Int", dataType: "Int32" }),
    historyTag({ group: DEV, id: tagId(DEV, "single"), name: "single", dataType: "Float" }),
    historyTag({ group: DEV, id: tagId(DEV, "open"), name: "open", type: "Bool", dataType: "Boolean" }),
    historyTag({ group: DEV, id: tagId(DEV, "text"), name: "text", type: "String", dataType: "String" }),
    historyTag({ group: DEV, id: tagId(DEV, "none"), name: "none" }),
    historyTag({ group: DEV, id: tagId(DEV, "rssi"), name: "rssi", retentionDays: null }),
  ];
  await using fixture = await HistoryFixture.open({ definitions });
  const feed = (
    name: string,
    samples: readonly [seconds: number, value: boolean | number | string, quality?: number][],
  ) => {
    const tag = fixture.tags.get(tagId(DEV, name) as TagId);
    ok(tag);
    for (const [seconds, value, quality] of samples) {
      fixture.clock.nowUs = Math.max(fixture.clock.nowUs, T0 + seconds * SECOND_US);
      fixture.tags.update([tagUpdate(tag, value, T0 + seconds * SECOND_US, quality ?? Quality.Good)]);
    }
  };
  feed("level", [[0, 10], [10, 20], [20, 30], [30, 40, Quality.BadSensorFailure], [40, 50], [50, 60], [60, 70]]);
  feed("count", [[0, 1], [10, 5], [20, 5], [40, 9]]);
  feed("single", [[0, 10], [10, 20]]);
  feed("open", [[0, false], [10, true], [30, false]]);
  feed("text", [[0, "a"], [10, "b"], [40, "c"]]);
  // half of it in blocks, the rest in memory and not even committed
  fixture.history.writer.flush();
  await fixture.history.tidy();
  feed("level", [[70, 80], [80, 90]]);
  fixture.clock.nowUs = T0 + 100 * SECOND_US;
  let failure: Error | null = null;
  const { queries } = fixture.history;
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: definitions,
    history: {
      readRaw: (...query) => queries.readRaw(...query),
      readBuckets: (...query) => queries.readBuckets(...query),
      readProcessed: (...query) => failure ? Promise.reject(failure) : queries.readProcessed(...query),
      readAtTime: (...query) => failure ? Promise.reject(failure) : queries.readAtTime(...query),
      backup: (...query) => queries.backup(...query),
    },
    config: { max_history_data_results_per_node: 5 },
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const node = (name: string) => `ns=2;s=${DEV}/${name}`;
  const read = (details: Details, nodes: readonly string[], over?: Parameters<typeof historyRead>[4]) =>
    historyRead(client, id, details, nodes, over);
  const one = async (details: Details, name = "level", over?: Parameters<typeof historyRead>[4]) => {
    const [result] = await read(details, [node(name)], over);
    ok(result);
    return result;
  };

  await t.step("one aggregate a node, each in the type of its table", async () => {
    const asked = ["Average", "Count", "Minimum", "Range", "End", "WorstQuality", "DurationGood"] as const;
    const results = await read(
      processed([...asked], T0_MS, T0_MS + 20_000, 0),
      asked.map((_, i) => node(i === 2 ? "count" : i === 3 ? "single" : "level")),
    );
    deepStrictEqual(results.map(({ statusCode }) => statusCode), asked.map(() => "Good"));
    const first = results.map((result) => values(result)[0]);
    deepStrictEqual(first.map((value) => value?.value?.value), [15, 2, 1, 10, 20, "Good", 20_000]);
    // Double, Int32, then Int32, Float and Double as their sources, StatusCode, Double
    deepStrictEqual(first.map((value) => value?.value?.dataType), [11, 6, 6, 10, 11, 19, 11]);
    deepStrictEqual(first.map((value) => value?.statusCode), [0x401, 0x401, 0, 0x401, 0, 0x411, 0x401]);
    deepStrictEqual(first.map((value) => value?.source), [0, 0, 0, 0, 10_000, 0, 0].map((ms) => T0_MS + ms));
  });

  await t.step("intervals in both directions, a rest at the end, and rows that are only in memory", async () => {
    deepStrictEqual(written(await one(processed("Average", T0_MS, T0_MS + 90_000, 20_000))), [
      "15@0 401",
      "30@20 40a40401",
      "55@40 401",
      "75@60 401",
      "90@80 401",
    ]);
    deepStrictEqual(written(await one(processed("Count", T0_MS + 90_000, T0_MS, 20_000))), [
      "1@90 401",
      "2@70 401",
      "2@50 401",
      "1@30 40a40401",
      "1@10 405",
    ]);
  });

  await t.step("bad rows, the end of the known and a configuration of the client's own", async () => {
    const span = [T0_MS + 20_000, T0_MS + 40_000, 20_000] as const;
    const strict = { useServerCapabilitiesDefaults: false, treatUncertainAsBad: true, useSlopedExtrapolation: false };
    deepStrictEqual(
      written(await one(processed("Average", ...span, { ...strict, percentDataBad: 50, percentDataGood: 60 }))),
      [
        "-@20 80000000",
      ],
    );
    deepStrictEqual(
      written(await one(processed("Average", ...span, { ...strict, percentDataBad: 60, percentDataGood: 50 }))),
      [
        "30@20 401",
      ],
    );
    strictEqual(
      (await one(processed("Average", ...span, { ...strict, percentDataBad: 40, percentDataGood: 50 }))).statusCode,
      "BadAggregateConfigurationRejected",
    );
    // the last value holds until now, 100 s; behind it nothing is known
    deepStrictEqual(written(await one(processed("PercentGood", T0_MS + 80_000, T0_MS + 160_000, 40_000))), [
      "50@80 405",
      "-@120 809b0000",
    ]);
    deepStrictEqual(written(await one(processed("Average", T0_MS - 60_000, T0_MS, 30_000))), [
      "-@-60 809b0000",
      "-@-30 809b0000",
    ]);
  });

  await t.step("more intervals than a page holds follow by continuation points", async () => {
    const details = processed("Interpolative", T0_MS, T0_MS + 60_000, 5000);
    const seen: string[] = [];
    const sizes: number[] = [];
    let point: string | undefined;
    do {
      const result: WireResult = await one(details, "level", point === undefined ? {} : { points: [point] });
      seen.push(...written(result));
      sizes.push(values(result).length);
      point = result.continuationPoint?.$bytes || undefined;
    } while (point !== undefined);
    deepStrictEqual(sizes, [5, 5, 2]);
    deepStrictEqual(seen.slice(0, 8), [
      "10@0 0",
      "15@5 402",
      "20@10 0",
      "25@15 402",
      "30@20 0",
      "35@25 40a40402",
      "40@30 40a40402",
      "45@35 40a40402",
    ]);
  });

  await t.step("text, switches and counters have the aggregates that mean something", async () => {
    const span = [T0_MS, T0_MS + 40_000, 0] as const;
    const results = await read(
      processed(["Average", "Count", "End", "Interpolative", "PercentGood"], ...span),
      [
        "text",
        "text",
        "text",
        "text",
        "text",
      ].map(node),
    );
    deepStrictEqual(results.map(({ statusCode }) => statusCode), [
      "BadAggregateNotSupported",
      "Good",
      "Good",
      "Good",
      "Good",
    ]);
    deepStrictEqual(results.map((result) => values(result)[0]?.value?.value), [undefined, 2, "b", "a", 100]);
    const switches = await read(
      processed(["Average", "Maximum", "Delta"], ...span),
      ["open", "open", "open"].map(node),
    );
    deepStrictEqual(switches.map(({ statusCode }) => statusCode), ["Good", "Good", "BadAggregateNotSupported"]);
    deepStrictEqual(switches.map((result) => values(result)[0]?.value), [
      { dataType: 11, array: false, value: 1 / 3 },
      { dataType: 1, array: false, value: true },
      undefined,
    ]);
    deepStrictEqual(written(await one(processed("Delta", ...span), "count")), ["4@0 401"]);
  });

  await t.step("what cannot be answered says why, and does not fail its neighbours", async () => {
    const span = [T0_MS, T0_MS + 40_000, 0] as const;
    const results = await read(processed(["Average", "Average", "Average", "AnnotationCount", "Average"], ...span), [
      node("level"),
      "ns=2;s=nowhere",
      node("rssi"),
      node("level"),
      node("none"),
    ]);
    deepStrictEqual(results.map(({ statusCode }) => statusCode), [
      "Good",
      "BadNodeIdUnknown",
      "BadHistoryOperationUnsupported",
      "BadAggregateNotSupported",
      "Good",
    ]);
    deepStrictEqual(written(results[4]), ["-@0 809b0000"]);
    const mismatch = await read(processed(["Average"], ...span), [node("level"), node("count")]);
    deepStrictEqual(mismatch.map(({ statusCode }) => statusCode), [
      "BadAggregateListMismatch",
      "BadAggregateListMismatch",
    ]);
    for (
      const [start, end, interval] of [[T0_MS, T0_MS, 1000], [null, T0_MS, 1000], [T0_MS, null, 0], [
        T0_MS,
        T0_MS + 1000,
        -1,
      ]] as const
    ) {
      strictEqual((await one(processed("Average", start, end, interval))).statusCode, "BadInvalidArgument");
    }
    const server = 1;
    const neither = 3;
    for (const timestamps of [server, neither]) {
      const { statusCode } = await one(processed("Average", ...span), "level", { timestamps });
      strictEqual(statusCode, "BadTimestampsToReturnInvalid");
    }
  });

  await t.step("values at times come in the order asked for, with how they were found", async () => {
    const seconds = [45, 0, 5, 35, 30, 85, 0, -1];
    const details = atTime(seconds.map((s) => T0_MS + s * 1000));
    const [first] = await read(details, [node("level")]);
    const point = first?.continuationPoint?.$bytes ?? "";
    const [second] = await read(details, [node("level")], { points: [point] });
    deepStrictEqual([...values(first), ...values(second)].map(({ value, statusCode }) => [value?.value, statusCode]), [
      [55, GOOD_INTERPOLATED],
      [10, 0],
      [15, GOOD_INTERPOLATED],
      [45, SUB_NORMAL_INTERPOLATED],
      [40, SUB_NORMAL_INTERPOLATED],
      [90, SUB_NORMAL_INTERPOLATED],
      [10, 0],
      [null, BAD_NO_DATA],
    ]);
    deepStrictEqual(
      [...values(first), ...values(second)].map(({ source }) => ((source ?? 0) - T0_MS) / 1000),
      seconds,
    );
    strictEqual(second?.continuationPoint?.$bytes ?? "", "");
  });

  await t.step("simple bounds do not look past bad rows; counters and text keep their value", async () => {
    const at = async (name: string, simple: boolean, ...seconds: number[]) =>
      values(await one(atTime(seconds.map((s) => T0_MS + s * 1000), simple), name))
        .map(({ value, statusCode }) => `${value?.value ?? "-"} ${statusCode.toString(16)}`);
    deepStrictEqual(await at("level", true, 25, 30, 35, 45), ["30 40a40402", "- 809b0000", "- 809b0000", "55 402"]);
    deepStrictEqual(await at("count", false, 5, 39, 99), ["1 402", "5 402", "9 402"]);
    deepStrictEqual(await at("text", false, 10, 39), ["b 0", "b 402"]);
    deepStrictEqual(await at("open", true, 29, 31), ["true 402", "false 402"]);
  });

  await t.step(
    "a continuation is for its node, its kind and its times; released and expired ones are gone",
    async () => {
      const times = [0, 1, 2, 3, 4, 5, 6].map((s) => T0_MS + s * 1000);
      const next = async () => (await one(atTime(times))).continuationPoint?.$bytes ?? "";
      const invalid = "BadContinuationPointInvalid";
      strictEqual((await one(atTime(times), "count", { points: [await next()] })).statusCode, invalid);
      strictEqual((await one(atTime(times.slice(1)), "level", { points: [await next()] })).statusCode, invalid);
      const raw = { $type: "ReadRawModifiedDetails", startTime: { $date: T0_MS }, endTime: { $date: T0_MS + 1000 } };
      strictEqual((await one(raw, "level", { points: [await next()] })).statusCode, invalid);
      const released = await next();
      strictEqual((await one(atTime(times), "level", { points: [released], release: true })).statusCode, "Good");
      strictEqual((await one(atTime(times), "level", { points: [released] })).statusCode, invalid);
      strictEqual((await one(atTime([]))).statusCode, "BadInvalidArgument");
    },
  );

  await t.step("a history that is away says so, and the place is kept", async () => {
    const details = processed("Interpolative", T0_MS, T0_MS + 60_000, 5000);
    const point = (await one(details)).continuationPoint?.$bytes ?? "";
    failure = new HistoryUnavailableError("the reader restarts");
    strictEqual((await one(atTime([T0_MS]))).statusCode, "BadDataUnavailable");
    strictEqual((await one(details, "level", { points: [point] })).statusCode, "BadDataUnavailable");
    failure = null;
    deepStrictEqual(written(await one(details, "level", { points: [point] }))[0], "35@25 40a40402");
  });

  await t.step("the address space names the aggregates and how each variable is read", async () => {
    const offered = Object.keys(aggregates).toSorted();
    for (const folder of ["i=11201", "i=2997"]) {
      const found = await client.call<{ browseName: string }[]>("browse", { id, node: folder });
      deepStrictEqual(found.map(({ browseName }) => browseName).toSorted(), offered);
    }
    const configurationOf = async (name: string) => {
      const children = await client.call<{ nodeId: string; browseName: string }[]>("browse", { id, node: node(name) });
      return children.find(({ browseName }) => browseName === "HA Configuration")?.nodeId;
    };
    const [sloped, stepped] = [await configurationOf("level"), await configurationOf("count")];
    ok(sloped && stepped && sloped !== stepped);
    deepStrictEqual([await configurationOf("none"), await configurationOf("text"), await configurationOf("rssi")], [
      sloped,
      stepped,
      undefined,
    ]);
    const properties = [
      "Stepped",
      "TreatUncertainAsBad",
      "PercentDataBad",
      "PercentDataGood",
      "UseSlopedExtrapolation",
    ];
    const [a, b] = await Promise.all(
      [sloped, stepped].map((configuration) =>
        client.call<{ value: unknown }[]>("read", {
          id,
          nodes: properties.map((name) => `${configuration}/${name}`),
        })
      ),
    );
    deepStrictEqual(a?.map(({ value }) => value), [false, true, 100, 100, false]);
    deepStrictEqual(b?.map(({ value }) => value), [true, true, 100, 100, false]);
  });

  await t.step(
    "a tag that changes its kind changes its configuration; one that goes leaves the others theirs",
    async () => {
      const configurationOf = async (name: string) => {
        const children = await client.call<{ nodeId: string; browseName: string }[]>("browse", {
          id,
          node: node(name),
        });
        return children.filter(({ browseName }) => browseName === "HA Configuration").map(({ nodeId }) => nodeId);
      };
      const without = definitions.filter(({ name }) => name !== "none");
      server.tags.define(without.map((tag) => tag.name === "rssi" ? { ...tag, retentionDays: 30 } : tag));
      await server.handle.follow();
      deepStrictEqual(await configurationOf("rssi"), await configurationOf("level"));
      strictEqual((await configurationOf("level")).length, 1);
      server.tags.define(without);
      await server.handle.follow();
      deepStrictEqual(await configurationOf("rssi"), []);
      deepStrictEqual(written(await one(processed("Count", T0_MS, T0_MS + 20_000, 0))), ["2@0 401"]);
    },
  );

  await t.step("the capabilities say what is supported, and writing to history is refused", async () => {
    const root = "i=11192";
    const children = await client.call<{ nodeId: string; browseName: string }[]>("browse", { id, node: root });
    const read = await client.call<{ value: unknown }[]>("read", { id, nodes: children.map(({ nodeId }) => nodeId) });
    const capabilities = Object.fromEntries(children.map(({ browseName }, i) => [browseName, read[i]?.value]));
    strictEqual(capabilities.AccessHistoryDataCapability, true);
    strictEqual(capabilities.MaxReturnDataValues, 5);
    for (const name of Object.keys(capabilities)) {
      if (/^(Insert|Replace|Update|Delete)/.test(name)) strictEqual(capabilities[name], false, name);
    }
    const answer = await client.call<{ responseHeader: { serviceResult: string } }>("service", {
      id,
      service: "HistoryUpdate",
      fields: { historyUpdateDetails: [] },
    });
    strictEqual(answer.responseHeader.serviceResult, "BadServiceUnsupported");
  });
});
