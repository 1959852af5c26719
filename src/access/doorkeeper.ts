import { createHash } from "node:crypto";
import {
  AccessError,
  type Authentication,
  type AuthFailure,
  type PresentedCertificate,
  type SessionInfo,
  type UserInfo,
} from "./access.ts";
import { addressKey } from "../config/address_key.ts";
import type { ConfiguredCredentials } from "./configured_credentials.ts";
import type { CredentialSignals } from "./credential_signals.ts";
import type { KnownPlaces } from "./known_places.ts";
import type { PasswordLogin } from "./password_login.ts";
import type { Origin, Principal } from "./principal.ts";
import type { SessionBook } from "./session_book.ts";
import type { StoredSession, StoredToken } from "./store.ts";
import type { Throttle } from "./throttle.ts";
import { looksStored, type TokenBook } from "./token_book.ts";
import type { UserBook } from "./user_book.ts";
import type { UserChanges } from "./user_changes.ts";

/** What a doorkeeper knows. */
export interface DoorkeeperParts {
  readonly nowUs: () => number;
  readonly throttle: Throttle;
  readonly places: KnownPlaces;
  readonly login: PasswordLogin;
  readonly configured: ConfiguredCredentials;
  readonly signals: CredentialSignals;
  readonly users: UserBook;
  readonly tokens: TokenBook;
  readonly sessions: SessionBook;
  readonly changes: UserChanges;
}

/** Who a session belongs to, as of now. */
interface Owner {
  readonly name: string;
  readonly role: UserInfo["role"];
  readonly user: string | null;
}

/** Lets in who proves who they are, by password, token, certificate or session. */
export class Doorkeeper {
  readonly #parts: DoorkeeperParts;
  /** Password checks under way: the same one asked again waits for the same answer. */
  readonly #checking = new Map<string, Promise<Authentication>>();
  #configUserUsedUs: number | null = null;
  #closed = false;

  constructor(parts: DoorkeeperParts) {
    this.#parts = parts;
  }

  /** When the configured user last logged in; `null`: not since the start, or not with the present password. */
  get configUserUsedUs(): number | null {
    return this.#configUserUsedUs;
  }

  forgetConfigUser(): void {
    this.#configUserUsedUs = null;
  }

  /** Lets nobody in any more. */
  close(): void {
    this.#closed = true;
  }

  /** See `Access.password`. */
  password(name: string, password: string, origin: Origin): Promise<Authentication> {
    const question = createHash("sha256").update(JSON.stringify([addressKey(origin.address), name, password]));
    const key = question.digest("base64");
    const running = this.#checking.get(key);
    if (running !== undefined) return running;
    const checking = this.#checkPassword(name, password, origin).finally(() => this.#checking.delete(key));
    this.#checking.set(key, checking);
    return checking;
  }

  async #checkPassword(name: string, password: string, origin: Origin): Promise<Authentication> {
    const { configured, users, places, login, nowUs } = this.#parts;
    if (this.#closed) return refused("closed");
    const attempt = this.#parts.throttle.begin(origin.address, name);
    if (!attempt.ok) return refused("throttled", attempt.waitMs);
    if (configured.isUser(name) && configured.passwordFits(password)) {
      attempt.succeeded();
      places.note(origin.address, name);
      this.#configUserUsedUs = nowUs();
      return this.#let({ kind: "config_user", name, role: "admin", credential: `user:${name}`, user: null });
    }
    const user = configured.isUser(name) ? undefined : users.get(name);
    const verdict = await login.check(user, password, attempt.known);
    if (this.#closed) return refused("closed");
    if (verdict.outcome === "busy") {
      attempt.withdrawn();
      return refused("throttled", verdict.retryAfterMs);
    }
    // the user may have been changed or shadowed while the hash was made
    const now = configured.isUser(name) ? undefined : users.get(name);
    if (verdict.outcome === "wrong" || user === undefined || now?.hash !== user.hash) {
      return refused(user === undefined && !configured.isUser(name) ? "user_mismatch" : "password_mismatch");
    }
    if (now.disabled) return refused("user_disabled");
    attempt.succeeded();
    places.note(origin.address, name);
    users.touch(name, nowUs());
    login.remember(this.#parts.changes.rehash(now, verdict.rehashed), password);
    return this.#let({ kind: "password", name, role: now.role, credential: `user:${name}`, user: name });
  }

  /** See `Access.token`. */
  token(token: string, { address }: Origin): Authentication {
    if (this.#closed) return refused("closed");
    if (token === "") return refused("missing");
    const nowUs = this.#parts.nowUs();
    const stored = this.#parts.tokens.find(token);
    // right whatever the throttle says: 256 random bits are not guessed
    if (stored !== undefined) {
      if (hasEnded(stored.expiresUs, nowUs)) return refused("token_expired");
      this.#parts.tokens.touch(stored.id, address, nowUs);
      return this.#let(tokenPrincipal(stored), stored.expiresUs);
    }
    const { controlToken } = this.#parts.configured;
    const guess = controlToken !== null && (!looksStored(token) || looksStored(controlToken));
    const attempt = this.#parts.throttle.begin(address, guess ? "control-token" : null);
    if (!attempt.ok) return refused("throttled", attempt.waitMs);
    if (!guess || !this.#parts.configured.tokenFits(token)) return refused("token_mismatch");
    attempt.succeeded();
    this.#parts.places.note(address, "control-token");
    return this.#let({
      kind: "control_token",
      name: "control-token",
      role: "admin",
      credential: "control-token",
      user: null,
    });
  }

  /** See `Access.certificate`. */
  certificate(fingerprint: string, _origin: Origin): Authentication {
    if (this.#closed) return refused("closed");
    const user = this.#parts.users.byCertificate(fingerprint);
    if (user === undefined || this.#parts.configured.isUser(user.name)) return refused("certificate_unknown");
    if (user.disabled) return refused("user_disabled");
    this.#parts.users.touch(user.name, this.#parts.nowUs());
    return this.#let({
      kind: "certificate",
      name: user.name,
      role: user.role,
      credential: `user:${user.name}`,
      user: user.name,
    });
  }

  /** See `Access.presented`. */
  presented(fingerprint: string, { address }: Origin): PresentedCertificate {
    const stands = this.#parts.users.byCertificate(fingerprint) !== undefined;
    const attempt = this.#parts.throttle.begin(address, null);
    return attempt.ok
      ? { waitMs: 0, proved: () => attempt.succeeded() }
      : { waitMs: stands ? 0 : attempt.waitMs, proved() {} };
  }

  /** See `Access.session`. A wrong cookie does not count for the throttle: 256 random bits are not guessed. */
  session(cookie: string, _origin: Origin): Authentication {
    if (this.#closed) return refused("closed");
    if (cookie === "") return refused("missing");
    const session = this.#parts.sessions.find(cookie);
    if (session === undefined) return refused("session_expired");
    const owner = this.owner(session.owner);
    if (owner === null) {
      this.#parts.sessions.close(session.id);
      return refused("session_expired");
    }
    this.#parts.sessions.touch(session.id);
    return this.#let(
      { kind: "session", name: owner.name, role: owner.role, credential: `session:${session.id}`, user: owner.user },
      this.#parts.sessions.lastEndOf(session),
    );
  }

  /** See `Access.openSession`. */
  openSession(principal: Principal, origin: Origin, userAgent: string): { cookie: string; info: SessionInfo } {
    const owner = ownerKey(principal);
    const present = owner === null ? null : this.owner(owner);
    if (this.#closed || owner === null || present === null || this.#parts.signals.of(principal).aborted) {
      throw new AccessError("permission_denied", "Cannot open a session for this credential");
    }
    const configured = owner.startsWith("config:") || owner === "control-token";
    const mark = configured ? this.#parts.configured.mark(owner) : null;
    const { cookie, session } = this.#parts.sessions.open(owner, mark, principal.expiresUs, origin, userAgent);
    return { cookie, info: this.#sessionInfo(session, present) };
  }

  /** Open sessions of somebody who is still somebody. */
  sessionList(): SessionInfo[] {
    const { sessions } = this.#parts;
    sessions.expire();
    return sessions.list().flatMap((session) => {
      const owner = this.owner(session.owner);
      return owner === null ? [] : [this.#sessionInfo(session, owner)];
    });
  }

  /** Who stands behind a session now; `null` when nobody does any more. */
  owner(owner: string): Owner | null {
    const [, kind, id = ""] = /^([a-z-]+)(?::(.*))?$/s.exec(owner) ?? [];
    if (kind === "user") {
      const user = this.#parts.configured.isUser(id) ? undefined : this.#parts.users.get(id);
      return user === undefined || user.disabled ? null : { name: user.name, role: user.role, user: user.name };
    }
    if (kind === "token") {
      const token = this.#parts.tokens.get(id);
      if (token === undefined || hasEnded(token.expiresUs, this.#parts.nowUs())) return null;
      return { name: token.label, role: token.role, user: null };
    }
    if (kind === "config") return this.#parts.configured.isUser(id) ? { name: id, role: "admin", user: null } : null;
    const control = kind === "control-token" && this.#parts.configured.controlToken !== null;
    return control ? { name: "control-token", role: "admin", user: null } : null;
  }

  #let(who: Omit<Principal, "expiresUs">, expiresUs: number | null = null): Authentication {
    return { ok: true, principal: this.#parts.signals.issue({ ...who, expiresUs }) };
  }

  #sessionInfo(session: StoredSession, { name, role }: Owner): SessionInfo {
    const { id, address, userAgent, createdUs, lastUsedUs } = session;
    return {
      id,
      name,
      role,
      address,
      userAgent,
      createdUs,
      lastUsedUs,
      expiresUs: this.#parts.sessions.endOf(session),
    };
  }
}

/** Whether an end, if there is one, has come. */
export function hasEnded(expiresUs: number | null, nowUs: number): boolean {
  return expiresUs !== null && expiresUs <= nowUs;
}

function refused(reason: AuthFailure, retryAfterMs?: number): Authentication {
  return retryAfterMs === undefined ? { ok: false, reason } : { ok: false, reason, retryAfterMs };
}

function tokenPrincipal({ id, kind, label, role }: StoredToken): Omit<Principal, "expiresUs"> {
  return {
    kind: kind === "paired" ? "paired_token" : "api_token",
    name: label,
    role,
    credential: `token:${id}`,
    user: null,
  };
}

/** Whose sessions a principal opens; `null` for one that cannot. */
function ownerKey({ kind, name, user, credential }: Principal): string | null {
  switch (kind) {
    case "password":
    case "certificate":
      return user === null ? null : `user:${user}`;
    case "config_user":
      return `config:${name}`;
    case "control_token":
      return "control-token";
    case "api_token":
    case "paired_token":
      return credential;
    default:
      return null;
  }
}
