import type { MiddlewareHandler } from "hono";
import { Problem } from "./problem.ts";

/**
 * Refuses what a page of another origin asks for in a visitor's browser (an image, a script, a fetch). It could not read
 * the answer, but it could use up the live streams. Browsers say where a request comes from in Sec-Fetch-Site (W3C Fetch
 * Metadata); programs send no such header. Following a link from elsewhere is allowed.
 */
export function fetchSiteGuard(): MiddlewareHandler {
  return async function guardFetchSite(context, next) {
    const site = context.req.header("sec-fetch-site");
    const elsewhere = site === "cross-site" || site === "same-site";
    if (elsewhere && context.req.header("sec-fetch-mode") !== "navigate") {
      throw new Problem(403, "cross_site", "Pages of other sites may not use this gateway");
    }
    await next();
  };
}
