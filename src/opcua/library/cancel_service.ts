import { type CancelRequest, CancelResponse, OPCUAServer, type ServerSession, StatusCodes } from "node-opcua";

interface WaitingPublish {
  readonly request: { readonly requestHeader: { readonly requestHandle: number } };
}

/** The queue of Publish requests behind a session: the only requests that wait for long. */
interface PublishEngine {
  _publish_request_queue: WaitingPublish[];
  _send_error_for_request(waiting: WaitingPublish, status: typeof StatusCodes.Good): void;
}

interface CancellingServer {
  _on_CancelRequest?: (this: CancellingServer, message: { readonly request: CancelRequest }, channel: unknown) => void;
  _apply_on_SessionObject(
    response: typeof CancelResponse,
    message: unknown,
    channel: unknown,
    action: (session: ServerSession, send: (response: CancelResponse) => void) => void,
  ): Promise<void>;
}

/**
 * Adds the service Cancel (OPC 10000-4 §5.7.5), which the library answers with BadServiceUnsupported: Publish requests of
 * the session with that handle are answered `BadRequestCancelledByClient`. Everything else is answered as it is received,
 * so there is nothing of it to cancel.
 */
export function addCancelService(): void {
  const prototype = OPCUAServer.prototype as unknown as CancellingServer;
  prototype._on_CancelRequest ??= function (message, channel) {
    void this._apply_on_SessionObject(CancelResponse, message, channel, (session, send) => {
      const engine = session.publishEngine as unknown as PublishEngine;
      const { requestHandle } = message.request;
      const isMeant = ({ request }: WaitingPublish) => request.requestHeader.requestHandle === requestHandle;
      const cancelled = engine._publish_request_queue.filter(isMeant);
      engine._publish_request_queue = engine._publish_request_queue.filter((waiting) => !isMeant(waiting));
      for (const waiting of cancelled) {
        engine._send_error_for_request(waiting, StatusCodes.BadRequestCancelledByClient);
      }
      send(new CancelResponse({ cancelCount: cancelled.length }));
    });
  };
}
