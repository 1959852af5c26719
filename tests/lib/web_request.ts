import { DeviceDirectory } from "../../src/web/device_directory.ts";
import { HistoryAccess } from "../../src/web/history_access.ts";
import { LiveHub, type LiveTimings } from "../../src/web/live_hub.ts";
import { createWebApp } from "../../src/web/web_app.ts";
import type { WebWorld } from "./web_world.ts";

/** The web application over a world, asked without a socket. Stop it when done. */
export function webApp(world: WebWorld, timings: Partial<LiveTimings> = {}) {
  const options = world.options();
  const devices = new DeviceDirectory(options.devices);
  const hub = new LiveHub({ ...options, devices, timings });
  const app = createWebApp({
    context: { ...options, devices, hub, history: new HistoryAccess(options.history) },
    assets: null,
    allowedHosts: ["gateway.local"],
  });
  return {
    app,
    hub,
    /** Requests a path as a browser on this machine does. */
    get: async (path: string, init: RequestInit & { host?: string } = {}) => {
      const { host = "127.0.0.1:8080", ...rest } = init;
      return await app.request(path, { ...rest, headers: { host, ...rest.headers } });
    },
    [Symbol.dispose]: () => hub.stop(),
  };
}
