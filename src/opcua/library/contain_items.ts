import { type DataValue, type IEventData, MonitoredItem } from "node-opcua";

interface Item {
  recordValue(value: DataValue, ...rest: unknown[]): unknown;
  _on_opcua_event(event: IEventData): void;
}

type OnFailure = (error: unknown) => void;

/** Told of failures, of all servers of the process: an item does not know its own. */
const listeners = new Set<OnFailure>();
let contained = false;

/**
 * Keeps one client's monitored item that throws at a value or an event from keeping it from everybody else's: the library
 * hands it from item to item, and the first that throws is the last that is asked.
 *
 * @returns ends the telling
 */
export function containItems(onFailure: OnFailure): () => void {
  listeners.add(onFailure);
  if (!contained) contain();
  return () => void listeners.delete(onFailure);
}

function contain(): void {
  contained = true;
  const prototype = MonitoredItem.prototype as unknown as Item;
  const { recordValue, _on_opcua_event: onEvent } = prototype;
  prototype.recordValue = function (this: Item, value, ...rest) {
    try {
      return recordValue.call(this, value, ...rest);
    } catch (error) {
      tell(error);
      return false;
    }
  };
  prototype._on_opcua_event = function (this: Item, event) {
    try {
      onEvent.call(this, event);
    } catch (error) {
      tell(error);
    }
  };
}

function tell(error: unknown): void {
  for (const listener of listeners) listener(error);
}
