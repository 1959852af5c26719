import { getLogger } from "@logtape/logtape";
import type { MiddlewareHandler } from "hono";
import { isLoopback } from "../config/address.ts";
import { Problem } from "./problem.ts";

const log = getLogger(["edgekeep", "web"]);
const LOG_INTERVAL_MS = 10_000;

/**
 * Answers only requests whose Host header names this machine. A page on the internet can point its own name at 127.0.0.1
 * (DNS rebinding) and would otherwise read everything here from a visitor's browser; the port may differ, as it does
 * behind an SSH tunnel.
 *
 * @param allowed further host names, without port
 */
export function hostGuard(allowed: readonly string[]): MiddlewareHandler {
  const names = new Set(allowed.map((name) => name.toLowerCase()));
  let refused = 0;
  let loggedMs = -Infinity;
  return async function guardHost(context, next) {
    const header = context.req.header("host") ?? "";
    const host = hostOf(header);
    if (host === null || !(isLoopback(host) || names.has(host))) {
      refused++;
      if (performance.now() - loggedMs > LOG_INTERVAL_MS) {
        log.warn("Refused {refused} request(s) for another host name, the last for {host}", {
          event: "web_host_refused",
          refused,
          host: header.slice(0, 128),
        });
        loggedMs = performance.now();
        refused = 0;
      }
      throw new Problem(403, "host_not_allowed", "The Host header does not name this gateway", {
        fix: "Open the page under http://localhost and the port, or under the address that the gateway listens on",
      });
    }
    await next();
  };
}

/** The host of a Host header in lower case, without brackets and port; `null` when it is no host. */
function hostOf(header: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec(header.toLowerCase());
  return match?.[1] ?? match?.[2] ?? null;
}
