import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { ApiContext, WebEnv } from "../api_context.ts";
import { jsonAnswer, problemAnswer } from "../api_route.ts";
import { eventListSchema, faultListSchema } from "../api_schema.ts";
import { viewEvent, viewFault } from "../status_view.ts";

/** Adds what concerns every role: present faults, recent events. */
export function addFeedRoutes(app: OpenAPIHono<WebEnv>, context: ApiContext): void {
  const { names } = context;
  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/faults",
      tags: ["status"],
      summary: "Faults that are present now, the most severe first",
      responses: { 200: jsonAnswer(faultListSchema, "The faults") },
    }),
    (c) => c.json({ items: context.faults.list().map((fault) => viewFault(fault, names)) }, 200),
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/events",
      tags: ["status"],
      summary: "Recent events",
      request: {
        query: z.strictObject({
          after: z.coerce.number().int().min(0).optional().openapi({
            description: "Only events after this sequence, the oldest first; without it the newest ones",
          }),
          limit: z.coerce.number().int().min(1).max(500).default(100),
          level: z.enum(["info", "warning", "error"]).optional().openapi({
            description: "Events of this level or worse",
          }),
        }),
      },
      responses: { 200: jsonAnswer(eventListSchema, "The events"), 400: problemAnswer("A parameter does not fit") },
    }),
    (c) => {
      const { after, limit, level } = c.req.valid("query");
      const rank = { info: 0, warning: 1, error: 2 };
      const matching = context.feed.since(after).filter((entry) =>
        level === undefined || rank[entry.level] >= rank[level]
      );
      const items = after === undefined ? matching.slice(-limit) : matching.slice(0, limit);
      return c.json({
        instance: context.instance,
        items: items.map((entry) => viewEvent(entry, names)),
        next: items.at(-1)?.sequence ?? after ?? 0,
      }, 200);
    },
  );
}
