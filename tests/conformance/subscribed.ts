import { ok, strictEqual } from "node:assert/strict";
import type { ServiceAnswer } from "../lib/opcua_client_process.ts";
import type { World } from "./world.ts";

/** A value as it comes in a notification. */
export interface Notified {
  readonly clientHandle: number;
  readonly value: {
    readonly value: { readonly dataType: number; readonly value: unknown } | null;
    readonly status: string;
    readonly statusCode: number;
    readonly source: number | null;
    readonly server: number | null;
  };
}

/** What creating an item answered. */
export interface CreatedItem {
  readonly statusCode: string;
  readonly monitoredItemId: number;
  readonly revisedSamplingInterval: number;
  readonly revisedQueueSize: number;
}

/** A subscription whose Publish requests the test sends itself. */
export interface Subscribed {
  readonly world: World;
  /** The connection that it belongs to. */
  readonly connection: number;
  readonly id: number;
  readonly created: ServiceAnswer;
  call(service: string, fields?: Record<string, unknown>, unchecked?: Record<string, unknown>): Promise<ServiceAnswer>;
  fault(service: string, fields?: Record<string, unknown>, unchecked?: Record<string, unknown>): Promise<string>;
  /** Creates items, with client handles from 1 on unless they name one. */
  items(...items: readonly (Record<string, unknown> | string)[]): Promise<readonly CreatedItem[]>;
  publish(acknowledge?: readonly number[]): Promise<ServiceAnswer>;
  /** Publishes until `count` values came, in their order; fails when a keep-alive comes first. */
  values(count: number): Promise<readonly Notified[]>;
  /** Publishes and makes sure that nothing is reported. */
  nothing(): Promise<void>;
}

/** An item of a node's Value with a queue of ten and the sampling interval 0. */
export function item(nodeId: string, parameters: Record<string, unknown> = {}, more: Record<string, unknown> = {}) {
  const { attributeId = 13, indexRange, dataEncoding, ...rest } = more;
  return {
    itemToMonitor: { nodeId, attributeId, indexRange, dataEncoding },
    monitoringMode: 2,
    requestedParameters: { samplingInterval: 0, queueSize: 10, discardOldest: true, ...parameters },
    ...rest,
  };
}

/** The values of the notifications in a Publish response. */
export function notifiedIn(answer: ServiceAnswer): readonly Notified[] {
  const data = (answer.notificationMessage?.notificationData ?? []) as { $type: string; monitoredItems?: Notified[] }[];
  return data.flatMap(({ $type, monitoredItems }) => $type === "DataChangeNotification" ? monitoredItems ?? [] : []);
}

/** Runs a test with a subscription of 50 ms that is deleted afterwards. */
export async function subscribed(
  world: World,
  run: (subscription: Subscribed) => Promise<void>,
  options: Record<string, unknown> = {},
  connection?: number,
): Promise<void> {
  const id = connection ?? await world.session();
  const created = await world.call("CreateSubscription", {
    requestedPublishingInterval: 50,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 3,
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 1,
    ...options,
  }, { id });
  strictEqual(created.responseHeader.serviceResult, "Good");
  const subscriptionId = created.subscriptionId as number;
  let handle = 0;
  let last: number | undefined;
  const call: Subscribed["call"] = (service, fields = {}, unchecked = {}) =>
    world.call(service, { subscriptionId, ...fields }, { id, unchecked });
  const subscription: Subscribed = {
    world,
    connection: id,
    id: subscriptionId,
    created,
    call,
    fault: (service, fields = {}, unchecked = {}) =>
      world.fault(service, { subscriptionId, ...fields }, { id, unchecked }),
    async items(...wanted) {
      const answer = await call("CreateMonitoredItems", {
        timestampsToReturn: 2,
        itemsToCreate: wanted.map((one) => {
          const made = typeof one === "string" ? item(one) : one;
          return { ...made, requestedParameters: { clientHandle: ++handle, ...made.requestedParameters as object } };
        }),
      });
      strictEqual(answer.responseHeader.serviceResult, "Good");
      return answer.results as CreatedItem[];
    },
    async publish(acknowledge) {
      const numbers = acknowledge ?? (last === undefined ? [] : [last]);
      const answer = await world.call("Publish", {
        subscriptionAcknowledgements: numbers.map((sequenceNumber) => ({ subscriptionId, sequenceNumber })),
      }, { id });
      const message = answer.notificationMessage;
      last = message && message.notificationData?.length > 0 ? message.sequenceNumber as number : undefined;
      return answer;
    },
    async values(count) {
      const found: Notified[] = [];
      while (found.length < count) {
        const came = notifiedIn(await subscription.publish());
        ok(came.length > 0, `a keep-alive after ${found.length} of ${count} values`);
        found.push(...came);
      }
      strictEqual(found.length, count);
      return found;
    },
    async nothing() {
      const came = notifiedIn(await subscription.publish());
      strictEqual(came.length, 0, JSON.stringify(came));
    },
  };
  try {
    await run(subscription);
  } finally {
    await world.call("DeleteSubscriptions", { subscriptionIds: [subscriptionId] }, { id }).catch(() => {});
  }
}
