import { setImmediate } from "node:timers/promises";
import {
  type AddressSpace,
  type CallMethodRequest,
  type CallMethodResultOptions,
  DataType,
  type IEventData,
  type ISessionContext,
  type StatusCode,
  StatusCodes,
} from "node-opcua";
import type { Alarms } from "../../alarms/alarms.ts";
import {
  deliverRefresh,
  type EventItem,
  eventItems,
  type EventSubscription,
  hasItem,
  refreshEvent,
  subscriptionOf,
} from "../library/event_items.ts";
import { sessionOf } from "../library/session_roles.ts";
import type { AlarmNodes } from "./alarm_nodes.ts";

/** ConditionType, and its two methods (OPC 10000-9 §5.5.7, §5.5.8). */
const CONDITION_TYPE = 2782;
const CONDITION_REFRESH = 3875;
const CONDITION_REFRESH_2 = 12_912;
/** Longest time of a refresh in one turn of the event loop, ms. */
const SLICE_MS = 8;

/** Answers a call of ConditionRefresh or ConditionRefresh2; `null` when it is another. */
export type RefreshCall = (
  context: ISessionContext,
  request: CallMethodRequest,
) => Promise<CallMethodResultOptions> | null;

/**
 * Gives the event items of one subscription, or one item, the conditions whose Retain is set, between RefreshStartEvent and
 * RefreshEndEvent: an item on an area gets that area's. New events may come in between (§5.5.7, step 3).
 */
export function conditionRefresh(
  { space, nodes, alarms }: { readonly space: AddressSpace; readonly nodes: AlarmNodes; readonly alarms: Alarms },
): RefreshCall {
  const refreshing = new WeakSet<EventSubscription>();

  return (context, { objectId, methodId, inputArguments }) => {
    if (objectId.namespace !== 0 || objectId.value !== CONDITION_TYPE || methodId.namespace !== 0) return null;
    const wanted = methodId.value === CONDITION_REFRESH ? 1 : methodId.value === CONDITION_REFRESH_2 ? 2 : 0;
    const inputs = inputArguments ?? [];
    // how the arguments are wrong the library says
    if (wanted === 0 || inputs.length !== wanted || inputs.some(({ dataType }) => dataType !== DataType.UInt32)) {
      return null;
    }
    const [subscriptionId, itemId] = inputs.map(({ value }) => Number(value));
    return refresh(sessionOf(context), subscriptionId ?? 0, itemId).then((statusCode) => ({
      statusCode,
      inputArgumentResults: inputs.map(() => StatusCodes.Good),
      outputArguments: [],
    }));
  };

  async function refresh(session: unknown, subscriptionId: number, itemId: number | undefined): Promise<StatusCode> {
    // another session's subscription is not found either: ids say nothing outside their session
    const subscription = subscriptionOf(session, subscriptionId);
    if (subscription === null) return StatusCodes.BadSubscriptionIdInvalid;
    if (itemId !== undefined && !hasItem(subscription, itemId)) return StatusCodes.BadMonitoredItemIdInvalid;
    if (refreshing.has(subscription)) return StatusCodes.BadRefreshInProgress;
    refreshing.add(subscription);
    try {
      // the library lets an item that was just created listen from the next turn on, and clients ask right after creating
      await setImmediate();
      const deliver = (deliveries: Iterable<readonly [EventItem, IEventData]>) =>
        nodes.deliver(() => deliverRefresh(space, subscription, itemId, deliveries));
      // those that are there now: whoever comes later has heard no begin
      const items = eventItems(subscription, itemId);
      const toAll = (event: IEventData) => deliver(items.map((item) => [item, event] as const));
      toAll(refreshEvent(space, "start"));
      let began = performance.now();
      for (const { id, retain } of alarms.list()) {
        if (!retain) continue;
        if (performance.now() - began > SLICE_MS) {
          await setImmediate();
          began = performance.now();
        }
        const condition = nodes.get(id);
        const alarm = alarms.get(id);
        // as it is now: an event of its own may have come in between
        if (condition === undefined || alarm?.retain !== true) continue;
        const event = nodes.eventOf(condition, alarm);
        deliver(
          items.filter(({ node }) => node !== null && condition.notifiers.some((notifier) => notifier === node))
            .map((item) => [item, event] as const),
        );
      }
      toAll(refreshEvent(space, "end"));
    } finally {
      refreshing.delete(subscription);
    }
    return StatusCodes.Good;
  }
}
