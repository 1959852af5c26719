import {
  type AddressSpace,
  AttributeIds,
  type BaseNode,
  DataType,
  EventFieldList,
  EventFilter,
  extractEventFields,
  type IEventData,
  MonitoredItem,
  NodeId,
  SessionContext,
  type UAEventType,
  type Variant,
} from "node-opcua";

/** A monitored item on the events of a node, as the library keeps it. */
export interface EventItem {
  readonly monitoredItemId: number;
  readonly node: BaseNode | null;
}

/** A subscription of a session. */
export interface EventSubscription {
  readonly id: number;
}

interface InnerItem extends EventItem {
  readonly itemToMonitor: { readonly attributeId: number } | null;
  readonly clientHandle: number;
  readonly filter: unknown;
  readonly queueSize: number;
  readonly discardOldest: boolean;
  readonly $subscription?: { readonly subscriptionDiagnostics?: { eventQueueOverFlowCount: number } };
  queue: unknown[];
  overflow: boolean;
  /** Set while the item is not disabled. */
  _on_opcua_event_received_callback?: ((event: IEventData) => void) | null;
  _enqueue_event(fields: Variant[]): void;
}

interface InnerSubscription extends EventSubscription {
  readonly monitoredItems: ReadonlyMap<number, InnerItem>;
}

type RefreshingSpace = AddressSpace & {
  _condition_refresh_scope: { subscription: EventSubscription; monitoredItemId?: number } | null;
};

/** EventQueueOverflowEventType (OPC 10000-5 §6.4.34) and the Server object, which is its source. */
const OVERFLOW_TYPE = new NodeId(NodeId.NodeIdType.NUMERIC, 3035, 0);
const SERVER = new NodeId(NodeId.NodeIdType.NUMERIC, 2253, 0);
/** RefreshStartEventType and RefreshEndEventType (OPC 10000-9 §5.11). */
const REFRESH_TYPES = { start: 2787, end: 2788 } as const;
/** Severity of an event that says that events were lost. */
const OVERFLOW_SEVERITY = 700;

/** The session's subscription with this id. */
export function subscriptionOf(session: unknown, id: number): EventSubscription | null {
  const found = (session as { getSubscription?(id: number): EventSubscription | null } | null)?.getSubscription?.(id);
  return found ?? null;
}

/** Whether the subscription has an item of this id at all. */
export function hasItem(subscription: EventSubscription, monitoredItemId: number): boolean {
  return (subscription as InnerSubscription).monitoredItems.has(monitoredItemId);
}

/** The items of a subscription that take events now; only the named one when an id is given. */
export function eventItems(subscription: EventSubscription, monitoredItemId?: number): EventItem[] {
  return [...(subscription as InnerSubscription).monitoredItems.values()].filter((item) =>
    item.itemToMonitor?.attributeId === AttributeIds.EventNotifier &&
    typeof item._on_opcua_event_received_callback === "function" &&
    (monitoredItemId === undefined || item.monitoredItemId === monitoredItemId)
  );
}

/**
 * Gives items events of a refresh, past the notifiers: whatever else goes on, other subscriptions hear nothing of it. The
 * library raises the bracket on the Server object alone, so that an item on an area would never get it.
 */
export function deliverRefresh(
  space: AddressSpace,
  subscription: EventSubscription,
  monitoredItemId: number | undefined,
  deliveries: Iterable<readonly [item: EventItem, event: IEventData]>,
): void {
  const refreshing = space as RefreshingSpace;
  // told so, an item lets the bracket through its content filter (OPC 10000-9 §4.5)
  refreshing._condition_refresh_scope = {
    subscription,
    ...(monitoredItemId === undefined ? {} : { monitoredItemId }),
  };
  try {
    for (const [item, event] of deliveries) (item as InnerItem)._on_opcua_event_received_callback?.(event);
  } finally {
    refreshing._condition_refresh_scope = null;
  }
}

/** The event that begins or ends a refresh. */
export function refreshEvent(space: AddressSpace, which: keyof typeof REFRESH_TYPES): IEventData {
  return serverEvent(space, new NodeId(NodeId.NodeIdType.NUMERIC, REFRESH_TYPES[which], 0), 100, which);
}

function serverEvent(space: AddressSpace, typeId: NodeId, severity: number, message: string): IEventData {
  const type = space.findNode(typeId) as UAEventType | null;
  if (type === null) throw new Error(`Cannot raise an event as its type is missing: ${typeId}`);
  return (space as unknown as { constructEventData(type: UAEventType, data: object): IEventData }).constructEventData(
    type,
    {
      sourceNode: { dataType: DataType.NodeId, value: SERVER },
      severity: { dataType: DataType.UInt16, value: severity },
      message: { dataType: DataType.LocalizedText, value: { locale: "en", text: message } },
      $eventDataSource: type,
    },
  );
}

let mended = false;

/**
 * Tells of lost events (OPC 10000-4 §5.13.1.5, §7.22): a full queue drops an event in silence in the library. Here it
 * holds one EventQueueOverflowEventType event beside those it has room for: before them when the oldest are dropped,
 * behind them when new ones are. Such an event passes every where clause.
 */
export function mendEventOverflow(): void {
  if (mended) return;
  mended = true;
  const prototype = MonitoredItem.prototype as unknown as InnerItem;
  const overflowEvents = new WeakSet<object>();
  prototype._enqueue_event = function (this: InnerItem, fields: Variant[]): void {
    const { queue } = this;
    const entry = entryOf(this, fields);
    if (queue.length < this.queueSize) {
      queue.push(entry);
      return;
    }
    const telling = queue.findIndex((one) => overflowEvents.has(one as object));
    if (queue.length - (telling < 0 ? 0 : 1) < this.queueSize) {
      queue.push(entry);
      return;
    }
    this.overflow = true;
    const diagnostics = this.$subscription?.subscriptionDiagnostics;
    if (diagnostics !== undefined) diagnostics.eventQueueOverFlowCount++;
    if (this.discardOldest) {
      // those before the telling event were there when it was told: all in front of it went first
      queue.splice(telling === 0 ? 1 : 0, 1);
      queue.push(entry);
    }
    if (telling < 0) {
      const event = entryOf(this, overflowFields(this));
      overflowEvents.add(event);
      if (this.discardOldest) queue.unshift(event);
      else queue.push(event);
    }
  };
}

/** The library's constructor would copy each value, which several items share. */
function entryOf({ clientHandle }: InnerItem, fields: Variant[]): EventFieldList {
  const entry = new EventFieldList(null);
  entry.clientHandle = clientHandle;
  entry.eventFields = fields;
  return entry;
}

function overflowFields(item: InnerItem): Variant[] {
  const { filter, node } = item;
  if (!(filter instanceof EventFilter) || node === null) return [];
  const event = serverEvent(node.addressSpace as AddressSpace, OVERFLOW_TYPE, OVERFLOW_SEVERITY, "Events were lost");
  return extractEventFields(SessionContext.defaultContext, filter.selectClauses ?? [], event);
}
