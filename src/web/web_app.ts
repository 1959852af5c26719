import type { OpenAPIHono } from "@hono/zod-openapi";
import { getLogger } from "@logtape/logtape";
import type { MiddlewareHandler } from "hono";
import { accessGuard } from "./access_guard.ts";
import type { ApiContext, WebEnv } from "./api_context.ts";
import { addApiDocument } from "./api_document.ts";
import { createApi } from "./api_route.ts";
import { credentialEnd } from "./credential_end.ts";
import { csrfGuard } from "./csrf_guard.ts";
import { fetchSiteGuard } from "./fetch_site_guard.ts";
import { headAnswer } from "./head_answer.ts";
import { hostGuard } from "./host_guard.ts";
import { bodyLimit, MAX_BODY_BYTES } from "./json_body.ts";
import { methodGuard, MethodTable } from "./method_guard.ts";
import { peerOf } from "./peer.ts";
import { Problem, problemResponse } from "./problem.ts";
import { rateLimit } from "./rate_limit.ts";
import { addFeedRoutes } from "./routes/feed_routes.ts";
import { addHealthRoutes } from "./routes/health_routes.ts";
import { addOperationRoutes, httpOperations, operationBodyBytes } from "./routes/operation_routes.ts";
import { addSessionRoutes } from "./routes/session_routes.ts";
import { securityHeaders } from "./security_headers.ts";
import type { StaticAssets } from "./static_assets.ts";

const log = getLogger(["edgekeep", "web"]);

/** What the application is made from. */
export interface WebAppOptions {
  readonly context: ApiContext;
  /** Adds the routes that only this role has. */
  readonly addRoutes: (app: OpenAPIHono<WebEnv>) => void;
  /** The page's files; `null` when the page was not built. */
  readonly assets: StaticAssets | null;
  /** Told of each answered request, for the metrics. */
  readonly onAnswer?: (status: number) => void;
}

/**
 * The whole HTTP application, without a socket: routes, page, guards. The guards stand in the order of what they cost and
 * tell: how often, for which host, from which site, by which method, how large, who, and whether a page of ours asks.
 */
export function createWebApp({ context, addRoutes, assets, onAnswer }: WebAppOptions): OpenAPIHono<WebEnv> {
  const app = createApi();
  let table: MethodTable | null = null;
  const methodsAt = (path: string) =>
    assets?.has(path) ? ["GET", "HEAD"] : (table ??= new MethodTable(app.routes)).at(path);
  const bodies = new Map(
    httpOperations(context.operations.list()).map(({ name, http }) => [http.path, operationBodyBytes(name)]),
  );
  const guard = accessGuard(context);
  app.use(countAnswers(onAnswer ?? (() => {})));
  app.use(findPeer());
  app.use(securityHeaders());
  app.use(rateLimit(context));
  app.use(hostGuard(context));
  app.use(fetchSiteGuard());
  app.use(methodGuard(methodsAt));
  app.use(bodyLimit((path) => bodies.get(path) ?? MAX_BODY_BYTES));
  app.use(guard.middleware);
  app.use(csrfGuard(context));
  app.use(headAnswer());
  app.use(credentialEnd(context, guard));
  addHealthRoutes(app, context);
  addSessionRoutes(app, context, guard);
  addFeedRoutes(app, context);
  addRoutes(app);
  addOperationRoutes(app, context);
  addApiDocument(app, context);
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

function findPeer(): MiddlewareHandler<WebEnv> {
  return async function setPeer(context, next) {
    context.set("peer", peerOf(context.env?.incoming?.socket));
    await next();
  };
}

function countAnswers(onAnswer: (status: number) => void): MiddlewareHandler {
  return async function countAnswer(context, next) {
    await next();
    onAnswer(context.res.status);
  };
}
