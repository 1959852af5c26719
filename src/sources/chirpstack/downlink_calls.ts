import { status } from "@grpc/grpc-js";
import { DownlinkError, type Downlinks } from "../../commands/commands.ts";
import { CallError } from "./call_error.ts";
import type { ChirpStackApi } from "./chirpstack_api.ts";
import type { RemoteQueueItem } from "./downlink_messages.ts";

/** Sees what is enqueued and what is found in queues. */
export interface QueueObserver {
  /** An item was put into the queue. */
  enqueued(devEui: string, item: RemoteQueueItem): void;
  /** This is all that a queue holds. */
  listed(devEui: string, items: readonly RemoteQueueItem[]): void;
}

/** Answers that ChirpStack, or a proxy before it, gives before it touches a queue: asking again gives the same. */
const refusals: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
]);

/**
 * The way down by ChirpStack's API. An `Enqueue` is tried only on a connection that stands, so that "nothing was sent"
 * is certain; once the request left, everything but a clear refusal is "nobody knows".
 */
export function downlinkCalls(
  api: Pick<ChirpStackApi, "connected" | "enqueue" | "queue" | "flush">,
  observer: QueueObserver | null = null,
): Downlinks {
  return {
    async enqueue(item, signal) {
      let started = false;
      try {
        if (!await api.connected(signal)) {
          throw new DownlinkError("not_sent", "ChirpStack cannot be reached: nothing was sent");
        }
        const id = await api.enqueue(item, signal, () => started = true);
        const { fPort, confirmed, expiresUs } = item;
        observer?.enqueued(item.devEui, { id, fPort, confirmed, dataHex: "", isPending: false, expiresUs });
        return id;
      } catch (error) {
        throw downlinkError(error, started);
      }
    },
    async queue(devEui, signal) {
      try {
        const items = await api.queue(devEui, signal);
        observer?.listed(devEui, items);
        return items;
      } catch (error) {
        throw downlinkError(error, true);
      }
    },
    async flush(devEui, signal) {
      try {
        await api.flush(devEui, signal);
      } catch (error) {
        throw downlinkError(error, true);
      }
    },
  };
}

/** What a failed call means for a downlink. */
function downlinkError(error: unknown, started: boolean): DownlinkError {
  if (error instanceof DownlinkError) return error;
  if (!(error instanceof CallError)) {
    // the signal's reason, or what no call should throw
    const reason = error instanceof Error ? error.message : String(error);
    return new DownlinkError(started ? "unreachable" : "not_sent", `The call to ChirpStack was given up: ${reason}`);
  }
  if (!started) return new DownlinkError(error.kind === "unauthorized" ? "refused" : "not_sent", error.message);
  return new DownlinkError(isRefusal(error) ? "refused" : "unreachable", error.message);
}

function isRefusal({ code, message }: CallError): boolean {
  // any other INTERNAL may come from the database after the item was stored, or from a connection that broke
  if (code === status.INTERNAL) return /\bJS error\b/i.test(message);
  return code === null || refusals.has(code);
}
