import type { MiddlewareHandler } from "hono";
import type { ApiContext, WebEnv } from "./api_context.ts";
import { auditRefusal } from "./audit_refusal.ts";
import { LogBudget } from "../http/log_budget.ts";
import { Problem } from "./problem.ts";
import { hostOf } from "./web_site.ts";
import { getLogger } from "@logtape/logtape";

const log = getLogger(["edgekeep", "web"]);

/**
 * Answers only requests whose Host header is a name of this server. A page on the internet can point its own name at an
 * address of ours (DNS rebinding) and would otherwise act here with what a visitor's browser may do. The port may differ,
 * as it does behind an SSH tunnel.
 */
export function hostGuard({ site, audit }: Pick<ApiContext, "site" | "audit">): MiddlewareHandler<WebEnv> {
  const budget = new LogBudget();
  return async function guardHost(context, next) {
    const header = context.req.header("host") ?? "";
    const host = hostOf(header);
    const { peer } = context.var;
    if (host === null || !site.knowsHost(host, peer)) {
      const named = header.slice(0, 128);
      auditRefusal(audit, context, "web_host_refused", { rule: "host", outcome: "host_not_allowed" }, { host: named });
      const suppressed = budget.take();
      if (suppressed !== null) {
        log.warn("Refused a request of {source_ip} for another host name: {host}", {
          event: "web_host_refused",
          source_ip: peer.address,
          host: named,
          suppressed,
        });
      }
      throw new Problem(403, "host_not_allowed", "The Host header does not name this gateway", {
        fix: "Open the page under an address or name of the gateway, or add the name to [runtime.web].allowed_hosts",
      });
    }
    context.set("host", host);
    await next();
  };
}
