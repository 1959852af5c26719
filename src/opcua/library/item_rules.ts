import {
  type AddressSpace,
  AggregateFilter,
  AttributeIds,
  DataChangeFilter,
  EventFilter,
  MonitoredItem,
  type MonitoredItemCreateRequest,
  MonitoredItemCreateResult,
  MonitoredItemModifyResult,
  SessionContext,
  type StatusCode,
  StatusCodes,
  Subscription,
} from "node-opcua";

import { eventFilterFault } from "./event_filters.ts";
import { isCrowded, joinCrowd } from "./item_crowds.ts";

/** The parts of a subscription that make items. */
interface ItemMaker {
  preCreateMonitoredItem(
    space: AddressSpace,
    timestamps: unknown,
    request: MonitoredItemCreateRequest,
  ): { readonly createResult: MonitoredItemCreateResult };
}

interface ChangeableItem {
  readonly itemToMonitor: { readonly attributeId: number } | null;
  modify(timestamps: unknown, parameters: { readonly filter?: unknown } | null): MonitoredItemModifyResult;
}

let mended = false;

/**
 * What the library lets pass when an item is made or changed: an attribute that the node does not have, and filters
 * whose trigger, deadband type or deadband no standard knows (OPC 10000-4 §5.13.2.4, §7.22.2).
 */
export function judgeItems(): void {
  if (mended) return;
  mended = true;
  const maker = Subscription.prototype as unknown as ItemMaker;
  const make = maker.preCreateMonitoredItem;
  maker.preCreateMonitoredItem = function (this: ItemMaker, space, timestamps, request) {
    const refused = attributeFault(space, request) ??
      filterFault(request.requestedParameters?.filter, request.itemToMonitor.attributeId);
    if (refused !== null) return { createResult: new MonitoredItemCreateResult({ statusCode: refused }) };
    const subscription = this as unknown as Subscription;
    if (isCrowded(subscription, request)) {
      return { createResult: new MonitoredItemCreateResult({ statusCode: StatusCodes.BadTooManyMonitoredItems }) };
    }
    const made = make.call(this, space, timestamps, request);
    if (made.createResult.statusCode.isGood()) joinCrowd(subscription, request);
    return made;
  };
  const item = MonitoredItem.prototype as unknown as ChangeableItem;
  const { modify } = item;
  item.modify = function (this: ChangeableItem, timestamps, parameters) {
    const refused = filterFault(parameters?.filter, this.itemToMonitor?.attributeId);
    return refused === null
      ? modify.call(this, timestamps, parameters)
      : new MonitoredItemModifyResult({ statusCode: refused });
  };
}

function attributeFault(space: AddressSpace, { itemToMonitor }: MonitoredItemCreateRequest): StatusCode | null {
  const { nodeId, attributeId } = itemToMonitor;
  if (attributeId === AttributeIds.Value) return null;
  // whether the node is there is the library's question
  const { statusCode } = space.findNode(nodeId)?.readAttribute(SessionContext.defaultContext, attributeId) ?? {};
  return statusCode?.equals(StatusCodes.BadAttributeIdInvalid) ? statusCode : null;
}

/**
 * Why a filter cannot be served by an item on an attribute. What gets past here and does not fit makes the library throw at
 * the first value or event, in the middle of handing it to everybody's items.
 */
function filterFault(filter: unknown, attributeId: number | undefined): StatusCode | null {
  const ofEvents = attributeId === AttributeIds.EventNotifier;
  if (filter === null || filter === undefined) return ofEvents ? StatusCodes.BadEventFilterInvalid : null;
  if (filter instanceof EventFilter) return eventFilterFault(filter);
  if (filter instanceof AggregateFilter) return StatusCodes.BadMonitoredItemFilterUnsupported;
  if (!(filter instanceof DataChangeFilter)) return StatusCodes.BadMonitoredItemFilterInvalid;
  const { trigger, deadbandType, deadbandValue } = filter;
  // an enumeration's unknown number comes from the wire as it is, or as nothing
  if (![0, 1, 2].includes(trigger as number)) return StatusCodes.BadMonitoredItemFilterInvalid;
  if (![0, 1, 2].includes(deadbandType)) return StatusCodes.BadDeadbandFilterInvalid;
  if (deadbandType === 0) return null;
  return deadbandValue >= 0 && deadbandValue < Infinity ? null : StatusCodes.BadDeadbandFilterInvalid;
}
