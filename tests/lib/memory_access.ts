import {
  type Access,
  AccessError,
  type Authentication,
  type AuthFailure,
  type NewToken,
  type PresentedCertificate,
  type SessionInfo,
  type TokenGrant,
  type TokenInfo,
  type UserInfo,
} from "../../src/access/access.ts";
import type { CredentialKind, Origin, Principal } from "../../src/access/principal.ts";
import type { Role } from "../../src/policy/roles.ts";

/** Who may get in, kept in memory: logins cost nothing, and a test can see and change everything. No throttle. */
export class MemoryAccess implements Access {
  state: Access["state"] = "open";
  readonly passwords = new Map<string, { password: string; role: Role }>();
  readonly certificates = new Map<string, string>();
  /** Refuses every password and token with this, when set. */
  refusing: { reason: AuthFailure; retryAfterMs?: number } | null = null;
  /** Origins of every attempt. */
  readonly attempts: Origin[] = [];
  readonly #tokens = new Map<string, TokenInfo>();
  readonly #sessions = new Map<string, { info: SessionInfo; principal: Principal }>();
  readonly #ends = new Map<string, AbortController>();
  #count = 0;

  addRole(name: string, password: string, role: Role): void {
    this.passwords.set(name, { password, role });
  }

  password(name: string, password: string, origin: Origin): Promise<Authentication> {
    this.attempts.push(origin);
    if (this.refusing !== null) return Promise.resolve({ ok: false, ...this.refusing });
    const user = this.passwords.get(name);
    if (user === undefined) return Promise.resolve({ ok: false, reason: "user_mismatch" });
    if (user.password !== password) return Promise.resolve({ ok: false, reason: "password_mismatch" });
    return Promise.resolve({ ok: true, principal: principal("password", name, user.role, `user:${name}`, name) });
  }

  token(token: string, origin: Origin): Authentication {
    this.attempts.push(origin);
    if (this.refusing !== null) return { ok: false, ...this.refusing };
    const info = this.#tokens.get(token);
    if (info === undefined) return { ok: false, reason: "token_mismatch" };
    return { ok: true, principal: principal("api_token", info.label, info.role, `token:${info.id}`, null) };
  }

  certificate(fingerprint: string): Authentication {
    const name = this.certificates.get(fingerprint);
    const user = name === undefined ? undefined : this.passwords.get(name);
    if (name === undefined || user === undefined) return { ok: false, reason: "certificate_unknown" };
    return { ok: true, principal: principal("certificate", name, user.role, `user:${name}`, name) };
  }

  presented(): PresentedCertificate {
    return { waitMs: 0, proved() {} };
  }

  session(cookie: string): Authentication {
    const found = this.#sessions.get(cookie);
    return found === undefined ? { ok: false, reason: "session_expired" } : { ok: true, principal: found.principal };
  }

  openSession({ name, role, user, credential }: Principal, { address }: Origin, userAgent: string) {
    const id = `s${++this.#count}`;
    const cookie = `cookie-${id}-${crypto.randomUUID()}`;
    const nowUs = Date.now() * 1000;
    const expiresUs = nowUs + 86_400_000_000;
    const info = { id, name, role, address, userAgent, createdUs: nowUs, lastUsedUs: nowUs, expiresUs };
    const opened = { ...principal("session", name, role, `session:${id}`, user), expiresUs };
    this.#sessions.set(cookie, { info, principal: opened });
    this.#end(credential).signal.addEventListener("abort", () => this.closeSession(id));
    return { cookie, info };
  }

  closeSession(id: string): boolean {
    for (const [cookie, { info }] of this.#sessions) {
      if (info.id !== id) continue;
      this.#sessions.delete(cookie);
      this.#end(`session:${id}`).abort();
      return true;
    }
    return false;
  }

  sessions(): SessionInfo[] {
    return [...this.#sessions.values()].map(({ info }) => info);
  }

  revoked({ credential }: Principal): AbortSignal {
    return this.#end(credential).signal;
  }

  users(): UserInfo[] {
    return [...this.passwords].map(([name, { role }]) => ({
      name,
      role,
      disabled: false,
      source: "store",
      createdUs: null,
      lastUsedUs: null,
      passwordChangedUs: null,
      certificates: [],
    }));
  }

  removeUser(name: string): void {
    this.passwords.delete(name);
    this.#end(`user:${name}`).abort();
    this.#ends.delete(`user:${name}`);
  }

  tokens(): TokenInfo[] {
    return [...this.#tokens.values()];
  }

  createToken({ label, role }: TokenGrant, by: string): NewToken {
    const id = `t${++this.#count}`;
    const token = `token-${id}-${crypto.randomUUID()}`;
    const info: TokenInfo = {
      id,
      kind: "api",
      label,
      role,
      createdUs: 0,
      createdBy: by,
      expiresUs: null,
      lastUsedUs: null,
      lastAddress: null,
    };
    this.#tokens.set(token, info);
    return { token, info };
  }

  revokeToken(id: string): TokenInfo {
    for (const [token, info] of this.#tokens) {
      if (info.id !== id) continue;
      this.#tokens.delete(token);
      this.#end(`token:${id}`).abort();
      return info;
    }
    throw new AccessError("not_found", `There is no token '${id}'`);
  }

  addUser = unused;
  setUser = unused;
  changePassword = unused;
  renewToken = unused;
  pairings = unused;
  startPairing = unused;
  revokePairing = unused;
  claimPairing = unused;
  claimSetup = unused;
  configure = unused;
  stop(): void {}

  #end(credential: string): AbortController {
    const end = this.#ends.get(credential) ?? new AbortController();
    this.#ends.set(credential, end);
    return end;
  }
}

function principal(kind: CredentialKind, name: string, role: Role, credential: string, user: string | null): Principal {
  return { kind, name, role, credential, user, expiresUs: null };
}

function unused(): never {
  throw new Error("The access in memory does not do this; open the real one");
}
