import { getLogger } from "@logtape/logtape";
import type { MiddlewareHandler } from "hono";
import { addressKey } from "../config/address_key.ts";
import type { ApiContext, WebEnv } from "./api_context.ts";
import { auditRefusal } from "./audit_refusal.ts";
import { Problem, retryAfter } from "./problem.ts";
import { TokenBuckets } from "../telemetry/token_buckets.ts";

const log = getLogger(["edgekeep", "web"]);
/** Programs on this machine share one address. */
const LOOPBACK_FACTOR = 10;
/** Refusals within this time of the one before are one burst, and told once, ms. */
const BURST_MS = 60_000;
const MAX_BURSTS = 1_000;

/** Bounds how many requests one address makes in a minute; an IPv6 network counts as one address. */
export function rateLimit(
  { site, audit }: Pick<ApiContext, "site" | "audit">,
  nowMs: () => number = () => performance.now(),
): MiddlewareHandler<WebEnv> {
  const buckets = new TokenBuckets(nowMs);
  const refusedMs = new Map<string, number>();
  return async function limitRate(context, next) {
    const { address, loopback } = context.var.peer;
    const key = addressKey(address);
    const perMinute = site.config.requests_per_minute * (loopback ? LOOPBACK_FACTOR : 1);
    const { ok, waitMs } = buckets.take(key, perMinute);
    if (ok) return await next();
    const now = nowMs();
    const burst = now - (refusedMs.get(key) ?? -Infinity) > BURST_MS;
    refusedMs.delete(key);
    refusedMs.set(key, now);
    if (refusedMs.size > MAX_BURSTS) {
      for (const oldest of refusedMs.keys()) {
        refusedMs.delete(oldest);
        break;
      }
    }
    if (burst) {
      auditRefusal(audit, context, "web_rate_limited", { rule: "rate_limit", outcome: "throttled" }, {
        per_minute: perMinute,
      });
      log.warn("{source_ip} makes more than {per_minute} requests a minute: further ones are refused", {
        event: "web_rate_limited",
        source_ip: address,
        per_minute: perMinute,
      });
    }
    throw new Problem(429, "throttled", `One address may make ${perMinute} requests a minute`, {
      fix: "Ask less often; the limit is [runtime.web].requests_per_minute",
      headers: { "retry-after": retryAfter(waitMs) },
    });
  };
}
