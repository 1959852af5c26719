import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { A, AlarmWorld, B, DOOR, FLOW, LEVEL, node, Scada, someFields } from "../lib/opcua_alarm_world.ts";
import {
  type EventHistoryParams,
  type EventRow,
  startOpcUaClient,
  type WireEventHistory,
  type WireValue,
} from "../lib/opcua_client_process.ts";

const SERVER = "i=2253";
const fields = [...someFields, "Severity", "Message", "SourceName", "LimitState/CurrentState", "HighLimit"];

type Read = Omit<EventHistoryParams, "id" | "fields"> & { readonly fields?: readonly string[] };

Deno.test("the history of events over the wire", async (t) => {
  await using world = await AlarmWorld.open({ config: { max_history_data_results_per_node: 25 } });
  await using client = await startOpcUaClient();
  const scada = await Scada.open(client, world.server.url, "operator");
  const live = await scada.listen(SERVER, fields);
  world.value(A, "level", 50);
  world.value(B, "flow", 50);
  // 60 events, 100 ms between each two
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    for (const [group, name] of [[A, "level"], [B, "flow"]] as const) {
      world.clock.offsetUs += 100_000;
      times.push(world.value(group, name, i % 2 === 0 ? 95 : 50));
    }
    world.clock.offsetUs += 100_000;
    times.push(world.value(A, "door", i % 2 === 0 ? (world.value(A, "door", false), true) : false));
  }
  const told = await live.take(60);
  deepStrictEqual(told.map((event) => event.Time), times);
  const startMs = Math.floor((times[0] ?? 0) / 1000);
  const endMs = Math.ceil((times.at(-1) ?? 0) / 1000) + 1;
  const ids = (rows: readonly EventRow[]) => rows.map((row) => row.EventId);

  const history = (params: Read) =>
    client.call<WireEventHistory[]>("eventHistory", { id: scada.id, fields, ...params });
  const one = async (params: Read): Promise<WireEventHistory> => {
    const [result] = await history(params);
    ok(result);
    return result;
  };
  /** All pages of a read of one node, each no longer than it may be. */
  const pages = async (params: Read): Promise<EventRow[]> => {
    const rows: EventRow[] = [];
    let point = "";
    do {
      const page: WireEventHistory = await one({ ...params, continuationPoints: [point] });
      strictEqual(page.status, "Good");
      ok(page.events.length <= 25, `${page.events.length} on a page`);
      rows.push(...page.events);
      point = page.continuationPoint;
    } while (point !== "");
    return rows;
  };

  await t.step("what was told is read back, field by field, page by page", async () => {
    deepStrictEqual(await pages({ nodes: [SERVER], startMs, endMs }), told);
    deepStrictEqual(await pages({ nodes: [SERVER], startMs, endMs, count: 7 }), told);
  });

  await t.step("backwards", async () => {
    deepStrictEqual(await pages({ nodes: [SERVER], startMs: endMs, endMs: startMs - 1 }), told.toReversed());
    deepStrictEqual(await pages({ nodes: [SERVER], startMs: endMs, endMs: startMs - 1, count: 13 }), told.toReversed());
  });

  await t.step("with one end open the number is the total", async () => {
    const first = await pages({ nodes: [SERVER], startMs, endMs: null, count: 30 });
    deepStrictEqual(first, told.slice(0, 30));
    const last = await pages({ nodes: [SERVER], startMs: null, endMs, count: 3 });
    deepStrictEqual(last, told.slice(-3).toReversed());
  });

  await t.step("the start belongs to the interval, the end does not", async () => {
    const [from = 0, , to = 0] = times.slice(10).map((us) => us / 1000);
    const exact = await one({ nodes: [SERVER], startMs: Math.floor(from), endMs: Math.floor(to) });
    ok(exact.events.length >= 1 && exact.events.length <= 2);
    deepStrictEqual(exact.events, told.slice(10, 10 + exact.events.length));
    strictEqual((await one({ nodes: [SERVER], startMs: 0, endMs: 1000 })).status, "GoodNoData");
  });

  await t.step("an application and a device have the history of theirs", async () => {
    const of = (...conditions: string[]) =>
      told.filter((row) => conditions.map(node).includes(String(row.ConditionId)));
    const [plant, pump, well, gateway] = await history({
      nodes: [node("plant"), node(A), node(B), node("Gateway")],
      startMs,
      endMs,
    });
    deepStrictEqual(ids(plant?.events ?? []), ids(of(LEVEL, DOOR).slice(0, 25)));
    deepStrictEqual(ids(pump?.events ?? []), ids(of(LEVEL, DOOR).slice(0, 25)));
    deepStrictEqual(ids(well?.events ?? []), ids(of(FLOW)));
    deepStrictEqual([gateway?.status, gateway?.events.length], ["GoodNoData", 0]);
    deepStrictEqual(ids(await pages({ nodes: [node(A)], startMs, endMs })), ids(of(LEVEL, DOOR)));
  });

  await t.step("where clauses", async () => {
    const doors = await pages({
      nodes: [SERVER],
      startMs,
      endMs,
      where: { op: "OfType", values: [["NodeId", "i=10637"]] },
    });
    deepStrictEqual(doors, told.filter((row) => row.ConditionId === node(DOOR)));
    const severe = await pages({
      nodes: [SERVER],
      startMs,
      endMs,
      where: {
        op: "And",
        of: [
          { op: "GreaterThanOrEqual", field: "Severity", values: [["UInt16", 800]] },
          { op: "Equals", field: "ConditionId", values: [["NodeId", node(FLOW)]] },
        ],
      },
    });
    deepStrictEqual(severe, told.filter((row) => row.ConditionId === node(FLOW) && Number(row.Severity) >= 800));
    ok(severe.length > 0);
  });

  await t.step("the history outlives its condition", async () => {
    world.server.alarms.define([]);
    const removed = (await live.take(3)).filter((row) => row.ConditionId === node(LEVEL));
    strictEqual(removed.length, 1);
    const kept = await pages({ nodes: [node(A)], startMs, endMs, fields: ["ConditionId", "EventId", "Severity"] });
    deepStrictEqual(
      kept.filter((row) => row.ConditionId === node(LEVEL)).map((row) => row.EventId),
      told.filter((row) => row.ConditionId === node(LEVEL)).map((row) => row.EventId),
    );
  });

  await t.step("continuation points: unknown, used, of another node, released, of another session", async () => {
    const ask = { nodes: [SERVER], startMs, endMs };
    const { continuationPoint } = await one(ask);
    ok(continuationPoint !== "");
    const again = { ...ask, continuationPoints: [continuationPoint] };
    const other = await Scada.open(client, world.server.url, "viewer");
    const [stolen] = await client.call<WireEventHistory[]>("eventHistory", { id: other.id, fields, ...again });
    strictEqual(stolen?.status, "BadContinuationPointInvalid");
    strictEqual((await one(again)).status, "Good");
    strictEqual((await one(again)).status, "BadContinuationPointInvalid");
    strictEqual((await one({ ...ask, continuationPoints: ["00ff"] })).status, "BadContinuationPointInvalid");
    const fresh = await one(ask);
    const elsewhere = { ...ask, nodes: [node(A)], continuationPoints: [fresh.continuationPoint] };
    strictEqual((await one(elsewhere)).status, "BadContinuationPointInvalid");
    const last = await one(ask);
    const release = { ...ask, continuationPoints: [last.continuationPoint], release: true };
    deepStrictEqual([(await one(release)).status, (await one(release)).status], [
      "Good",
      "BadContinuationPointInvalid",
    ]);
    const points: string[] = [];
    const full = { id: other.id, fields, ...ask, nodes: Array.from({ length: 1000 }, () => SERVER) };
    for (
      const page of [
        ...await client.call<WireEventHistory[]>("eventHistory", full),
        ...await client.call<WireEventHistory[]>("eventHistory", { ...full, nodes: [SERVER] }),
      ]
    ) {
      if (page.status !== "Good") {
        strictEqual(page.status, "BadNoContinuationPoints");
        break;
      }
      points.push(page.continuationPoint);
    }
    strictEqual(points.length, 1000);
  });

  await t.step("what cannot be read says why, and does not fail its neighbours", async () => {
    const results = await history({
      nodes: [node(`${A}/level`), node("nowhere"), SERVER, "i=85"],
      startMs,
      endMs,
      count: 1,
    });
    deepStrictEqual(results.map(({ status }) => status), [
      "BadHistoryOperationUnsupported",
      "BadNodeIdUnknown",
      "Good",
      "BadHistoryOperationUnsupported",
    ]);
    strictEqual((await one({ nodes: [SERVER], startMs, endMs: null })).status, "BadHistoryOperationInvalid");
    strictEqual(
      (await one({ nodes: [SERVER], startMs: null, endMs: null, count: 5 })).status,
      "BadHistoryOperationInvalid",
    );
    const like = { op: "Like", field: "Message", values: [["String", "Pump%"]] } as const;
    strictEqual((await one({ nodes: [SERVER], startMs, endMs, where: like })).status, "BadFilterOperatorUnsupported");
    strictEqual((await one({ nodes: [SERVER], startMs, endMs, fields: [] })).status, "BadEventFilterInvalid");
    strictEqual((await one({ nodes: [SERVER], startMs, endMs, fields: ["Nothing"] })).status, "BadEventFilterInvalid");
  });

  await t.step("the server says that it has such a history", async () => {
    // AccessHistoryEventsCapability and MaxReturnEventValues of HistoryServerCapabilities
    const values = await scada.read(["i=11242", "i=11273"]);
    deepStrictEqual(values.map(({ value }: WireValue) => value), [true, 25]);
  });
});
