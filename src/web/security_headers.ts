import type { MiddlewareHandler } from "hono";
import type { WebEnv } from "./api_context.ts";

/**
 * Nothing inline, nothing from elsewhere, nobody frames the page. Forms are sent by the page's script alone: were it
 * missing, a browser would put a password into the address.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headers = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
} as const;

/**
 * A browser that came over HTTPS once comes over HTTPS for a year (RFC 6797). Sub-names are left out: they may be other
 * machines of the plant.
 */
const transportSecurity = "max-age=31536000";

/** Puts the security headers on every answer, refusals included. */
export function securityHeaders(): MiddlewareHandler<WebEnv> {
  return async function setSecurityHeaders(context, next) {
    await next();
    for (const [name, value] of Object.entries(headers)) context.res.headers.set(name, value);
    if (context.var.peer.secure) context.res.headers.set("strict-transport-security", transportSecurity);
    if (!context.res.headers.has("cache-control")) context.res.headers.set("cache-control", "no-store");
  };
}
