import { deepStrictEqual } from "node:assert/strict";
import { setImmediate } from "node:timers";
import {
  type AddressSpace,
  AttributeIds,
  CallMethodRequest,
  DataType,
  type ISessionContext,
  resolveNodeId,
  StatusCodes,
  Variant,
} from "node-opcua";
import type { Alarm, Alarms } from "../../alarms/alarms.ts";
import type { AlarmNodes } from "./alarm_nodes.ts";
import { conditionRefresh } from "./condition_refresh.ts";

Deno.test("conditionRefresh() refuses a second refresh of a subscription while one runs", async () => {
  const subscription = { id: 7, monitoredItems: new Map() };
  const session = { getSubscription: (id: number) => id === 7 ? subscription : null };
  const context = { session } as unknown as ISessionContext;
  const type = { nodeId: resolveNodeId("i=2787") };
  const space = { findNode: () => type, constructEventData: () => ({}) } as unknown as AddressSpace;
  const asked = Promise.withResolvers<void>();
  let held = 0;
  // each alarm takes longer than a slice, so that the refresh gives way to others
  const alarm = { id: "a", retain: true } as Alarm;
  const alarms = {
    list: () => [alarm, alarm, alarm],
    get: () => {
      const until = performance.now() + 10;
      while (performance.now() < until) held++;
      asked.resolve();
      return alarm;
    },
  } as unknown as Alarms;
  const nodes = { get: () => undefined, deliver: (work: () => void) => work() } as unknown as AlarmNodes;
  const refresh = conditionRefresh({ space, nodes, alarms });
  const statusOf = async (id: number) => (await refresh(context, request(id)))?.statusCode;

  const first = statusOf(7);
  await asked.promise;
  deepStrictEqual(await statusOf(7), StatusCodes.BadRefreshInProgress);
  deepStrictEqual(await first, StatusCodes.Good);
  deepStrictEqual(await statusOf(7), StatusCodes.Good, "afterwards it may be asked for again");
  deepStrictEqual(await statusOf(8), StatusCodes.BadSubscriptionIdInvalid);
});

Deno.test("conditionRefresh() reaches an item that was created just before", async () => {
  const heard: unknown[] = [];
  const item = {
    itemToMonitor: { attributeId: AttributeIds.EventNotifier },
    monitoredItemId: 1,
    _on_opcua_event_received_callback: null as ((event: unknown) => void) | null,
  };
  const subscription = { id: 7, monitoredItems: new Map([[1, item]]) };
  const context = { session: { getSubscription: () => subscription } } as unknown as ISessionContext;
  const constructEventData = (type: unknown) => type;
  const space = { findNode: (id: unknown) => ({ nodeId: id }), constructEventData } as unknown as AddressSpace;
  const alarms = { list: () => [] } as unknown as Alarms;
  const nodes = { deliver: (work: () => void) => work() } as unknown as AlarmNodes;
  const refresh = conditionRefresh({ space, nodes, alarms });
  // as the library does after it answered CreateMonitoredItems
  setImmediate(() =>
    item._on_opcua_event_received_callback = (event) => heard.push(String((event as never)["nodeId"]))
  );
  deepStrictEqual((await refresh(context, request(7)))?.statusCode, StatusCodes.Good);
  deepStrictEqual(heard, ["ns=0;i=2787", "ns=0;i=2788"]);
});

/** A call of ConditionRefresh. */
function request(subscriptionId: number): CallMethodRequest {
  return new CallMethodRequest({
    objectId: resolveNodeId("i=2782"),
    methodId: resolveNodeId("i=3875"),
    inputArguments: [new Variant({ dataType: DataType.UInt32, value: subscriptionId })],
  });
}
