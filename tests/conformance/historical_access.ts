import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { tagId, tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, historyTag, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { startTestServer, testDevice } from "../lib/opcua_client_gateway.ts";
import { suite } from "./suite.ts";
import type { UnitName } from "./units.ts";
import { DEV, type World } from "./world.ts";

const LEVEL = `ns=2;s=${DEV}/level`;
const at = (second: number) => ({ $date: T0 / 1000 + second * 1000 });
/** The null time of OPC UA, for an open end. */
const open = null;

interface HistoryResult {
  readonly statusCode: string;
  readonly continuationPoint: { readonly $bytes: string } | null;
  readonly historyData: {
    readonly dataValues:
      | readonly {
        readonly value: { readonly value: unknown } | null;
        readonly status: string;
        readonly source: number | null;
        readonly server: number | null;
      }[]
      | null;
  } | null;
}

async function history(
  world: World,
  details: Record<string, unknown>,
  more: Record<string, unknown> = {},
): Promise<HistoryResult[]> {
  const answer = await world.call("HistoryRead", {
    historyReadDetails: details,
    timestampsToReturn: 2,
    nodesToRead: [{ nodeId: LEVEL }],
    ...more,
  });
  strictEqual(answer.responseHeader.serviceResult, "Good");
  return answer.results as HistoryResult[];
}

const rawOf = (
  startTime: unknown,
  endTime: unknown,
  numValuesPerNode = 0,
  returnBounds = false,
  isReadModified = false,
) => ({
  $type: "ReadRawModifiedDetails",
  isReadModified,
  ...(startTime === open ? {} : { startTime }),
  ...(endTime === open ? {} : { endTime }),
  numValuesPerNode,
  returnBounds,
});
const valuesOf = (result: HistoryResult | undefined) =>
  (result?.historyData?.dataValues ?? []).map(({ value }) => value?.value);
const pointOf = (result: HistoryResult | undefined) => result?.continuationPoint?.$bytes ?? "";
const atTimes = (...seconds: readonly number[]) => ({
  $type: "ReadAtTimeDetails",
  reqTimes: seconds.map(at),
  useSimpleBounds: true,
});
const processed = (aggregate: string, start: number, end: number, processingInterval: number) => ({
  $type: "ReadProcessedDetails",
  startTime: at(start),
  endTime: at(end),
  processingInterval,
  aggregateType: [aggregate],
  aggregateConfiguration: { useServerCapabilitiesDefaults: true },
});

/** Ten values, ten seconds apart, 0 to 90; the fourth is bad. */
async function stage() {
  const definitions = [
    historyTag({ group: DEV, id: tagId(DEV, "level"), name: "level" }),
    historyTag({ group: DEV, id: tagId(DEV, "none"), name: "none" }),
    historyTag({ group: DEV, id: tagId(DEV, "live"), name: "live", retentionDays: null }),
  ];
  const fixture = await HistoryFixture.open({ definitions });
  const tag = fixture.tags.get(tagId(DEV, "level"));
  ok(tag);
  for (let i = 0; i < 10; i++) {
    fixture.clock.nowUs = T0 + i * 10 * SECOND_US;
    fixture.tags.update([
      tagUpdate(tag, i * 10, T0 + i * 10 * SECOND_US, i === 3 ? Quality.BadSensorFailure : Quality.Good),
    ]);
  }
  fixture.history.writer.flush();
  const server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: definitions,
    history: fixture.history.queries,
    config: { max_history_data_results_per_node: 4 },
  });
  return {
    server,
    user: "operator",
    password: "correct horse",
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

/** HistoryRead of values (OPC 10000-11 §6.5, OPC 10000-13). */
export const historicalAccess = suite("Historical Access", { stage }, (conformance) => {
  const reads: readonly (readonly [string, Record<string, unknown>, readonly number[], boolean])[] = [
    ["a whole interval comes in order", rawOf(at(0), at(30)), [0, 10, 20], false],
    ["the start belongs to the interval, the end does not", rawOf(at(10), at(30)), [10, 20], false],
    ["an interval backwards comes backwards", rawOf(at(30), at(0)), [30, 20, 10], false],
    ["between two values there is none", rawOf(at(11), at(19)), [], false],
    ["an open start and a number count back from the end", rawOf(open, at(50), 2), [50, 40], true],
    ["an open end and a number count on from the start", rawOf(at(50), open, 2), [50, 60], true],
    ["more than a page goes on behind a continuation point", rawOf(at(0), at(100)), [0, 10, 20, 30], true],
    ["a page of the client's size", rawOf(at(0), at(100), 2), [0, 10], true],
  ];
  for (const [what, details, expected, more] of reads) {
    conformance("Historical Access Read Raw", what, async (world) => {
      const [result] = await history(world, details);
      deepStrictEqual(valuesOf(result), expected);
      if (more) ok(["Good", "GoodMoreData"].includes(result?.statusCode ?? ""));
      else strictEqual(result?.statusCode, expected.length === 0 ? "GoodNoData" : "Good");
    });
  }
  conformance("Historical Access Read Raw", "bounds are the values beside the interval", async (world) => {
    const [result] = await history(world, rawOf(at(15), at(25), 0, true));
    deepStrictEqual(valuesOf(result), [10, 20, 30]);
  });
  conformance("Historical Access Read Raw", "a bound that is not there is BadBoundNotFound", async (world) => {
    const [result] = await history(world, rawOf(at(-100), at(5), 0, true));
    deepStrictEqual(result?.historyData?.dataValues?.map(({ status }) => status), ["BadBoundNotFound", "Good", "Good"]);
  });
  conformance("Historical Access Read Raw", "each value has its own status", async (world) => {
    const [result] = await history(world, rawOf(at(20), at(50)));
    deepStrictEqual(result?.historyData?.dataValues?.map(({ status }) => status), ["Good", "BadSensorFailure", "Good"]);
  });
  for (
    const [what, details] of [
      ["both ends open", rawOf(open, open, 10)],
      ["an open end without a number", rawOf(at(0), open)],
      ["an open start without a number", rawOf(open, at(0))],
    ] as const
  ) {
    conformance(
      "Historical Access Read Raw",
      `${what} is BadInvalidArgument or BadHistoryOperationInvalid`,
      async (world) => {
        const answer = await world.call("HistoryRead", {
          historyReadDetails: details,
          timestampsToReturn: 2,
          nodesToRead: [{ nodeId: LEVEL }],
        });
        const status = answer.results?.[0]?.statusCode ?? answer.responseHeader.serviceResult;
        ok(
          ["BadInvalidArgument", "BadHistoryOperationInvalid", "BadInvalidTimestampArgument"].includes(status),
          status,
        );
      },
    );
  }
  conformance("Historical Access Read Raw", "a node without values yet is GoodNoData", async (world) => {
    const [result] = await history(world, rawOf(at(0), at(100)), { nodesToRead: [{ nodeId: `ns=2;s=${DEV}/none` }] });
    deepStrictEqual([result?.statusCode, valuesOf(result)], ["GoodNoData", []]);
  });
  conformance(
    "Historical Access Read Raw",
    "values that were edited are not offered: BadHistoryOperationUnsupported",
    async (world) => {
      const [result] = await history(world, rawOf(at(0), at(100), 0, false, true));
      strictEqual(result?.statusCode, "BadHistoryOperationUnsupported");
    },
  );
  const strangers: readonly (readonly [string, string, readonly string[]])[] = [
    ["an unknown node", "ns=2;s=nothing", ["BadNodeIdUnknown"]],
    ["a node that is no variable", `ns=2;s=${DEV}`, ["BadHistoryOperationUnsupported", "BadNodeIdInvalid"]],
    ["a variable without history", `ns=2;s=${DEV}/live`, [
      "BadHistoryOperationUnsupported",
      "BadNotReadable",
      "BadUserAccessDenied",
    ]],
    ["the server's state", "i=2259", ["BadHistoryOperationUnsupported", "BadNotReadable", "BadUserAccessDenied"]],
  ];
  for (const [what, nodeId, statuses] of strangers) {
    conformance(
      "Attribute Historical Read",
      `${what} is ${statuses.join(" or ")}, its neighbour read`,
      async (world) => {
        const [bad, good] = await history(world, rawOf(at(0), at(20)), {
          nodesToRead: [{ nodeId }, { nodeId: LEVEL }],
        });
        ok(statuses.includes(bad?.statusCode ?? ""), bad?.statusCode);
        deepStrictEqual(valuesOf(good), [0, 10]);
      },
    );
  }
  conformance(
    "Attribute Historical Read",
    "AccessLevel and Historizing tell which variables have history",
    async (world) => {
      const { results } = await world.call("Read", {
        nodesToRead: [LEVEL, `ns=2;s=${DEV}/live`].flatMap((nodeId) =>
          [17, 20].map((attributeId) => ({ nodeId, attributeId }))
        ),
      });
      const found = results.map((result: { value: { value: number | boolean } }) => result.value.value);
      deepStrictEqual([(found[0] & 4) !== 0, found[1], (found[2] & 4) !== 0, found[3]], [true, true, false, false]);
    },
  );
  for (const timestampsToReturn of [3, 9]) {
    conformance(
      "Attribute Historical Read",
      `timestampsToReturn ${timestampsToReturn} is BadTimestampsToReturnInvalid`,
      async (world) => {
        const fields = { historyReadDetails: rawOf(at(0), at(20)), nodesToRead: [{ nodeId: LEVEL }] };
        const answer = await world.call("HistoryRead", fields, { unchecked: { timestampsToReturn } });
        strictEqual(
          answer.results?.[0]?.statusCode ?? answer.responseHeader.serviceResult,
          "BadTimestampsToReturnInvalid",
        );
      },
    );
  }
  for (
    const [name, timestampsToReturn, source, server] of [["Source", 0, true, false], ["Server", 1, false, true], [
      "Both",
      2,
      true,
      true,
    ]] as const
  ) {
    conformance(
      "Historical Access ServerTimestamp",
      `values come with the time stamps that were asked for (${name})`,
      async (world) => {
        const [result] = await history(world, rawOf(at(0), at(20)), { timestampsToReturn });
        const [first] = result?.historyData?.dataValues ?? [];
        deepStrictEqual([first?.source !== null, first?.server !== null], [source, server]);
      },
    );
  }
  conformance(
    "Historical Access Data Max Nodes Read Continuation Point",
    "pages follow each other without gap or repetition",
    async (world) => {
      const all: unknown[] = [];
      let continuationPoint = "";
      do {
        const [page] = await history(world, rawOf(at(0), at(100)), {
          nodesToRead: [{ nodeId: LEVEL, continuationPoint: { $bytes: continuationPoint } }],
        });
        ok(valuesOf(page).length <= 4);
        all.push(...valuesOf(page));
        continuationPoint = pointOf(page);
      } while (continuationPoint !== "");
      deepStrictEqual(all, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
    },
  );
  conformance(
    "Historical Access Data Max Nodes Read Continuation Point",
    "several nodes are paged side by side",
    async (world) => {
      const pages = await history(world, rawOf(at(0), at(100)), { nodesToRead: Array(5).fill({ nodeId: LEVEL }) });
      strictEqual(new Set(pages.map(pointOf)).size, 5);
      const released = await world.call("HistoryRead", {
        historyReadDetails: rawOf(at(0), at(100)),
        timestampsToReturn: 2,
        releaseContinuationPoints: true,
        nodesToRead: pages.map((page) => ({ nodeId: LEVEL, continuationPoint: { $bytes: pointOf(page) } })),
      });
      strictEqual(released.responseHeader.serviceResult, "Good");
      const again = await history(world, rawOf(at(0), at(100)), {
        nodesToRead: [{ nodeId: LEVEL, continuationPoint: { $bytes: pointOf(pages[0]) } }],
      });
      strictEqual(again[0]?.statusCode, "BadContinuationPointInvalid");
    },
  );
  for (const bytes of ["00", "ff".repeat(16)]) {
    conformance(
      "Historical Access Data Max Nodes Read Continuation Point",
      `a made-up continuation point of ${bytes.length / 2} bytes is BadContinuationPointInvalid`,
      async (world) => {
        const [result] = await history(world, rawOf(at(0), at(100)), {
          nodesToRead: [{ nodeId: LEVEL, continuationPoint: { $bytes: bytes } }],
        });
        strictEqual(result?.statusCode, "BadContinuationPointInvalid");
      },
    );
  }
  conformance("Historical Access Time Instance", "the value at its own time is the raw value", async (world) => {
    const [result] = await history(world, atTimes(20));
    deepStrictEqual(valuesOf(result), [20]);
  });
  conformance(
    "Historical Access Time Instance",
    "one value comes for each time, in the order asked for",
    async (world) => {
      const [result] = await history(world, atTimes(50, 0, 20));
      deepStrictEqual(valuesOf(result), [50, 0, 20]);
    },
  );
  conformance("Historical Access Time Instance", "before the first value there is BadNoData", async (world) => {
    const [result] = await history(world, atTimes(-50));
    strictEqual(result?.historyData?.dataValues?.[0]?.status, "BadNoData");
  });
  conformance(
    "Historical Access Time Instance",
    "between two values it is made up from them, and marked",
    async (world) => {
      const [result] = await history(world, atTimes(55));
      const [value] = result?.historyData?.dataValues ?? [];
      deepStrictEqual([value?.value?.value, value?.source], [55, at(55).$date]);
    },
  );
  conformance(
    "Historical Access Time Instance",
    "no times at all are BadNothingToDo or BadInvalidTimestampArgument",
    async (world) => {
      const answer = await world.call("HistoryRead", {
        historyReadDetails: atTimes(),
        timestampsToReturn: 2,
        nodesToRead: [{ nodeId: LEVEL }],
      });
      const status = answer.results?.[0]?.statusCode ?? answer.responseHeader.serviceResult;
      ok(["BadNothingToDo", "BadInvalidTimestampArgument", "BadInvalidArgument"].includes(status), status);
    },
  );
  const aggregates: readonly (readonly [UnitName, string, readonly unknown[]])[] = [
    ["Aggregate - Average", "i=2342", [45, 65]],
    ["Aggregate - Minimum", "i=2346", [40, 60]],
    ["Aggregate - Maximum", "i=2347", [50, 70]],
    ["Aggregate - Count", "i=2352", [2, 2]],
    ["Aggregate - Start", "i=2357", [40, 60]],
    ["Aggregate - End", "i=2358", [50, 70]],
    ["Aggregate - Range", "i=2350", [10, 10]],
    ["Aggregate - Delta", "i=2359", [10, 10]],
    ["Aggregate - PercentGood", "i=2362", [100, 100]],
  ];
  for (const [unit, aggregate, expected] of aggregates) {
    conformance(unit, "each interval has its own", async (world) => {
      const [result] = await history(world, processed(aggregate, 40, 80, 20_000));
      deepStrictEqual(valuesOf(result), expected, JSON.stringify(result));
      // the value at an end keeps its own time (OPC 10000-13 §5.4.3.17)
      if (unit !== "Aggregate - End") strictEqual(result?.historyData?.dataValues?.[0]?.source, at(40).$date);
    });
  }
  conformance(
    "Historical Access Read Processed",
    "percentages that contradict each other are BadAggregateConfigurationRejected",
    async (world) => {
      const aggregateConfiguration = { useServerCapabilitiesDefaults: false, percentDataGood: 0, percentDataBad: 0 };
      const [result] = await history(world, { ...processed("i=2342", 0, 80, 20_000), aggregateConfiguration });
      strictEqual(result?.statusCode, "BadAggregateConfigurationRejected");
    },
  );
  conformance("Historical Access Read Processed", "an unknown aggregate is BadAggregateNotSupported", async (world) => {
    const [result] = await history(world, processed("i=999999", 0, 80, 20_000));
    strictEqual(result?.statusCode, "BadAggregateNotSupported");
  });
  conformance(
    "Historical Access Read Processed",
    "fewer aggregates than nodes are BadAggregateListMismatch",
    async (world) => {
      const answer = await world.call("HistoryRead", {
        historyReadDetails: processed("i=2342", 0, 80, 20_000),
        timestampsToReturn: 2,
        nodesToRead: [{ nodeId: LEVEL }, { nodeId: LEVEL }],
      });
      const status = answer.results?.[0]?.statusCode ?? answer.responseHeader.serviceResult;
      strictEqual(status, "BadAggregateListMismatch");
    },
  );
  conformance("Historical Access Read Processed", "an interval of 0 is the whole range", async (world) => {
    const [result] = await history(world, processed("i=2352", 40, 80, 0));
    deepStrictEqual(valuesOf(result), [4]);
  });
  conformance("Historical Access Read Processed", "the server says which aggregates it has", async (world) => {
    const { results } = await world.call("Browse", {
      nodesToBrowse: [{ nodeId: "i=11201", referenceTypeId: "i=33", includeSubtypes: true, resultMask: 63 }],
    });
    const found = (results[0].references ?? []).map(({ nodeId }: { nodeId: string }) => nodeId);
    for (const [, aggregate] of aggregates) ok(found.includes(`ns=0;${aggregate}`), aggregate);
  });
});
