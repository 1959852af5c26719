import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { AccessError } from "../../access/access.ts";
import type { Origin, Principal } from "../../access/principal.ts";
import type { AccessGuard } from "../access_guard.ts";
import type { ApiContext, WebEnv } from "../api_context.ts";
import { jsonAnswer, problemAnswer } from "../api_route.ts";
import { type LoginRequest, loginSchema, type SessionAnswer, sessionSchema } from "../api_schema.ts";
import { formatTimeOrNull } from "../../telemetry/time_text.ts";
import { readJsonObject } from "../json_body.ts";
import { originOf } from "../peer.ts";
import { Problem } from "../problem.ts";
import { endedSessionCookie, readSessionCookie, sessionCookie } from "../session_cookie.ts";

/** Adds who is asking, logging in and logging out. */
export function addSessionRoutes(app: OpenAPIHono<WebEnv>, context: ApiContext, guard: AccessGuard): void {
  const { access, audit, site, debug, role, status } = context;

  const view = (c: Context<WebEnv>, principal: Principal | null): SessionAnswer => ({
    state: access.state,
    principal: principal === null ? null : {
      name: principal.name,
      role: principal.role,
      kind: principal.kind,
      user: principal.user,
      expires: formatTimeOrNull(principal.expiresUs),
    },
    service: role,
    auth: site.config.auth,
    secure: c.var.peer.secure,
    debugOpenUntil: principal === null ? null : formatTimeOrNull(debug.openUntilUs),
  });

  const record = (c: Context<WebEnv>, event: "login" | "logout", principal: Principal) =>
    audit.record({
      event,
      principal: principal.name,
      role: principal.role,
      credential: principal.credential,
      ...originOf(c.var.peer),
      operation: null,
      target: null,
      decision: "allowed",
      rule: null,
      outcome: "ok",
    });

  /** Ends the session whose cookie the browser sent, if it is one. */
  const endSession = (c: Context<WebEnv>): Principal | null => {
    const { peer } = c.var;
    const cookie = readSessionCookie(c.req.header("cookie"), peer.secure);
    if (cookie === null || cookie === "several") return null;
    const found = access.session(cookie, originOf(peer));
    if (!found.ok) return null;
    access.closeSession(sessionId(found.principal));
    return found.principal;
  };

  const openSession = (principal: Principal, origin: Origin, userAgent: string) => {
    try {
      return access.openSession(principal, origin, userAgent);
    } catch (error) {
      if (!(error instanceof AccessError)) throw error;
      // the credential ended since it was looked at, or the store cannot keep a session now
      const status = error.code === "permission_denied" ? 403 : error.code === "conflict" ? 409 : 503;
      throw new Problem(status, error.code, error.message, { fix: error.more.fix });
    }
  };

  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/session",
      tags: ["session"],
      summary: "Who is asking, and what the page must do first",
      description: "Answers everybody.",
      security: [],
      responses: { 200: jsonAnswer(sessionSchema, "Who is asking") },
    }),
    (c) => c.json(view(c, c.var.identity.principal), 200),
  );

  app.openAPIRegistry.registerPath({
    method: "post",
    path: "/api/v1/session",
    tags: ["session"],
    summary: "Log in with a password or a token",
    description: "Sets the session cookie. A session that the browser had before is ended.",
    security: [],
    request: { body: { required: true, content: { "application/json": { schema: loginSchema } } } },
    responses: {
      200: jsonAnswer(sessionSchema, "Logged in"),
      400: problemAnswer("The body does not fit"),
      401: problemAnswer("Not let in"),
      429: problemAnswer("Too many attempts; wait as Retry-After says"),
    },
  });
  app.post("/api/v1/session", async (c) => {
    const { peer } = c.var;
    const login = readLogin(await readJsonObject(c));
    const origin = originOf(peer);
    const found = "token" in login
      ? access.token(login.token, origin)
      : await access.password(login.user, login.password, origin);
    if (!found.ok) {
      const user = "token" in login ? null : login.user;
      throw guard.refuse(c, { reason: found.reason, user, retryAfterMs: found.retryAfterMs });
    }
    endSession(c);
    const { cookie, info } = openSession(found.principal, origin, printable(c.req.header("user-agent")));
    const opened = access.session(cookie, origin);
    if (!opened.ok) throw guard.refuse(c, { reason: opened.reason, user: found.principal.user });
    record(c, "login", opened.principal);
    // a paired phone stays logged in; who typed a password is gone when the browser is closed
    const maxAge = "token" in login ? Math.floor((info.expiresUs - status().nowUs) / 1_000_000) : null;
    c.header("set-cookie", sessionCookie(cookie, peer.secure, maxAge));
    return c.json(view(c, opened.principal), 200);
  });

  app.openapi(
    createRoute({
      method: "delete",
      path: "/api/v1/session",
      tags: ["session"],
      summary: "Log out",
      security: [],
      responses: { 200: jsonAnswer(sessionSchema, "Logged out; nobody is asking any more") },
    }),
    (c) => {
      const principal = endSession(c);
      if (principal !== null) record(c, "logout", principal);
      c.header("set-cookie", endedSessionCookie(c.var.peer.secure));
      return c.json(view(c, null), 200);
    },
  );
}

function readLogin(body: unknown): LoginRequest {
  const read = loginSchema.safeParse(body);
  if (read.success) return read.data;
  throw new Problem(400, "bad_params", "A login holds either 'user' and 'password' or 'token', all text", {
    fix: 'Send {"user": "…", "password": "…"} or {"token": "…"}',
  });
}

function sessionId({ credential }: Principal): string {
  return credential.replace(/^session:/, "");
}

function printable(userAgent = ""): string {
  return userAgent.slice(0, 256).replaceAll(/[^\x20-\x7e]/g, "?");
}
