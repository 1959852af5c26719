import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { PlantContext, WebEnv } from "../api_context.ts";
import { jsonAnswer } from "../api_route.ts";
import { statusSchema } from "../api_schema.ts";
import { viewStatus } from "../status_view.ts";
import { addDeviceRoutes } from "./device_routes.ts";
import { addHistoryRoutes } from "./history_routes.ts";
import { addReferenceRoutes } from "./reference_routes.ts";
import { addTagRoutes } from "./tag_routes.ts";

/** Adds what a gateway alone has: its status, tags, history, devices. */
export function addPlantRoutes(app: OpenAPIHono<WebEnv>, context: PlantContext): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/status",
      tags: ["status"],
      summary: "How the gateway is doing",
      responses: { 200: jsonAnswer(statusSchema, "The status") },
    }),
    (c) => c.json(viewStatus(context.status(), context.devices), 200),
  );
  addTagRoutes(app, context);
  addHistoryRoutes(app, context);
  addDeviceRoutes(app, context);
  addReferenceRoutes(app, context);
}
