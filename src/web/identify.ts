import type { Context } from "hono";
import type { Access, Authentication, AuthFailure } from "../access/access.ts";
import type { Principal } from "../access/principal.ts";
import { isLoopback } from "../config/address.ts";
import type { ApiContext, WebEnv } from "./api_context.ts";
import { readAuthorization } from "./authorization_header.ts";
import { originOf } from "./peer.ts";
import { readSessionCookie } from "./session_cookie.ts";

/** What a request proves about who sends it. */
export type Identity =
  | {
    readonly principal: Principal;
    /** What it was proved with. Browsers send all but `authorization` by themselves, whoever made the page. */
    readonly via: "certificate" | "cookie" | "authorization" | "loopback";
    readonly failure: null;
  }
  | { readonly principal: null; readonly via: null; readonly failure: Failure };

/** Why nobody is known. */
export interface Failure {
  readonly reason: AuthFailure;
  /** The name that was given; `null` for none. */
  readonly user: string | null;
  /** For `throttled`, ms. */
  readonly retryAfterMs?: number | undefined;
}

/** Whoever sits at this machine, while `[runtime.web].auth` is `local`. */
export const loopbackViewer: Principal = {
  kind: "loopback",
  name: "loopback",
  role: "viewer",
  credential: "loopback",
  user: null,
  expiresUs: null,
};

/** Somebody who has shown nothing. */
export const nobody: Identity = { principal: null, via: null, failure: { reason: "missing", user: null } };

/**
 * Finds out who sends a request: by client certificate, session cookie, `Authorization` header, or by sitting at this
 * machine, in this order. The first credential that is there decides: a bad one is never passed over for a lesser one. A
 * client certificate that belongs to no user leaves the decision to the next, since it may be asked for besides a login.
 */
export async function identify(
  context: Context<WebEnv>,
  { access, site }: Pick<ApiContext, "access" | "site">,
): Promise<Identity> {
  const { peer } = context.var;
  const origin = originOf(peer);
  let unknownCertificate: Identity | null = null;
  if (peer.fingerprint !== null) {
    const found = identity("certificate", access.certificate(peer.fingerprint, origin));
    if (found.principal !== null || found.failure.reason === "throttled") return found;
    unknownCertificate = found;
  }
  const cookie = readSessionCookie(context.req.header("cookie"), peer.secure);
  // two of them: one was planted by somebody else, nobody can tell which
  if (cookie === "several") return refused("session_expired");
  if (cookie !== null) return identity("cookie", access.session(cookie, origin));
  const header = context.req.header("authorization");
  if (header !== undefined) return await authorize(header, access, context);
  if (unknownCertificate !== null) return unknownCertificate;
  if (!isAtThisMachine(context) || site.config.auth !== "local") return nobody;
  if (access.state === "damaged") return refused("closed");
  return { principal: loopbackViewer, via: "loopback", failure: null };
}

/** Headers by which a proxy says that the request comes from somewhere else (RFC 7239; RFC 9110 §7.6.3). */
const passedOn = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"] as const;

/**
 * Whether peer and Host header both say that the client runs on this machine. A proxy here that puts its own Host in place
 * would make everybody such a client: what a proxy says that it passed on is none.
 */
export function isAtThisMachine(context: Context<WebEnv>): boolean {
  return context.var.peer.loopback && isLoopback(context.var.host) &&
    passedOn.every((name) => context.req.header(name) === undefined);
}

async function authorize(header: string, access: Access, context: Context<WebEnv>): Promise<Identity> {
  const { peer } = context.var;
  const given = readAuthorization(header);
  switch (given.scheme) {
    case "bearer":
      return identity("authorization", access.token(given.token, originOf(peer)));
    case "basic":
      if (!peer.secure && !peer.loopback) return refused("insecure_transport", given.user);
      return identity("authorization", await access.password(given.user, given.password, originOf(peer)), given.user);
    default:
      return refused(given.reason);
  }
}

function identity(
  via: "certificate" | "cookie" | "authorization",
  answer: Authentication,
  user: string | null = null,
): Identity {
  return answer.ok
    ? { principal: answer.principal, via, failure: null }
    : { principal: null, via: null, failure: { reason: answer.reason, user, retryAfterMs: answer.retryAfterMs } };
}

function refused(reason: AuthFailure, user: string | null = null): Identity {
  return { principal: null, via: null, failure: { reason, user } };
}
