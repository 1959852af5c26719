import type { WebConfig } from "../../src/config/schema.ts";
import type { ServerCertificate } from "../../src/tls/server_certificate.ts";
import { DeviceDirectory } from "../../src/web/device_directory.ts";
import { HistoryAccess } from "../../src/web/history_access.ts";
import { LiveHub, type LiveTimings } from "../../src/web/live_hub.ts";
import type { PeerSocket } from "../../src/web/peer.ts";
import type { PlantContext } from "../../src/web/api_context.ts";
import { addPlantRoutes } from "../../src/web/routes/plant_routes.ts";
import { createWebApp } from "../../src/web/web_app.ts";
import { WebSite } from "../../src/web/web_site.ts";
import { webConfig, type WebWorld } from "./web_world.ts";

/** How a request of a test differs from a page's on this machine. */
export type TestRequest = RequestInit & {
  /** The Host header. */
  readonly host?: string;
  /** The socket it comes over. */
  readonly peer?: PeerSocket;
};

/** A client on another machine of the plant's network. */
export const neighbour: PeerSocket = { remoteAddress: "192.168.7.20", localAddress: "192.168.7.2" };

/** The web application over a world, asked without a socket. Stop it when done. */
export function webApp(
  world: WebWorld,
  { timings = {}, config = {}, certificate = null }: {
    readonly timings?: Partial<LiveTimings>;
    readonly config?: Partial<WebConfig>;
    readonly certificate?: ServerCertificate | null;
  } = {},
) {
  const web = webConfig({ listen: "127.0.0.1:8080", allowed_hosts: ["gateway.local"], ...config });
  const options = world.options({ config: web, certificate });
  const devices = new DeviceDirectory(options.devices);
  const hub = new LiveHub({ ...options, devices, timings });
  const site = new WebSite({ config: web, certificate, hostname: "box7.plant.example" });
  const context: PlantContext = {
    ...options,
    role: "gateway",
    instance: hub.instance,
    names: devices,
    devices,
    hub,
    site,
    history: new HistoryAccess(options.history),
  };
  const app = createWebApp({
    context,
    addRoutes: (app) => addPlantRoutes(app, context),
    assets: null,
  });
  const ask = async (path: string, { host = "127.0.0.1:8080", peer = loopback, ...rest }: TestRequest = {}) =>
    await app.request(path, { ...rest, headers: { host, ...rest.headers } }, { incoming: { socket: peer } });
  return {
    app,
    hub,
    site,
    /** Requests a path, unless told as a browser on this machine does. */
    get: ask,
    /** Sends a change with a JSON body, unless told as a page of ours does. */
    send: async (method: string, path: string, body?: unknown, { headers, ...rest }: TestRequest = {}) =>
      await ask(path, {
        method,
        headers: {
          "content-type": "application/json",
          origin: `${rest.peer?.encrypted ? "https" : "http"}://${rest.host ?? "127.0.0.1:8080"}`,
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...rest,
      }),
    [Symbol.dispose]: () => hub.stop(),
  };
}

const loopback: PeerSocket = { remoteAddress: "127.0.0.1", localAddress: "127.0.0.1" };
