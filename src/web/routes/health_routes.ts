import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { ApiContext, WebEnv } from "../api_context.ts";
import { jsonAnswer, problemAnswer } from "../api_route.ts";
import { healthSchema } from "../api_schema.ts";
import { Problem } from "../problem.ts";

/** Adds what supervisors, load balancers and Prometheus ask. */
export function addHealthRoutes(app: OpenAPIHono<WebEnv>, context: ApiContext): void {
  const alive = { responses: { 200: jsonAnswer(healthSchema, "The process answers") }, tags: ["health"] };
  const near = {
    description: "Programs on this machine need no login; others neither, with [runtime.web].health_remote.",
  };
  app.openapi(
    createRoute({
      ...alive,
      ...near,
      method: "get",
      path: "/healthz",
      security: [],
      summary: "Whether the process is alive",
    }),
    (c) => c.json({ status: "ok" as const }, 200),
  );
  app.openapi(
    createRoute({ ...alive, method: "get", path: "/api/health", summary: "As /healthz, for existing integrations" }),
    (c) => c.json({ status: "ok" as const }, 200),
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/readyz",
      ...near,
      security: [],
      tags: ["health"],
      summary: "Whether everything is started and serves",
      responses: { 200: jsonAnswer(healthSchema, "Ready"), 503: problemAnswer("Starting or stopping") },
    }),
    (c) => {
      if (!context.isReady()) throw new Problem(503, "not_ready", "The gateway is starting or stopping");
      return c.json({ status: "ok" as const }, 200);
    },
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/metrics",
      tags: ["health"],
      summary: "Metrics for Prometheus",
      description: "Programs on this machine need no login.",
      responses: { 200: { description: "Text exposition format", content: { "text/plain": { schema: z.string() } } } },
    }),
    async (c) => c.text(await context.metrics.metrics(), 200, { "content-type": context.metrics.contentType }),
  );
}
