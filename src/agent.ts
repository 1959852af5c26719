/** Entry of the mesh agent's worker. */
import "./supervisor/empty_environment.ts";
import { startAgent } from "./roles/start_agent.ts";
import { startFailure } from "./roles/start_failure.ts";
import { type RolePort, serveRole } from "./supervisor/serve_role.ts";

serveRole(self as unknown as RolePort, {
  start: (start) => {
    if (start.role !== "agent") throw new RangeError(`Cannot start role '${start.role}' in the agent's worker`);
    return startAgent(start);
  },
  failure: startFailure,
});
