import type { MiddlewareHandler } from "hono";
import type { ApiContext, WebEnv } from "./api_context.ts";
import type { AccessGuard } from "./access_guard.ts";
import type { Identity } from "./identify.ts";

const never = new AbortController().signal;

/**
 * Ends what is under way for a caller whose credential ends: revoked, expired, its user removed. A long answer (live
 * stream, download) breaks off with its connection. The answer to a change is still sent, since the change may be what
 * ended the credential.
 */
export function credentialEnd(
  { access, site }: Pick<ApiContext, "access" | "site">,
  { refuse }: Pick<AccessGuard, "refuse">,
): MiddlewareHandler<WebEnv> {
  return async function endWithCredential(context, next) {
    const { identity } = context.var;
    const ended = endOf(identity, { access, site });
    context.set("ended", ended);
    await next();
    if (ended === never || (context.req.method !== "GET" && context.req.method !== "HEAD")) return;
    if (ended.aborted) {
      await context.res.body?.cancel();
      throw refuse(context, { reason: "session_expired", user: identity.principal?.user ?? null });
    }
    const outgoing = context.env?.outgoing;
    if (outgoing === undefined) return;
    const breakOff = () => outgoing.destroy();
    ended.addEventListener("abort", breakOff, { once: true });
    outgoing.once("close", () => ended.removeEventListener("abort", breakOff));
  };
}

function endOf({ principal }: Identity, { access, site }: Pick<ApiContext, "access" | "site">): AbortSignal {
  if (principal === null) return never;
  return principal.kind === "loopback" ? site.loopbackViewersEnd : access.revoked(principal);
}
