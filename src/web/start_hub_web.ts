import type { HubAdmin } from "../mesh/hub_admin.ts";
import type { HubRoleStatus } from "../operations/operation_parts.ts";
import type { SubjectNames } from "./api_context.ts";
import { MeshLive } from "./mesh_live.ts";
import { addMeshRoutes } from "./routes/mesh_routes.ts";
import { type ServeOptions, serveWeb, type WebHandle } from "./serve_web.ts";

/** What the web server of a hub shows and where. */
export interface HubWebOptions extends ServeOptions {
  readonly hub: Pick<HubAdmin, "subscribe">;
  /** Names of nodes. */
  readonly names: SubjectNames;
  readonly status: () => HubRoleStatus;
}

/**
 * Starts the page and the API of a hub's admins. Rejects with the system's error (`EADDRINUSE`, …) when it cannot listen,
 * and with RangeError when it is to serve HTTPS without a certificate.
 */
export async function startHubWeb(options: HubWebOptions): Promise<WebHandle> {
  const { names, status } = options;
  const instance = crypto.randomUUID().slice(0, 8);
  const live = new MeshLive({ ...options, instance });
  return await serveWeb(options, {
    context: { role: "hub", instance, names, status },
    addRoutes: (app, context) => addMeshRoutes(app, { ...context, status, live }),
    live,
  });
}
