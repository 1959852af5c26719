import { stringify } from "smol-toml";
import type { FleetDevice } from "../sources/simulator/fleet.ts";

/** What the demo's configuration is made from. */
export interface DemoConfigOptions {
  readonly dataDir: string;
  readonly fleet: readonly FleetDevice[];
  /** `http://127.0.0.1:<port>` of the simulator. */
  readonly simulatorUrl: string;
  readonly opcuaPort: number;
  readonly webPort: number;
  readonly userName: string;
}

/**
 * The demo's `edgekeep.toml`: the simulator's fleet as a person would have configured it. Its secrets lie in files
 * beside it (`chirpstack-token`, `opcua-password`), as they should on a real appliance. Client certificates are trusted
 * unseen: the demo listens on loopback only, and whoever tries it has no other place to trust them yet.
 */
export function demoConfig(options: DemoConfigOptions): string {
  const { dataDir, fleet, simulatorUrl, opcuaPort, webPort, userName } = options;
  return "# Written by `edgekeep demo` at each start: copy it before you change it.\n\n" + stringify({
    gateway: { name: "demo", site: "Simulated field", data_dir: dataDir },
    chirpstack: { server_address: simulatorUrl, api_token_file: "chirpstack-token" },
    opcua: { host_port: opcuaPort, user_name: userName, user_password_file: "opcua-password", trust_client_cert: true },
    logging: { level: "info", dir: "log" },
    runtime: { web: { listen: `127.0.0.1:${webPort}` } },
    application: fleetApplications(fleet).map((application) => ({
      ...application,
      device: application.device.map((device) => ({
        ...device,
        read_metric: device.read_metric.map((metric) => {
          const alarm = demoAlarms[metric.metric_name];
          return alarm === undefined ? metric : { ...metric, alarm };
        }),
        ...(device.read_metric.some(({ metric_name }) => metric_name === "Valve open") ? { command: [demoValve] } : {}),
      })),
    })),
  }) + "\n";
}

/** Alarms of the demo by the metric's name; the temperature of a warm afternoon sets some of them off. */
const demoAlarms: Readonly<Record<string, Readonly<Record<string, number | string>>>> = {
  "Soil moisture": { lo: 20, lolo: 10, deadband: 1 },
  "Temperature": { hi: 24, hihi: 35, deadband: 0.5 },
  "Leak": { hi: 1, severity: 900, message: "Water where none should be" },
  "Modbus error": { hi: 1, severity: 300 },
};

/** What the simulated valve's codec takes: true opens it, false closes it. */
const demoValve = {
  command_id: 1,
  command_name: "Valve",
  command_port: 10,
  command_confirmed: true,
  type: "Bool",
  payload: { object: { payload: "{value}" } },
  deadline_seconds: 600,
};

/** The `[[application]]` tables that take every metric of these devices. */
export function fleetApplications(fleet: readonly FleetDevice[]) {
  const applications = Map.groupBy(fleet, (device) => device.applicationId);
  return [...applications.values()].map((devices) => ({
    application_id: devices[0]?.applicationId,
    application_name: devices[0]?.applicationName,
    device: devices.map((device) => ({
      device_id: device.devEui,
      device_name: device.name,
      read_metric: device.metrics.map((metric) => ({
        metric_name: metric.name,
        chirpstack_metric_name: metric.path,
        metric_type: metric.type,
        ...(metric.unit === undefined ? {} : { metric_unit: metric.unit }),
        ...(metric.range === undefined ? {} : { range: [...metric.range] }),
      })),
    })),
  }));
}
