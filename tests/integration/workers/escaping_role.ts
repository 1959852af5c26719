/** A role that tries to get out of its sandbox and reports how that went as its listening addresses. */
import "../../../src/supervisor/empty_environment.ts";
import { type RolePort, serveRole } from "../../../src/supervisor/serve_role.ts";
import { escapeAttempts, ordinaryWork, outcomes } from "./escape_attempts.ts";

serveRole(self as unknown as RolePort, {
  start: async (start) => {
    if (start.role !== "gateway" && start.role !== "hub") throw new RangeError("Cannot run this role");
    const { escapes, work } = JSON.parse(start.lastCrash ?? "{}");
    const results = { ...await outcomes(escapeAttempts(escapes)), ...await outcomes(ordinaryWork(work)) };
    return { ready: { listening: results }, stop: () => Promise.resolve() };
  },
  failure: (error) => ({ code: "failed", message: String(error), exitCode: 6 }),
});
