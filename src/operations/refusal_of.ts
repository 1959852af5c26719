import { getLogger } from "@logtape/logtape";
import { AccessError } from "../access/access.ts";
import { HistoryUnavailableError } from "../history/history.ts";
import { HubRefusal } from "../mesh/hub_admin.ts";
import { HostRefusal } from "../supervisor/role_protocol.ts";
import { OperationError, type OperationErrorCode, type OperationRefusal } from "./operation.ts";

const log = getLogger(["edgekeep", "operations"]);

const hostCodes: Readonly<Record<HostRefusal["code"], OperationErrorCode>> = {
  conflict: "conflict",
  not_found: "not_found",
  not_configured: "not_configured",
  io: "unavailable",
  internal: "internal",
};

/**
 * What the caller is told of an error. Errors that the rooms throw on purpose carry a code and words for callers; anything
 * else is `internal`, and its words go to the log alone.
 */
export function refusalOf(name: string, error: unknown, signal: AbortSignal): OperationRefusal {
  if (error instanceof OperationError || error instanceof AccessError) {
    const { code, message, more } = error;
    return { ok: false, code, message, ...defined(more) };
  }
  if (error instanceof HubRefusal) {
    const { code, message, fix } = error;
    return { ok: false, code, message, ...fix === undefined ? {} : { fix } };
  }
  if (error instanceof HostRefusal) return { ok: false, code: hostCodes[error.code], message: error.message };
  if (error instanceof HistoryUnavailableError) {
    return { ok: false, code: "unavailable", message: "History cannot be read now: its reader is being restarted" };
  }
  if (signal.aborted && error instanceof DOMException && error.name === "AbortError") {
    return { ok: false, code: "cancelled", message: `${name} was cancelled` };
  }
  log.error("The operation {operation} failed: {error}", { event: "operation_failed", operation: name, error });
  return { ok: false, code: "internal", message: `${name} failed inside the gateway; its log tells more` };
}

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
