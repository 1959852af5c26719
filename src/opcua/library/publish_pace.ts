import { EventFieldList, Subscription } from "node-opcua";

interface Paced {
  readonly publishingEnabled: boolean;
  readonly hasPendingNotifications: boolean;
  readonly hasUncollectedMonitoredItemNotifications: boolean;
  readonly _pending_notifications: { values(): Iterable<{ readonly notification: unknown }> };
  maxNotificationsPerPublish: number;
  process_subscription(): void;
  _popNotificationToSend(): unknown;
  /** Goes on with what is left, with the Publish requests that wait; without one the subscription is late. */
  _flushRemainingNotifications(): void;
}

/** Data changes that one message holds at most; an event counts as one for each {@link FIELDS_PER_CHANGE} fields. */
const MOST_IN_MESSAGE = 1000;
/** Fields of an event that cost as much to encode as a data change with its times. */
const FIELDS_PER_CHANGE = 4;
/** How long messages are made in one turn of the event loop, ms; the one that is begun is finished. */
const TURN_MS = 8;

let mended = false;
let spentMs = 0;
let armed = false;
const waiting = new Set<Paced>();

/**
 * Keeps the making of notification messages from holding up the event loop: the library fills a message with 1,000
 * notifications, be they events of 50 fields, and makes those of all subscriptions that are due, as many as there are
 * Publish requests, in one turn. Here a message is bounded by what it costs, and what does not fit into a turn goes on in
 * the next one, in order. A client may ask for less in a message, never for more (OPC 10000-4 §5.14.2): whatever its limit,
 * MoreNotifications tells it that there is more.
 */
export function pacePublishing(): void {
  if (mended) return;
  mended = true;
  const prototype = Subscription.prototype as unknown as Paced;
  const { process_subscription: process, _popNotificationToSend: pop } = prototype;
  prototype.process_subscription = function (this: Paced): void {
    // a keep-alive is small, and must not wait for others' notifications
    const notifies = this.publishingEnabled &&
      (this.hasPendingNotifications || this.hasUncollectedMonitoredItemNotifications);
    if (!notifies) return process.call(this);
    arm();
    if (spentMs >= TURN_MS) {
      // without an answer the publish engine leaves the request to others
      waiting.add(this);
      return;
    }
    const beganMs = performance.now();
    try {
      process.call(this);
    } finally {
      spentMs += performance.now() - beganMs;
    }
  };
  prototype._popNotificationToSend = function (this: Paced): unknown {
    const most = this.maxNotificationsPerPublish;
    this.maxNotificationsPerPublish = Math.min(most, fitting(this._pending_notifications.values()));
    try {
      return pop.call(this);
    } finally {
      this.maxNotificationsPerPublish = most;
    }
  };
}

function arm(): void {
  if (armed) return;
  armed = true;
  setImmediate(nextTurn);
}

function nextTurn(): void {
  armed = false;
  spentMs = 0;
  const due = [...waiting];
  waiting.clear();
  for (const subscription of due) subscription._flushRemainingNotifications();
}

/** How many of the notifications fit into a message: one at least. */
function fitting(notifications: Iterable<{ readonly notification: unknown }>): number {
  let count = 0;
  let cost = 0;
  for (const { notification } of notifications) {
    cost += notification instanceof EventFieldList
      ? Math.max(1, (notification.eventFields?.length ?? 0) / FIELDS_PER_CHANGE)
      : 1;
    if (cost > MOST_IN_MESSAGE) break;
    count++;
  }
  return Math.max(1, count);
}
