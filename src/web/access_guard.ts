import type { Context, MiddlewareHandler } from "hono";
import { getLogger } from "@logtape/logtape";
import type { ApiContext, WebEnv } from "./api_context.ts";
import { accessRule } from "./access_rule.ts";
import { auditRefusal, pathForRecords } from "./audit_refusal.ts";
import { type Failure, identify, isAtThisMachine, nobody } from "./identify.ts";
import { LogBudget } from "../http/log_budget.ts";
import { Problem, retryAfter } from "./problem.ts";
import { endedSessionCookie, readSessionCookie } from "./session_cookie.ts";

const log = getLogger(["edgekeep", "web"]);

/** Decides who gets to the routes, and tells them who it is. */
export interface AccessGuard {
  readonly middleware: MiddlewareHandler<WebEnv>;
  /** The answer to a bad credential, after audit and log have it: the same for every reason but `throttled`. */
  refuse(context: Context<WebEnv>, failure: Failure): Problem;
}

/** Makes the guard. Each route needs a known caller, but for those that `accessRule` names. */
export function accessGuard(
  { access, audit, site, operations }: Pick<ApiContext, "access" | "audit" | "site" | "operations">,
): AccessGuard {
  const budget = new LogBudget();
  const open = new Map(
    operations.list().flatMap(({ name, role, http }) =>
      role !== null || http === null
        ? []
        : [[`${http.method.toUpperCase()} ${http.path}`, name === "setup.claim" ? "setup" : "login"] as const]
    ),
  );

  const report = (context: Context<WebEnv>, { reason, user }: Failure) => {
    const fields = { user: user === null ? null : printable(user), reason };
    const outcome = reason === "throttled" ? "throttled" : "unauthenticated";
    auditRefusal(audit, context, "web_auth_failed", { rule: "authentication", outcome }, fields);
    const suppressed = budget.take();
    if (suppressed === null) return;
    log.warn("Nobody was let in from {source_ip} to {path}: {reason}", {
      event: "web_auth_failed",
      source_ip: context.var.peer.address,
      path: pathForRecords(context),
      ...fields,
      suppressed,
    });
  };

  const refuse = (context: Context<WebEnv>, failure: Failure): Problem => {
    // the page asks before it knows whether it is logged in: that is no attempt to get in
    const pageAsks = failure.reason === "missing" && context.req.header("sec-fetch-site") === "same-origin";
    if (!pageAsks) report(context, failure);
    return refusal(context, failure, site.config.auth_realm);
  };

  async function guardAccess(context: Context<WebEnv>, next: () => Promise<void>): Promise<void> {
    const rule = accessRule(ruledMethod(context.req.method), context.req.path, open);
    const near = isAtThisMachine(context);
    const probe = rule === "probe" && (near || site.config.health_remote);
    context.set("identity", nobody);
    if (rule === "public" || probe) return await next();
    const local = rule === "local" && near;
    if (access.state === "unclaimed" && rule !== "setup" && !local && !asksForSession(context, rule)) {
      throw new Problem(403, "not_set_up", "Nobody can log in yet: the first admin is still to be made", {
        fix: "Open the page and enter the set-up code that the gateway printed at its start",
      });
    }
    if (rule === "login" || rule === "setup") return await next();
    const identity = await identify(context, { access, site });
    context.set("identity", identity);
    if (identity.principal === null) {
      const { reason } = identity.failure;
      const withoutAny = reason === "missing" || reason === "closed";
      if (rule === "session") {
        if (!withoutAny) report(context, identity.failure);
        for (const [name, value] of Object.entries(endOfCookie(context, reason))) context.header(name, value);
      } else if (!(local && withoutAny)) {
        throw refuse(context, identity.failure);
      }
    }
    await next();
  }
  return { middleware: guardAccess, refuse };
}

function refusal(context: Context<WebEnv>, { reason, retryAfterMs = 1000 }: Failure, realm: string): Problem {
  const { secure, loopback } = context.var.peer;
  if (reason === "throttled") {
    return new Problem(429, "throttled", "Too many attempts to log in failed; wait before the next", {
      headers: { "retry-after": retryAfter(retryAfterMs) },
    });
  }
  // A browser opens a box of its own for Basic, so the page is not asked for it; and nobody is asked to send a password
  // where others can read it. Browsers tell that a page asks only over HTTPS and on this machine (Fetch Metadata §2).
  const fromPage = context.req.header("sec-fetch-site") !== undefined ||
    context.req.header("sec-fetch-mode") !== undefined;
  const scheme = fromPage || !(secure || loopback) ? "Bearer" : "Basic";
  return new Problem(401, "unauthenticated", "This needs a login or a token, and none came that is valid", {
    fix: "Log in on the page, or send a token as 'Authorization: Bearer …'; name and password are taken over HTTPS",
    headers: { ...endOfCookie(context, reason), "www-authenticate": `${scheme} realm="${realm}"` },
  });
}

/** Takes a useless cookie from the browser, which would else send it for ever. */
function endOfCookie(context: Context<WebEnv>, reason: Failure["reason"]): Record<string, string> {
  const { secure } = context.var.peer;
  const sent = readSessionCookie(context.req.header("cookie"), secure) !== null;
  return sent && reason !== "throttled" ? { "set-cookie": endedSessionCookie(secure) } : {};
}

function asksForSession(context: Context<WebEnv>, rule: string): boolean {
  return rule === "session" && ruledMethod(context.req.method) === "GET";
}

function ruledMethod(method: string): string {
  return method === "HEAD" ? "GET" : method;
}

/** A name that a stranger gave, fit for a record: short and without control characters. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what is taken out
  return text.slice(0, 64).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "?");
}
