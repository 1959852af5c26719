import type { MiddlewareHandler } from "hono";

/**
 * Ends the body that a route made for a HEAD request. The framework leaves it out of the answer without reading it, so
 * whatever stands behind it (a place at the history's reader, a live stream) would never be given back.
 */
export function headAnswer(): MiddlewareHandler {
  return async function endBodyOfHead(context, next) {
    await next();
    if (context.req.method === "HEAD") await context.res.body?.cancel();
  };
}
