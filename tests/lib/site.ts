import { join } from "node:path";
import { stringify } from "smol-toml";
import { fleetApplications } from "../../src/cli/demo_config.ts";
import { freePort } from "../../src/cli/free_port.ts";
import type { FleetDevice } from "../../src/sources/simulator/fleet.ts";
import { type Simulator, startSimulator } from "../../src/sources/simulator/start_simulator.ts";

/** The only user of a test's gateway; fits the defaults of the OPC UA client process. */
export const credentials = { user: "operator", password: "correct horse" } as const;

/** The token that the simulator wants and the gateway has. */
export const chirpstackToken = "test-token-of-the-simulated-field";

/** A simulated field on a free loopback port that lets in who has the token. It is silent unless `intervalMs` is given. */
export function startSimulatedField(
  devices: number,
  { intervalMs = 0, apiToken = chirpstackToken }: { readonly intervalMs?: number; readonly apiToken?: string } = {},
): Promise<Simulator> {
  return startSimulator({ hostname: "127.0.0.1", port: 0, apiToken, devices, intervalMs });
}

/** A configuration and its ports, for {@link import("./gateway_process.ts").startGatewayProcess}. */
export interface Site {
  readonly folder: string;
  readonly config: string;
  readonly opcuaPort: number;
  readonly webPort: number;
  readonly databasePath: string;
}

/** What a test wants different in the sections of its site's configuration. */
export interface SiteOptions {
  readonly folder: string;
  readonly chirpstackUrl: string;
  readonly devices: readonly FleetDevice[];
  readonly chirpstack?: Readonly<Record<string, unknown>>;
  readonly opcua?: Readonly<Record<string, unknown>>;
  readonly storage?: Readonly<Record<string, unknown>>;
  readonly web?: Readonly<Record<string, unknown>>;
  readonly control?: Readonly<Record<string, unknown>>;
  readonly tls?: Readonly<Record<string, unknown>>;
}

/** The configuration of a gateway that takes every metric of the simulator's devices, on free loopback ports. */
export function site(options: SiteOptions): Site {
  const { folder, chirpstackUrl, devices } = options;
  const opcuaPort = freePort("127.0.0.1", 0);
  const webPort = freePort("127.0.0.1", 0);
  const config = stringify({
    gateway: { name: "test", site: "Test bench", data_dir: "data" },
    chirpstack: { server_address: chirpstackUrl, api_token: chirpstackToken, ...options.chirpstack },
    opcua: {
      host_port: opcuaPort,
      user_name: credentials.user,
      user_password: credentials.password,
      trust_client_cert: true,
      ...options.opcua,
    },
    storage: { flush_ms: 50, backup_interval_hours: 0, ...options.storage },
    runtime: {
      web: { listen: `127.0.0.1:${webPort}`, ...options.web },
      control: { ...options.control },
      tls: { ...options.tls },
    },
    application: fleetApplications(devices),
  });
  return { folder, config, opcuaPort, webPort, databasePath: join(folder, "data", "history.db") };
}
