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
      for (const item of request.itemsToCreate ?? []) capQueue(item.requestedParameters, config);
    } else if (request instanceof ModifyMonitoredItemsRequest) {
      for (const item of request.itemsToModify ?? []) capQueue(item.requestedParameters, config);
    } else if (request instanceof CreateSubscriptionRequest || request instanceof ModifySubscriptionRequest) {
      request.requestedMaxKeepAliveCount = Math.min(request.requestedMaxKeepAliveCount, config.max_keep_alive_count);
    }
  });
}

function capQueue(parameters: { queueSize: number } | null | undefined, { max_queued_notifications }: Caps): void {
  if (parameters) parameters.queueSize = Math.min(parameters.queueSize, max_queued_notifications);
}
