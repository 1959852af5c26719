import { formatTimeOrNull } from "../../telemetry/time_text.ts";
import { answers } from "../define.ts";
import type { Operation } from "../operation.ts";
import type { OperationParts, RoleParts } from "../operation_parts.ts";
import { viewStatus } from "../views.ts";

/** `status` of a gateway. */
export function statusOperation(parts: OperationParts): Operation {
  return answers("status", () => ({
    ...viewStatus(parts.status()),
    forced: parts.tags.forced().length,
    ...openNow(parts),
  }));
}

/** What is open now, of whichever role. */
export function openNow({ sessions, debug }: Pick<RoleParts, "sessions" | "debug">) {
  return {
    sessions: sessions.reduce((sum, source) => sum + source.list().length, 0),
    debugOpen: debug.isOpen(),
    debugOpenUntil: formatTimeOrNull(debug.openUntilUs),
  };
}
