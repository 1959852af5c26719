import type { Access } from "../access/access.ts";
import type { SessionSource } from "../operations/session_source.ts";
import type { RestartablePart, Stoppable } from "./restartable_part.ts";

/** Browser sessions, which outlive the listener. */
export function webSessions(access: Access): SessionSource {
  return {
    list: () => access.sessions().map(({ userAgent, ...session }) => ({ ...session, kind: "web", client: userAgent })),
    close: (id) => access.closeSession(id),
  };
}

/** The sessions of a part; none while it is off or down. */
export function runningSessions(part: RestartablePart<Stoppable & SessionSource>): SessionSource {
  return {
    list: () => part.running?.list() ?? [],
    close: (id) => part.running?.close(id) ?? false,
  };
}
