/** Entry of the simulator role's worker: a ChirpStack look-alike with its own field of devices. */
import "./supervisor/empty_environment.ts";
import { startFailure } from "./roles/start_failure.ts";
import { startSimulator } from "./sources/simulator/start_simulator.ts";
import { type RolePort, serveRole } from "./supervisor/serve_role.ts";

serveRole(self as unknown as RolePort, {
  start: async (start) => {
    if (start.role !== "simulator") throw new RangeError(`Cannot start role '${start.role}' in the simulator's worker`);
    const simulator = await startSimulator(start.options);
    return { ready: { listening: { grpc: simulator.url } }, stop: () => simulator.stop() };
  },
  failure: startFailure,
});
