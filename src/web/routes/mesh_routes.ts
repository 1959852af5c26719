import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { addressKey } from "../../config/address_key.ts";
import type { MeshContext, WebEnv } from "../api_context.ts";
import { jsonAnswer, problemAnswer } from "../api_route.ts";
import { hubStatusSchema } from "../api_schema.ts";
import { viewHubStatus } from "../status_view.ts";

/** Adds what a hub alone has: its status, and what of the mesh changes. The rest of it are operations. */
export function addMeshRoutes(app: OpenAPIHono<WebEnv>, context: MeshContext): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/status",
      tags: ["status"],
      summary: "How the hub is doing",
      responses: { 200: jsonAnswer(hubStatusSchema, "The status") },
    }),
    (c) => c.json(viewHubStatus(context.status(), context.names), 200),
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/hub/stream",
      tags: ["hub"],
      summary: "What of the mesh changes, as server-sent events",
      description:
        "Events: `hello`, `mesh` with the topics to read anew, `heartbeat`; and `status` and `event` with `with`.",
      request: {
        query: z.strictObject({
          with: z.string().regex(/^(status|events)(,(status|events))?$/).optional().openapi({
            description: "`status`: the hub's status every 2 s; `events`: the event feed",
          }),
        }),
      },
      responses: {
        200: { description: "The stream", content: { "text/event-stream": { schema: z.string() } } },
        400: problemAnswer("A parameter does not fit"),
        503: problemAnswer("Too many streams are open"),
      },
    }),
    (c) => {
      const wanted = (c.req.valid("query").with ?? "").split(",");
      const stream = context.live.open({
        withStatus: wanted.includes("status"),
        withEvents: wanted.includes("events"),
        holders: [`name ${c.var.identity.principal?.name ?? ""}`, `address ${addressKey(c.var.peer.address)}`],
        breakConnection: () => c.env?.outgoing?.destroy(),
      });
      return c.body(stream.readable, 200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
    },
  );
}
