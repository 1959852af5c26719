/** Entry of the gateway role's worker. */
import "./supervisor/empty_environment.ts";
import { startFailure } from "./roles/start_failure.ts";
import { startGateway } from "./roles/start_gateway.ts";
import { type RolePort, serveRole } from "./supervisor/serve_role.ts";
import { workerUrl } from "./worker_url.ts";

serveRole(self as unknown as RolePort, {
  start: (start, host) => {
    if (start.role !== "gateway") throw new RangeError(`Cannot start role '${start.role}' in the gateway's worker`);
    return startGateway(start, {
      readerUrl: workerUrl(import.meta.url, "./history/reader.ts"),
      assetsUrl: new URL("../static/", import.meta.url),
    }, host);
  },
  failure: startFailure,
});
