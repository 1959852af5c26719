import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { tagId } from "../../src/tags/tag.ts";
import { testTag } from "../lib/opcua_client_gateway.ts";
import {
  A,
  AlarmWorld,
  B,
  bytes,
  definitions,
  DOOR,
  LEVEL,
  limitAlarm,
  node,
  Scada,
  SILENT,
  someFields,
  text,
} from "../lib/opcua_alarm_world.ts";
import { type EventRow, startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { waitFor } from "../lib/wait_for.ts";

const ACKNOWLEDGE = "i=9111";
const REFRESH_START = "ns=0;i=2787";
const REFRESH_END = "ns=0;i=2788";

const limitFields = [
  "ConditionId",
  "EventId",
  "EventType",
  "SourceNode",
  "SourceName",
  "Time",
  "ReceiveTime",
  "Message",
  "Severity",
  "ConditionClassId",
  "ConditionName",
  "BranchId",
  "Retain",
  "EnabledState",
  "EnabledState/Id",
  "EnabledState/EffectiveDisplayName",
  "Quality",
  "Quality/SourceTimestamp",
  "LastSeverity",
  "Comment",
  "ClientUserId",
  "AckedState",
  "AckedState/Id",
  "ConfirmedState/Id",
  "ActiveState",
  "ActiveState/Id",
  "ActiveState/EffectiveDisplayName",
  "ActiveState/TransitionTime",
  "InputNode",
  "SuppressedState/Id",
  "SuppressedOrShelved",
  "MaxTimeShelved",
  "ShelvingState/CurrentState",
  "ShelvingState/CurrentState/Id",
  "ShelvingState/UnshelveTime",
  "LimitState/CurrentState",
  "LimitState/CurrentState/Id",
  "HighHighLimit",
  "HighLimit",
  "LowLimit",
  "LowLowLimit",
];
Deno.test("alarms reach a client as conditions and events", async (t) => {
  await using world = await AlarmWorld.open();
  await using client = await startOpcUaClient();
  const scada = await Scada.open(client, world.server.url);
  const all = await scada.listen("i=2253", limitFields);

  await t.step("a limit alarm tells everything of itself", async () => {
    world.value(A, "level", 50);
    const timeUs = world.value(A, "level", 85.5);
    const { EventId: eventId, ReceiveTime: received, Message: message, ...event } = await all.next();
    ok(typeof eventId === "string" && /^[0-9a-f]{32}$/.test(eventId) && !/^0+$/.test(eventId));
    ok(Number(received) >= timeUs - 1000);
    ok(String(message).includes("85.5"), String(message));
    deepStrictEqual(event, {
      ConditionId: node(LEVEL),
      EventType: "ns=0;i=9482",
      SourceNode: node(`${A}/level`),
      SourceName: "Pump/level",
      Time: timeUs,
      Severity: 500,
      ConditionClassId: "ns=0;i=11164",
      ConditionName: "Limit",
      BranchId: "ns=0;i=0",
      Retain: true,
      EnabledState: "Enabled",
      "EnabledState/Id": true,
      "EnabledState/EffectiveDisplayName": "Active | High | Unacknowledged",
      Quality: "status:Good",
      "Quality/SourceTimestamp": timeUs,
      LastSeverity: 0,
      Comment: null,
      ClientUserId: "",
      AckedState: "Unacknowledged",
      "AckedState/Id": false,
      "ConfirmedState/Id": false,
      ActiveState: "Active",
      "ActiveState/Id": true,
      "ActiveState/EffectiveDisplayName": "Active | High",
      "ActiveState/TransitionTime": timeUs,
      InputNode: node(`${A}/level`),
      "SuppressedState/Id": false,
      SuppressedOrShelved: false,
      MaxTimeShelved: 604_800_000,
      "ShelvingState/CurrentState": "Unshelved",
      "ShelvingState/CurrentState/Id": "ns=0;i=2930",
      "ShelvingState/UnshelveTime": 0,
      "LimitState/CurrentState": "High",
      "LimitState/CurrentState/Id": "ns=0;i=9331",
      HighHighLimit: 90,
      HighLimit: 80,
      LowLimit: 5,
      LowLowLimit: null,
    });
  });

  await t.step("a worse limit is the same condition with another event", async () => {
    world.value(A, "level", 95);
    const event = await all.next();
    deepStrictEqual(
      [event.ConditionId, event.Severity, event.LastSeverity, event["LimitState/CurrentState"]],
      [node(LEVEL), 800, 500, "HighHigh"],
    );
    strictEqual(event["LimitState/CurrentState/Id"], "ns=0;i=9329");
  });

  await t.step("an inactive alarm stays of interest until it is acknowledged and confirmed", async () => {
    const timeUs = world.value(A, "level", 50);
    const event = await all.next();
    deepStrictEqual([event["ActiveState/Id"], event["ActiveState"], event.Retain], [false, "Inactive", true]);
    deepStrictEqual([event["LimitState/CurrentState"], event["LimitState/CurrentState/Id"]], [null, "ns=0;i=0"]);
    strictEqual(event["ActiveState/TransitionTime"], timeUs);
  });

  await t.step("an off-normal alarm", async () => {
    const listener = await scada.listen(node(A), [
      "ConditionId",
      "EventType",
      "SourceName",
      "Message",
      "Severity",
      "ConditionName",
      "NormalState",
      "ActiveState/Id",
      "LimitState/CurrentState",
    ]);
    world.value(A, "door", false);
    world.value(A, "door", true);
    deepStrictEqual(await listener.next(), {
      ConditionId: node(DOOR),
      EventType: "ns=0;i=10637",
      SourceName: "Pump/door",
      Message: "Door of the pump house is open",
      Severity: 300,
      ConditionName: "OffNormal",
      NormalState: node(`${DOOR}/NormalValue`),
      "ActiveState/Id": true,
      "LimitState/CurrentState": null,
    });
    const [normal] = await scada.read([node(`${DOOR}/NormalValue`)]);
    deepStrictEqual([normal?.value, normal?.dataType], [false, 1]);
    await all.take(1);
  });

  await t.step("a device that falls silent, and is heard again", async () => {
    world.value(B, "flow", 20);
    const listener = await scada.listen(node(B), ["ConditionId", "EventType", "SourceNode", "SourceName", "Severity"]);
    world.clock.offsetUs += 120_000_000;
    world.server.tags.sweep();
    const rows = [await listener.next()];
    deepStrictEqual(rows[0], {
      ConditionId: node(SILENT),
      EventType: "ns=0;i=18347",
      SourceNode: node(B),
      SourceName: "Well",
      Severity: 600,
    });
    world.value(B, "flow", 21);
    await listener.next();
    strictEqual(world.server.alarms.get(SILENT)?.active, false);
    await all.take(2);
  });

  await t.step("outage, storage and certificate of the gateway itself", async () => {
    const listener = await scada.listen(node("Gateway"), [
      "ConditionId",
      "EventType",
      "SourceNode",
      "ConditionName",
      "ConditionClassId",
      "Retain",
      "ExpirationDate",
      "CertificateType",
      "Certificate",
    ]);
    const system = { SourceNode: node("Gateway"), ConditionClassId: "ns=0;i=11166", Retain: true };
    const none = { ExpirationDate: null, CertificateType: null, Certificate: null };
    world.server.faults.raise("source_unreachable", "ChirpStack does not answer");
    deepStrictEqual(await listener.next(), {
      ConditionId: node("Gateway/$alarm/SourceOutage"),
      EventType: "ns=0;i=11753",
      ConditionName: "SourceOutage",
      ...system,
      ...none,
    });
    world.server.faults.raise("history_write_failed", "disk full");
    deepStrictEqual(await listener.next(), {
      ConditionId: node("Gateway/$alarm/HistoryStorage"),
      EventType: "ns=0;i=11753",
      ConditionName: "HistoryStorage",
      ...system,
      ...none,
    });
    world.server.faults.raise("certificate_expiring", "in 7 days");
    const { Certificate: certificate, ExpirationDate: expires, ...expiry } = await listener.next();
    deepStrictEqual(expiry, {
      ConditionId: node("Gateway/$alarm/OpcUaCertificate"),
      EventType: "ns=0;i=13225",
      ConditionName: "OpcUaCertificate",
      CertificateType: "ns=0;i=12560",
      ...system,
    });
    strictEqual(expires, world.server.handle.status().certificateNotAfterUs);
    ok(typeof certificate === "string" && certificate.startsWith("3082"), "a DER certificate");
    await all.take(3);
  });

  await t.step("the condition node shows the state, with all that is mandatory, and follows it", async () => {
    const tree = await client.call<{ nodeId: string; browseName: string }[]>("browse", {
      id: scada.id,
      node: node(LEVEL),
    });
    const names = new Set(tree.map(({ browseName }) => browseName));
    for (
      const name of [
        ...["EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "Message", "Severity"],
        ...["ConditionClassId", "ConditionClassName", "ConditionName", "BranchId", "Retain", "EnabledState", "Quality"],
        ...["LastSeverity", "Comment", "ClientUserId", "AckedState", "ConfirmedState", "ActiveState", "InputNode"],
        ...["SuppressedState", "ShelvingState", "SuppressedOrShelved", "MaxTimeShelved", "LimitState", "HighLimit"],
        ...["Enable", "Disable", "AddComment", "Acknowledge", "Confirm"],
      ]
    ) ok(names.has(name), `${name} is missing`);
    ok(!names.has("LowLowLimit"), "a limit that is not set is not there");
    const path = (of: string) => node(`${LEVEL}/${of}`);
    const [active, acked, severity, limit] = await scada.read(
      ["ActiveState/Id", "AckedState/Id", "Severity", "HighHighLimit"].map(path),
    );
    deepStrictEqual([active?.value, acked?.value, severity?.value, limit?.value], [false, false, 800, 90]);
    await client.call("monitor", { id: scada.id, subscription: scada.subscription, nodes: [path("ActiveState/Id")] });
    world.value(A, "level", 82);
    await waitFor("an active state", async () => {
      const [now] = await scada.read([path("ActiveState/Id")]);
      return now?.value === true;
    });
    await waitFor("a notification of the active state", async () => {
      const seen = await client.call<WireValue[]>("notifications", { id: scada.id, node: path("ActiveState/Id") });
      return seen.at(-1)?.value === true;
    });
  });
});

Deno.test("conditions follow the configuration under open sessions", async () => {
  await using world = await AlarmWorld.open();
  await using client = await startOpcUaClient();
  const scada = await Scada.open(client, world.server.url);
  const all = await scada.listen("i=2253", [...someFields, "HighLimit"]);
  world.value(A, "level", 50);
  world.value(A, "level", 85);
  strictEqual((await all.next()).HighLimit, 80);
  const there = async (id: string) => (await scada.read([node(id)], "BrowseName"))[0]?.statusName === "Good";
  ok(await there(LEVEL));

  world.server.alarms.define(definitions.filter(({ id }) => id !== LEVEL));
  const removed = await all.next();
  deepStrictEqual([removed.ConditionId, removed.Retain], [node(LEVEL), false]);
  await waitFor("a removed condition", async () => !await there(LEVEL));
  strictEqual(await scada.call(node(LEVEL), ACKNOWLEDGE, bytes("00".repeat(16)), text("x")), "BadNodeIdUnknown");

  world.server.alarms.define([limitAlarm(A, "level", { limits: { lolo: null, lo: null, hi: 70, hihi: null } })]);
  await waitFor("a new condition", () => there(LEVEL));
  world.value(A, "level", 86);
  const active = await waitFor("an event of the new condition", async () => {
    const event = await all.next();
    return event.ConditionId === node(LEVEL) ? event : false;
  });
  deepStrictEqual([active.HighLimit, active["ActiveState/Id"]], [70, true]);

  // the tag's node is made anew with another type: its condition goes with it
  world.server.tags.define([testTag(A, "level", { type: "Int", dataType: "Int16" })]);
  await waitFor(
    "a new type",
    async () => (await scada.read([node(`${A}/level`)], "DataType"))[0]?.value === "ns=0;i=4",
  );
  await waitFor("the condition at its source", async () => {
    const found = await client.call<{ references?: { nodeId: string }[] } | { nodeId: string }[]>("browseTree", {
      id: scada.id,
      node: node(A),
    });
    return JSON.stringify(found).includes(`${LEVEL}"`);
  });
});

Deno.test("a restart keeps conditions and their events, and tells nothing new", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "edgekeep-alarms-" });
  await using client = await startOpcUaClient();
  try {
    let before: EventRow;
    let atUs: number;
    {
      await using world = await AlarmWorld.open({ dataDir });
      const scada = await Scada.open(client, world.server.url);
      const all = await scada.listen("i=2253", someFields);
      world.value(A, "level", 50);
      atUs = world.value(A, "level", 85);
      before = await all.next();
    }
    const restored = { value: 85, quality: Quality.Good, sourceTimeUs: atUs, serverTimeUs: atUs };
    await using world = await AlarmWorld.open({ dataDir, restored: [[tagId(A, "level"), restored]] });
    const scada = await Scada.open(client, world.server.url);
    const all = await scada.listen("i=2253", someFields);
    strictEqual(await scada.refresh(), "Good");
    strictEqual((await all.next()).EventType, REFRESH_START);
    deepStrictEqual(await all.until(REFRESH_END), [before]);
    strictEqual(await scada.call(String(before.ConditionId), ACKNOWLEDGE, bytes(before.EventId), text("late")), "Good");
    const acked = await all.next();
    deepStrictEqual([acked.ConditionId, acked["AckedState/Id"]], [before.ConditionId, true]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
