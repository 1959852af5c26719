import { getLogger } from "@logtape/logtape";
import type { Context, MiddlewareHandler } from "hono";
import type { ApiContext, WebEnv } from "./api_context.ts";
import { auditRefusal, pathForRecords } from "./audit_refusal.ts";
import { LogBudget } from "../http/log_budget.ts";
import { Problem } from "./problem.ts";
import { readSessionCookie } from "./session_cookie.ts";

const log = getLogger(["edgekeep", "web"]);
/** Everything else is taken as a change, methods that nobody knows included. */
const reading: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/**
 * Refuses changes that the page of another origin asks for with what a visitor's browser sends by itself (cookie, client
 * certificate, being on this machine). Such a request must name its Origin, and that must be one of ours; a script that
 * shows a token or password of its own may leave it out. Every change must say that its body is JSON, also without a body:
 * no HTML form can, and a page's script may only after asking first, which is answered to nobody. The Referer is not
 * looked at: it may be missing, and other programs can make it up.
 */
export function csrfGuard({ site, audit }: Pick<ApiContext, "site" | "audit">): MiddlewareHandler<WebEnv> {
  const budget = new LogBudget();
  const refuse = (context: Context<WebEnv>, reason: string, origin: string | null, problem: Problem): Problem => {
    const fields = { reason, origin: origin?.slice(0, 128) ?? null };
    auditRefusal(audit, context, "web_csrf_rejected", { rule: "csrf", outcome: problem.code }, fields);
    const suppressed = budget.take();
    if (suppressed !== null) {
      log.warn("Refused a change of {path} from {source_ip}: {reason}", {
        event: "web_csrf_rejected",
        source_ip: context.var.peer.address,
        path: pathForRecords(context),
        ...fields,
        suppressed,
      });
    }
    return problem;
  };
  return async function guardOrigin(context, next) {
    if (reading.includes(context.req.method)) return await next();
    const origin = context.req.header("origin") ?? null;
    const wrong = originFault(context, origin, site);
    if (wrong !== null) {
      throw refuse(
        context,
        wrong,
        origin,
        new Problem(403, "origin_not_allowed", "The Origin header does not name this gateway's page", {
          fix: wrong === "origin_missing"
            ? "Send Origin, or a token in the Authorization header"
            : "Use the gateway's own page, or add the origin to [runtime.web].allowed_origins",
        }),
      );
    }
    if (!/^application\/json(?:[ \t]*;.*)?$/i.test(context.req.header("content-type") ?? "")) {
      throw refuse(
        context,
        "content_type",
        origin,
        new Problem(415, "json_needed", "A change must be sent as JSON, also one without a body", {
          fix: "Send 'Content-Type: application/json'",
        }),
      );
    }
    await next();
  };
}

function originFault(context: Context<WebEnv>, origin: string | null, site: ApiContext["site"]): string | null {
  if (origin === null) return sentByBrowser(context) ? "origin_missing" : null;
  // headers of one name reach us joined by commas, and no origin holds one
  if (origin.includes(",")) return "origin_several";
  return site.allowsOrigin(origin, context.req.header("host") ?? "", context.var.peer) ? null : "origin_mismatch";
}

/** Whether the request carries, or may carry, what a browser sends without being told. */
function sentByBrowser(context: Context<WebEnv>): boolean {
  const { identity, peer } = context.var;
  if (identity.via === "authorization") return false;
  return identity.via !== null || context.req.header("sec-fetch-site") !== undefined ||
    readSessionCookie(context.req.header("cookie"), peer.secure) !== null;
}
