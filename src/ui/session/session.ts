import { batch, computed, signal } from "@preact/signals";
import type { SessionAnswer } from "../../web/api_schema.ts";
import { type Role, roleIncludes } from "../access_answers.ts";
import { ApiError, onRefusal, request } from "../api_request.ts";

const SESSION = "/api/v1/session";
const RETRY_MS = 2_000;
/** A gateway that is gone may also not refuse the connection; the page must say so before long. */
const ASK_MS = 4_000;

/** What the gateway last said about who this browser is; `null` before the first answer. */
export const session = signal<SessionAnswer | null>(null);
/** Why the first answer does not come; `null` while nothing is wrong. */
export const sessionTrouble = signal<"unreachable" | ApiError | null>(null);
/** Why the login page is shown to somebody who could look without it; `null`: it is not. */
export const loginReason = signal<"asked" | "ended" | null>(null);

/** Which of its faces the page shows. */
export type Face = "asking" | "unclaimed" | "damaged" | "login" | "open";

/** The face to show now. */
export const face = computed<Face>(() => {
  const now = session.value;
  if (now === null) return "asking";
  if (now.state === "unclaimed") return "unclaimed";
  if (loginReason.value !== null) return "login";
  if (now.principal !== null) return "open";
  return now.state === "damaged" ? "damaged" : "login";
});

/** Who this browser is; `null` for nobody. */
export const principal = computed(() => session.value?.principal ?? null);

/** Changes with whoever is behind the page; `null` while nobody may look. */
export const viewerKey = computed(() => {
  const who = principal.value;
  return face.value !== "open" || who === null ? null : `${who.kind} ${who.role} ${who.name}`;
});

/** Whether this browser may do what needs the role. */
export function may(needs: Role): boolean {
  const role = principal.value?.role;
  return role !== undefined && roleIncludes(role, needs);
}

/** Whether this browser looks without a login, from the gateway's own machine. */
export function isLoopback(who: SessionAnswer["principal"]): boolean {
  return who?.kind === "loopback";
}

/**
 * Asks the gateway who this browser is. A login that is no longer good leads to the login page, and the address stays,
 * so that the next login goes on where this one ended.
 */
export async function askSession(): Promise<void> {
  await replacement;
  const answer = await request<SessionAnswer>("GET", SESSION, { signal: AbortSignal.timeout(ASK_MS) });
  const before = session.peek()?.principal ?? null;
  const after = answer.principal;
  const ended = before !== null && !isLoopback(before) && (after === null || isLoopback(after));
  batch(() => {
    session.value = answer;
    sessionTrouble.value = null;
    if (ended && loginReason.peek() === null) loginReason.value = "ended";
  });
  // the answer took the useless cookie away: without it this machine may look
  if (ended && after === null && answer.auth === "local") await askSession();
}

/** Asks until there is an answer. Returns what ends it. */
export function startSession(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const ask = () => {
    askSession().catch((error: unknown) => {
      sessionTrouble.value = error instanceof ApiError ? error : "unreachable";
      if (!stopped) timer = setTimeout(ask, RETRY_MS);
    });
  };
  ask();
  let asking = false;
  onRefusal(() => {
    // several requests are refused at once when a session ends
    if (asking || session.peek() === null) return;
    asking = true;
    askSession().catch(() => {
      // without an answer nothing is known: what is shown stays until the link says that the gateway is gone
    }).finally(() => asking = false);
  });
  return () => {
    stopped = true;
    clearTimeout(timer);
    onRefusal(() => {});
  };
}

/**
 * Opens a session with a name and password, or with an access token.
 *
 * @throws {ApiError} `unauthenticated` or `throttled`
 */
export async function login(
  credential: { readonly user: string; readonly password: string } | { readonly token: string },
): Promise<void> {
  const answer = await request<SessionAnswer>("POST", SESSION, { body: credential });
  batch(() => {
    session.value = answer;
    loginReason.value = null;
  });
}

let replacement: Promise<void> | null = null;

/**
 * Changes one's password and goes on with the new one: every session of the user ends with the old one, this browser's
 * too, and that is no reason to show the login page.
 *
 * @param change does it; throws when it is refused
 */
export async function keepLoggedIn(user: string, password: string, change: () => Promise<void>): Promise<void> {
  const replace = async () => {
    await change();
    await login({ user, password });
  };
  const under = replace();
  replacement = under.catch(() => {});
  try {
    await under;
  } finally {
    replacement = null;
  }
}

/** Ends the session. */
export async function logout(): Promise<void> {
  await request("DELETE", SESSION);
  session.value = session.value === null ? null : { ...session.value, principal: null };
  await askSession();
}
