import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { A, AlarmWorld, B, DOOR, FLOW, LEVEL, Listener, node, Scada, someFields } from "../lib/opcua_alarm_world.ts";
import { type EventRow, startOpcUaClient, type TypedValue } from "../lib/opcua_client_process.ts";

const REFRESH_START = "ns=0;i=2787";
const REFRESH_END = "ns=0;i=2788";

Deno.test("subscriptions get what they ask for", async (t) => {
  await using world = await AlarmWorld.open();
  await using client = await startOpcUaClient();
  const scada = await Scada.open(client, world.server.url);
  const other = await Scada.open(client, world.server.url, "viewer");
  const all = await scada.listen("i=2253", someFields);
  for (const name of ["level", "flow"]) world.value(name === "level" ? A : B, name, 50);

  await t.step("a device and an application tell of theirs alone", async () => {
    const device = await scada.listen(node(A), someFields);
    const application = await scada.listen(node("field"), someFields);
    world.value(A, "level", 85);
    world.value(B, "flow", 85);
    const seen = await all.take(2);
    deepStrictEqual(seen.map((event) => event.ConditionId), [node(LEVEL), node(FLOW)]);
    deepStrictEqual([await device.next()], [seen[0]]);
    deepStrictEqual([await application.next()], [seen[1]]);
    world.value(A, "level", 86);
    world.value(A, "level", 95);
    // had the application's item wrongly got events of the pump, they would have come before this one
    world.value(B, "flow", 95);
    await all.take(2);
    strictEqual((await application.next()).ConditionId, node(FLOW));
    strictEqual((await device.next()).ConditionId, node(LEVEL));
    const notifier = await scada.read([node(A), node("field"), "i=2253", node("Gateway")], "EventNotifier");
    deepStrictEqual(notifier.map(({ value }) => value), [5, 5, 5, 5]);
  });

  await t.step("where clauses choose by type, by value and by condition", async () => {
    const nodeIdOf = (id: string): TypedValue => ["NodeId", id];
    const limits = await scada.listen("i=2253", someFields, { where: { op: "OfType", values: [nodeIdOf("i=2955")] } });
    const doors = await scada.listen("i=2253", someFields, {
      where: {
        op: "And",
        of: [
          { op: "OfType", values: [nodeIdOf("i=10637")] },
          { op: "Equals", field: "ActiveState/Id", values: [["Boolean", true]] },
        ],
      },
    });
    const severe = await scada.listen("i=2253", someFields, {
      where: { op: "GreaterThanOrEqual", field: "Severity", values: [["UInt16", 800]] },
    });
    const flow = await scada.listen("i=2253", someFields, {
      where: { op: "InList", field: "ConditionId", values: [nodeIdOf(node(FLOW))] },
    });
    world.value(A, "door", false);
    world.value(A, "door", true);
    world.value(A, "door", false);
    world.value(B, "flow", 50);
    world.value(A, "level", 50);
    world.value(A, "level", 95);
    const seen = await all.take(5);
    const ids = (rows: readonly EventRow[]) => rows.map((row) => row.EventId);
    deepStrictEqual(ids(await limits.take(3)), ids(seen.slice(2)));
    deepStrictEqual(ids(await doors.take(1)), ids(seen.slice(0, 1)));
    deepStrictEqual(ids(await flow.take(1)), ids(seen.slice(2, 3)));
    deepStrictEqual(
      (await severe.take(1)).at(-1)?.EventId,
      seen.find((row) => row.Retain && row.ConditionId === node(FLOW))?.EventId,
    );
  });

  await t.step("a where clause that cannot be judged is refused, not ignored", async () => {
    const { status } = await client.call<{ status: string }>("alarmItem", {
      id: scada.id,
      subscription: scada.subscription,
      node: "i=2253",
      fields: someFields,
      where: { op: "Like", field: "Message", values: [["String", "Pump%"]] },
    });
    strictEqual(status, "BadMonitoredItemFilterUnsupported");
  });

  await t.step("a refresh brings back what is retained, to whom it was asked for", async () => {
    const elsewhere = await other.listen("i=2253", someFields);
    const area = await scada.listen(node("field"), someFields);
    strictEqual(await scada.refresh(), "Good");
    const retained = world.server.alarms.list().filter(({ retain }) => retain);
    ok(retained.length >= 2 && retained.length < world.server.alarms.list().length);
    strictEqual((await all.next()).EventType, REFRESH_START);
    const rows = await all.until(REFRESH_END);
    deepStrictEqual(rows.map((row) => row.EventId), retained.map(({ eventId }) => eventId), "the events they had");
    strictEqual((await area.next()).EventType, REFRESH_START);
    deepStrictEqual((await area.until(REFRESH_END)).map((row) => row.ConditionId), [node(FLOW)]);
    world.value(A, "door", true);
    strictEqual((await elsewhere.next()).ConditionId, node(DOOR), "another subscription hears nothing of a refresh");
    await all.next();
  });

  await t.step("a refresh of one item, and refreshes of what is not there", async () => {
    const filtered = await scada.listen("i=2253", someFields, {
      where: { op: "InList", field: "ConditionId", values: [["NodeId", node(FLOW)]] },
    });
    strictEqual(await scada.refresh(scada.subscription, filtered.item), "Good");
    strictEqual((await filtered.next()).EventType, REFRESH_START, "the bracket passes every filter");
    deepStrictEqual((await filtered.until(REFRESH_END)).map((row) => row.ConditionId), [node(FLOW)]);
    strictEqual(await scada.refresh(4711), "BadSubscriptionIdInvalid");
    strictEqual(await scada.refresh(other.subscription), "BadSubscriptionIdInvalid");
    strictEqual(await scada.refresh(scada.subscription, 4711), "BadMonitoredItemIdInvalid");
    strictEqual(await scada.call("i=2782", "i=3875"), "BadArgumentsMissing");
    world.value(A, "door", false);
    strictEqual((await all.next()).ConditionId, node(DOOR), "the other items heard nothing");
  });

  await t.step("a queue that is too short says so", async () => {
    const { subscription } = scada;
    const listen = async (discardOldest: boolean) => {
      const { item, queueSize } = await client.call<{ item: number; queueSize: number }>("alarmItem", {
        id: scada.id,
        subscription,
        node: node(A),
        fields: someFields,
        queueSize: 1,
        discardOldest,
      });
      strictEqual(queueSize, 100);
      return new Listener(client, scada.id, item);
    };
    const newest = await listen(true);
    const oldest = await listen(false);
    const setMode = (monitoringMode: number) =>
      client.call("service", {
        id: scada.id,
        service: "SetMonitoringMode",
        fields: { subscriptionId: subscription, monitoringMode, monitoredItemIds: [newest.item, oldest.item] },
      });
    // sampling fills the queues, reporting empties them
    await setMode(1);
    for (let i = 0; i < 75; i++) {
      world.value(A, "door", true);
      world.value(A, "door", false);
    }
    const sent = await all.take(150);
    await setMode(2);
    const lost = await newest.take(101);
    strictEqual(lost[0]?.EventType, "ns=0;i=3035");
    ok(lost.slice(1).every((row) => row.ConditionId === node(DOOR)));
    const kept = await oldest.take(101);
    strictEqual(kept.at(-1)?.EventType, "ns=0;i=3035");
    deepStrictEqual(lost.slice(1), sent.slice(50));
    deepStrictEqual(kept.slice(0, 100), sent.slice(0, 100));
  });
});
