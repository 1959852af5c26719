import {
  type AddressSpace,
  type BaseNode,
  DataChangeFilter,
  DataType,
  DataValue,
  DeadbandType,
  MonitoredItem,
  MonitoredItemModifyResult,
  StatusCodes,
  type UAVariable,
} from "node-opcua";

/** The parts of a monitored item that bind it to its node. */
interface BoundItem {
  readonly itemToMonitor: unknown;
  readonly samplingInterval: number;
  readonly queueSize: number;
  readonly filter: unknown;
  _node: BaseNode | null;
  _on_node_disposed_listener: (() => void) | null;
  /** Where it waits for its node to come back. */
  $lost?: Set<BoundItem> | undefined;
  setNode(node: UAVariable): void;
  _start_sampling(recordInitialValue: boolean): void;
  _stop_sampling(): void;
  _close_coalesce_window(): void;
  recordValue(value: DataValue, skipChangeTest: boolean): boolean;
  _on_node_disposed(node: BaseNode): void;
  modify(timestamps: unknown, parameters: unknown): MonitoredItemModifyResult;
  dispose(): void;
}

/** Items whose node was deleted, by its NodeId, in each address space. */
const lostItems = new WeakMap<AddressSpace, Map<string, Set<BoundItem>>>();

let mended = false;

/**
 * What a monitored item does when its node is deleted: it reports `BadNodeIdUnknown` (the library says BadNodeIdInvalid)
 * and stays, and when a node with this id is added again it goes on by {@link reattachItems}. Deleting a node does not
 * make the item invalid (OPC 10000-4 §5.13.1.1).
 */
export function keepItemsOfDeletedNodes(): void {
  if (mended) return;
  mended = true;
  const prototype = MonitoredItem.prototype as unknown as BoundItem;
  const { _start_sampling: startSampling, modify, dispose } = prototype;
  prototype._on_node_disposed = function (this: BoundItem, node: BaseNode): void {
    // a folded value must not come behind the status
    this._close_coalesce_window();
    this._stop_sampling();
    if (this._on_node_disposed_listener !== null) node.removeListener("dispose", this._on_node_disposed_listener);
    this._on_node_disposed_listener = null;
    let byNode = lostItems.get(node.addressSpace as AddressSpace);
    if (byNode === undefined) lostItems.set(node.addressSpace as AddressSpace, byNode = new Map());
    const key = node.nodeId.toString();
    let items = byNode.get(key);
    if (items === undefined) byNode.set(key, items = new Set());
    items.add(this);
    this.$lost = items;
    this.recordValue(unknownNode(), true);
  };
  // what follows would touch a node that has no address space any more
  prototype._start_sampling = function (this: BoundItem, recordInitialValue: boolean): void {
    if (this.$lost === undefined) startSampling.call(this, recordInitialValue);
    else if (recordInitialValue) this.recordValue(unknownNode(), true);
  };
  prototype.modify = function (this: BoundItem, timestamps: unknown, parameters: unknown): MonitoredItemModifyResult {
    if (this.$lost === undefined) return modify.call(this, timestamps, parameters);
    return new MonitoredItemModifyResult({
      statusCode: StatusCodes.BadNodeIdUnknown,
      revisedQueueSize: this.queueSize,
      revisedSamplingInterval: this.samplingInterval,
    });
  };
  prototype.dispose = function (this: BoundItem): void {
    this.$lost?.delete(this);
    this.$lost = undefined;
    dispose.call(this);
  };
}

/** Lets the items that waited for a node with this id go on with it, beginning with its present value. */
export function reattachItems(space: AddressSpace, variable: UAVariable): void {
  const byNode = lostItems.get(space);
  const key = variable.nodeId.toString();
  const items = byNode?.get(key);
  if (items === undefined) return;
  for (const item of items) {
    if (!fits(item.filter, variable)) continue;
    items.delete(item);
    item.$lost = undefined;
    item._node = null;
    item.setNode(variable);
    if (isOn(item)) item._start_sampling(true);
  }
  if (items.size === 0) byNode?.delete(key);
}

/** Whether a filter can be applied to what the node has become: a deadband needs a number, one in percent a range. */
function fits(filter: unknown, variable: UAVariable): boolean {
  if (!(filter instanceof DataChangeFilter) || filter.deadbandType === DeadbandType.None) return true;
  const { namespace, value } = variable.dataType;
  const isNumber = namespace === 0 && typeof value === "number" && value >= DataType.SByte && value <= DataType.Double;
  return isNumber &&
    (filter.deadbandType !== DeadbandType.Percent || variable.getPropertyByName("EURange", 0) !== null);
}

function isOn(item: BoundItem): boolean {
  // 1 sampling, 2 reporting (OPC 10000-4 §7.23)
  const mode: number = (item as unknown as MonitoredItem).monitoringMode;
  return mode === 1 || mode === 2;
}

function unknownNode(): DataValue {
  return new DataValue({ statusCode: StatusCodes.BadNodeIdUnknown, sourceTimestamp: new Date() });
}
