import {
  CreateMonitoredItemsRequest,
  CreateSubscriptionRequest,
  ModifyMonitoredItemsRequest,
  ModifySubscriptionRequest,
  MonitoredItem,
  type OPCUAServer,
  ServerSession,
} from "node-opcua";
import type { OpcUaConfig } from "../../config/schema.ts";

/** Asks for the subscription's publishing interval (OPC 10000-4 §7.21). */
const AS_PUBLISHED = -1;
/** Timers count to 2^31 ms. */
const LONGEST_SAMPLING_MS = 0x7fffffff;

type Caps = Pick<
  OpcUaConfig,
  "max_queued_notifications" | "max_pending_publish_requests" | "min_sampling_interval_ms" | "max_keep_alive_count"
>;

/**
 * Applies the caps that a client asks for in a request and is answered a revised value: queues of monitored items, sampling
 * intervals, keep-alive counts; and that of the Publish requests which a session may have waiting. Called before the
 * server is made.
 */
export function capSessions(config: Caps): void {
  ServerSession.maxPublishRequestInQueue = config.max_pending_publish_requests;
  MonitoredItem.minimumSamplingInterval = config.min_sampling_interval_ms;
}

/** Lowers what requests ask for to the caps, before the library reads them. */
export function capRequests(server: OPCUAServer, config: Caps): void {
  server.on("request", (request) => {
    if (request instanceof CreateMonitoredItemsRequest) {
      for (const item of request.itemsToCreate ?? []) capItem(item.requestedParameters, config);
    } else if (request instanceof ModifyMonitoredItemsRequest) {
      for (const item of request.itemsToModify ?? []) capItem(item.requestedParameters, config);
    } else if (request instanceof CreateSubscriptionRequest || request instanceof ModifySubscriptionRequest) {
      request.requestedMaxKeepAliveCount = Math.min(request.requestedMaxKeepAliveCount, config.max_keep_alive_count);
    }
  });
}

function capItem(
  parameters: { queueSize: number; samplingInterval: number } | null | undefined,
  { max_queued_notifications }: Caps,
): void {
  if (!parameters) return;
  parameters.queueSize = Math.min(parameters.queueSize, max_queued_notifications);
  const { samplingInterval } = parameters;
  // a Double may be anything, but the library asserts that this one is finite
  if (Number.isNaN(samplingInterval)) parameters.samplingInterval = AS_PUBLISHED;
  else parameters.samplingInterval = Math.max(AS_PUBLISHED, Math.min(samplingInterval, LONGEST_SAMPLING_MS));
}
