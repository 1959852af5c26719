import type { OpenAPIHono } from "@hono/zod-openapi";
import { createRoute, z } from "@hono/zod-openapi";
import { getLogger } from "@logtape/logtape";
import type { MiddlewareHandler } from "hono";
import type { ApiContext, WebEnv } from "./api_context.ts";
import { createApi, jsonAnswer } from "./api_route.ts";
import { fetchSiteGuard } from "./fetch_site_guard.ts";
import { hostGuard } from "./host_guard.ts";
import { Problem, problemResponse } from "./problem.ts";
import { addDeviceRoutes } from "./routes/device_routes.ts";
import { addHealthRoutes } from "./routes/health_routes.ts";
import { addHistoryRoutes } from "./routes/history_routes.ts";
import { addReferenceRoutes } from "./routes/reference_routes.ts";
import { addStatusRoutes } from "./routes/status_routes.ts";
import { addTagRoutes } from "./routes/tag_routes.ts";
import { securityHeaders } from "./security_headers.ts";
import type { StaticAssets } from "./static_assets.ts";

const log = getLogger(["edgekeep", "web"]);
const MAX_BODY_BYTES = 65_536;

/** What the application is made from. */
export interface WebAppOptions {
  readonly context: ApiContext;
  /** The page's files; `null` when the page was not built. */
  readonly assets: StaticAssets | null;
  /** Host names besides loopback that requests may name. */
  readonly allowedHosts: readonly string[];
  /** Told of each answered request, for the metrics. */
  readonly onAnswer?: (status: number) => void;
}

/** The whole HTTP application, without a socket: routes, page, guards. */
export function createWebApp({ context, assets, allowedHosts, onAnswer }: WebAppOptions): OpenAPIHono<WebEnv> {
  const app = createApi();
  app.use(countAnswers(onAnswer ?? (() => {})));
  app.use(securityHeaders());
  app.use(hostGuard(allowedHosts));
  app.use(fetchSiteGuard());
  app.use(onlyReading(() => routePatterns(app), assets));
  addHealthRoutes(app, context);
  addStatusRoutes(app, context);
  addTagRoutes(app, context);
  addHistoryRoutes(app, context);
  addDeviceRoutes(app, context);
  addReferenceRoutes(app, context);
  addDocument(app, context);
  app.notFound(async (c) => {
    const { path } = c.req;
    if (assets?.has(path)) return await assets.respond(path, c.req.raw.headers);
    if (assets === null && path === "/") {
      return problemResponse(
        new Problem(503, "page_missing", "The page was not built into this installation", {
          fix: "In a source checkout run 'deno task build:ui'. The API is at /api/v1/openapi.json",
        }),
      );
    }
    return problemResponse(new Problem(404, "not_found", "There is nothing at this address"));
  });
  app.onError((error, c) => {
    if (error instanceof Problem) return problemResponse(error);
    if (!c.req.raw.signal.aborted) {
      log.error("Answering {method} {path} failed: {error}", {
        event: "web_request_failed",
        method: c.req.method,
        path: c.req.path,
        error,
      });
    }
    return problemResponse(new Problem(500, "internal", "The request failed inside the gateway; its log tells why"));
  });
  return app;
}

function addDocument(app: OpenAPIHono<WebEnv>, context: ApiContext): void {
  let document: ReturnType<typeof app.getOpenAPI31Document> | null = null;
  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/openapi.json",
      tags: ["status"],
      summary: "This description",
      responses: { 200: jsonAnswer(z.record(z.string(), z.unknown()), "An OpenAPI 3.1 document") },
    }),
    (c) => {
      document ??= app.getOpenAPI31Document({
        openapi: "3.1.0",
        info: {
          title: "Edgekeep",
          version: context.status().version,
          description:
            "Times are ISO 8601 in UTC with six fraction digits. Lists are read page by page: pass 'next' as " +
            "'cursor'. Refused requests are answered with application/problem+json.",
        },
      });
      return c.json({ ...document }, 200);
    },
  );
}

function countAnswers(onAnswer: (status: number) => void): MiddlewareHandler {
  return async function countAnswer(context, next) {
    await next();
    onAnswer(context.res.status);
  };
}

/** Nothing here changes anything: other methods and large bodies are refused before anybody reads them. */
function onlyReading(patterns: () => readonly RegExp[], assets: StaticAssets | null): MiddlewareHandler<WebEnv> {
  let known: readonly RegExp[] | null = null;
  return async function allowReading(context, next) {
    if (Number(context.req.header("content-length") ?? 0) > MAX_BODY_BYTES) {
      throw new Problem(413, "body_too_large", `A request's body may hold ${MAX_BODY_BYTES} bytes`);
    }
    const { method, path } = context.req;
    if (method !== "GET" && method !== "HEAD") {
      known ??= patterns();
      if (assets?.has(path) || known.some((pattern) => pattern.test(path))) {
        throw new Problem(405, "method_not_allowed", `This address does not take ${method.slice(0, 16)}`, {
          headers: { allow: "GET, HEAD" },
        });
      }
    }
    await next();
  };
}

function routePatterns(app: OpenAPIHono<WebEnv>): RegExp[] {
  return app.routes.filter(({ method }) => method === "GET").map(({ path }) =>
    new RegExp(`^${path.replaceAll(/[.]/g, "\\$&").replaceAll(/:[a-z]+/g, "[^/]+")}$`)
  );
}
