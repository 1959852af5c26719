import { AttributeIds, MonitoredItem, MonitoringMode, type StatusCode, StatusCodes } from "node-opcua";

/** The parts of a monitored item that are mended here. */
interface Mended {
  readonly monitoringMode: MonitoringMode;
  readonly itemToMonitor: { readonly attributeId: AttributeIds };
  readonly queueSize: number;
  _linkedItems?: number[];
  _triggeredNotifications?: unknown[];
  resendInitialValue(): Promise<void>;
  addLinkItem(id: number): StatusCode;
  extractMonitoredItemNotifications(force?: boolean): unknown[];
}

/** Most notifications of an item that its triggers took and nobody fetched yet, beside those of its own queue. */
const MOST_TRIGGERED = 100;

let mended = false;

/**
 * What the library does otherwise than OPC 10000-4 asks of monitored items:
 * - ResendData (OPC 10000-5 §9.2) and a transfer repeat values of reporting items alone; the library also puts one into
 *   the queues of sampling items and, as a data change, into those of event items.
 * - A link that is there already is there once (§5.13.5): the library keeps the first one twice, and removes it once.
 * - What triggers took waits in a queue like everything else; the library's grows for as long as nobody publishes.
 */
export function mendItems(): void {
  if (mended) return;
  mended = true;
  const prototype = MonitoredItem.prototype as unknown as Mended;
  const { resendInitialValue, addLinkItem, extractMonitoredItemNotifications } = prototype;
  prototype.resendInitialValue = async function (this: Mended): Promise<void> {
    if (this.monitoringMode !== MonitoringMode.Reporting) return;
    if (this.itemToMonitor.attributeId === AttributeIds.EventNotifier) return;
    await resendInitialValue.call(this);
  };
  prototype.addLinkItem = function (this: Mended, id: number): StatusCode {
    return this._linkedItems?.includes(id) ? StatusCodes.Good : addLinkItem.call(this, id);
  };
  prototype.extractMonitoredItemNotifications = function (this: Mended, force = false): unknown[] {
    const taken = extractMonitoredItemNotifications.call(this, force);
    const waiting = this._triggeredNotifications;
    const most = Math.max(MOST_TRIGGERED, this.queueSize);
    if (force && waiting !== undefined && waiting.length > most) waiting.splice(0, waiting.length - most);
    return taken;
  };
}
