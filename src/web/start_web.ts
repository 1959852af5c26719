import type { Alarms } from "../alarms/alarms.ts";
import type { DeviceDefinition } from "../config/topology.ts";
import type { HistoryQueries } from "../history/history.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import { DeviceDirectory } from "./device_directory.ts";
import { HistoryAccess } from "./history_access.ts";
import { LiveHub } from "./live_hub.ts";
import { addPlantRoutes } from "./routes/plant_routes.ts";
import { type ServeOptions, serveWeb, type WebHandle } from "./serve_web.ts";

export type { WebHandle };

/** What the web server of a gateway shows and where. */
export interface WebOptions extends ServeOptions {
  readonly tags: TagStore;
  readonly devices: () => readonly DeviceDefinition[];
  readonly history: HistoryQueries;
  readonly alarms: Pick<Alarms, "subscribe" | "onDefinitions" | "counts">;
  readonly status: () => GatewayStatus;
}

/**
 * Starts the page and the API of a gateway. Rejects with the system's error (`EADDRINUSE`, …) when it cannot listen, and
 * with RangeError when it is to serve HTTPS without a certificate.
 */
export async function startWeb(options: WebOptions): Promise<WebHandle> {
  const { status, tags } = options;
  const devices = new DeviceDirectory(options.devices);
  const hub = new LiveHub({ ...options, devices });
  const history = new HistoryAccess(options.history);
  return await serveWeb(options, {
    context: { role: "gateway", instance: hub.instance, names: devices, status },
    addRoutes: (app, context) => addPlantRoutes(app, { ...context, tags, devices, history, hub, status }),
    live: hub,
  });
}
