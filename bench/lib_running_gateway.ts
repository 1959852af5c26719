import { type GatewayProcess, startGatewayProcess } from "../tests/lib/gateway_process.ts";
import { site, startSimulatedField } from "../tests/lib/site.ts";
import type { Simulator } from "../src/sources/simulator/start_simulator.ts";

/** A gateway in its own process on a simulated field in this one. */
export interface RunningGateway extends AsyncDisposable {
  readonly gateway: GatewayProcess;
  readonly simulator: Simulator;
}

/** Starts a field and a gateway on it. `intervalMs` 0 leaves the sending to the bench. */
export async function startRunningGateway(devices: number, intervalMs: number): Promise<RunningGateway> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-bench-" });
  const simulator = await startSimulatedField(devices, { intervalMs });
  const place = site({ folder, chirpstackUrl: simulator.url, devices: simulator.devices });
  const gateway = await startGatewayProcess(place);
  return {
    gateway,
    simulator,
    async [Symbol.asyncDispose]() {
      await gateway.end();
      await simulator.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
