/** Entry of the hub role's worker. */
import "./supervisor/empty_environment.ts";
import { startFailure } from "./roles/start_failure.ts";
import { startHub } from "./roles/start_hub.ts";
import { type RolePort, serveRole } from "./supervisor/serve_role.ts";

serveRole(self as unknown as RolePort, {
  start: (start, host) => {
    if (start.role !== "hub") throw new RangeError(`Cannot start role '${start.role}' in the hub's worker`);
    return startHub(start, { assetsUrl: new URL("../static/", import.meta.url) }, host);
  },
  failure: startFailure,
});
