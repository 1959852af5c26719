import { type NotificationMessage, type PublishResponse, ServerSidePublishEngine } from "node-opcua";

interface Engine {
  _send_valid_response_for_request(request: unknown, response: PublishResponse): void;
}

let mended = false;

/**
 * Stamps notifications with the time at which they are first sent (OPC 10000-4 §7.26): the library leaves it out. A
 * notification that is sent again keeps its time.
 */
export function stampNotifications(): void {
  if (mended) return;
  mended = true;
  const engine = ServerSidePublishEngine.prototype as unknown as Engine;
  const send = engine._send_valid_response_for_request;
  engine._send_valid_response_for_request = function (this: Engine, request, response) {
    const message = response.notificationMessage as NotificationMessage | null;
    // unset means 1601, the epoch of OPC UA
    if (message !== null && (message.publishTime?.getTime() ?? 0) <= 0) message.publishTime = new Date();
    send.call(this, request, response);
  };
}
