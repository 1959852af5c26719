import type { Role } from "../policy/roles.ts";
import type { Origin, Principal } from "./principal.ts";

/**
 * Why a credential was refused. Clients hear `unauthenticated` or `throttled` alone; the audit gets the reason.
 * The first six are what log analysis of comparable gateways looks for in `web_auth_failed`; `user_mismatch` and
 * `password_mismatch` take the same time.
 */
export type AuthFailure =
  | "missing"
  | "malformed_scheme"
  | "malformed_base64"
  | "missing_colon"
  | "user_mismatch"
  | "password_mismatch"
  | "user_disabled"
  | "token_mismatch"
  | "token_expired"
  | "session_expired"
  | "certificate_unknown"
  | "insecure_transport"
  | "throttled"
  | "closed";

export type Authentication =
  | { readonly ok: true; readonly principal: Principal }
  | {
    readonly ok: false;
    readonly reason: AuthFailure;
    /** For `throttled`: time until another attempt counts. */
    readonly retryAfterMs?: number;
  };

/** A stored user as lists show it. */
export interface UserInfo {
  readonly name: string;
  readonly role: Role;
  readonly disabled: boolean;
  /** `config`: named by `[opcua].user_name`, read-only here. */
  readonly source: "store" | "config";
  readonly createdUs: number | null;
  readonly lastUsedUs: number | null;
  readonly passwordChangedUs: number | null;
  /** SHA-256 fingerprints (upper-case hex pairs with colons) of client certificates that stand for the user. */
  readonly certificates: readonly string[];
}

/** A stored token as lists show it. */
export interface TokenInfo {
  readonly id: string;
  readonly kind: "api" | "paired";
  readonly label: string;
  readonly role: Role;
  readonly createdUs: number;
  readonly createdBy: string;
  readonly expiresUs: number | null;
  readonly lastUsedUs: number | null;
  readonly lastAddress: string | null;
}

/** An open pairing code as lists show it. */
export interface PairingInfo {
  readonly id: string;
  readonly role: Role;
  readonly label: string;
  readonly createdUs: number;
  readonly createdBy: string;
  readonly expiresUs: number;
  /** Wrong tries so far; five burn it. */
  readonly wrongTries: number;
}

/** A browser session as lists show it. */
export interface SessionInfo {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly address: string;
  readonly userAgent: string;
  readonly createdUs: number;
  readonly lastUsedUs: number;
  readonly expiresUs: number;
}

/** Refusal of a change of the store, for people and programs. */
export class AccessError extends Error {
  override readonly name = "AccessError";

  constructor(
    readonly code: "not_found" | "conflict" | "bad_params" | "permission_denied" | "throttled" | "unavailable",
    message: string,
    readonly more: { readonly field?: string; readonly fix?: string; readonly retryAfterMs?: number } = {},
  ) {
    super(message);
  }
}

/** Lifetime and role that an admin gives a token. */
export interface TokenGrant {
  readonly label: string;
  readonly role: Role;
  /** Seconds from now; `null`: until revoked. */
  readonly lifetimeSeconds: number | null;
}

/** The secret of a new credential; the only time that it is seen. */
export interface NewToken {
  readonly token: string;
  readonly info: TokenInfo;
}

/**
 * Who is asking: one store for users, tokens, pairing codes and sessions, one throttle. Nothing here decides what a role
 * may do. Every failed authentication counts against its address and its name; the caller writes the audit record.
 */
export interface Access {
  /**
   * `open`: somebody can get in. `unclaimed`: no user, token or configured credential exists; only `claimSetup` makes one.
   * `damaged`: the store could not be read; it was set aside, and only configured credentials and the unix socket get in.
   */
  readonly state: "open" | "unclaimed" | "damaged";

  /** A name with its password: the configured `[opcua]` user or a stored one. Takes about as long for unknown names. */
  password(name: string, password: string, origin: Origin): Promise<Authentication>;
  /** A bearer token: `[runtime.control].auth_token`, an API token or a paired device's. */
  token(token: string, origin: Origin): Authentication;
  /** A client certificate that TLS has verified, by its SHA-256 fingerprint. */
  certificate(fingerprint: string, origin: Origin): Authentication;
  /**
   * Begins a login with a certificate that the caller is about to check, where each login costs a check (OPC UA): it counts
   * as a failed attempt of its address until {@link PresentedCertificate.proved} is called.
   */
  presented(fingerprint: string, origin: Origin): PresentedCertificate;
  /** A session cookie's value. Sliding idle time, absolute end. */
  session(cookie: string, origin: Origin): Authentication;
  /** Opens a browser session for somebody who has just proved who they are. */
  openSession(
    principal: Principal,
    origin: Origin,
    userAgent: string,
  ): { readonly cookie: string; readonly info: SessionInfo };
  /** Ends a session; `false` when there is none with this id. */
  closeSession(id: string): boolean;
  sessions(): SessionInfo[];

  /** Aborted as soon as the principal's credential ends: revoked, expired, role changed, user removed or switched off. */
  revoked(principal: Principal): AbortSignal;

  users(): UserInfo[];
  addUser(user: { readonly name: string; readonly password: string; readonly role: Role }): Promise<UserInfo>;
  /** Changes what is given. Refuses to take the last admin away (`conflict`). */
  setUser(
    name: string,
    change: {
      readonly role?: Role | undefined;
      readonly password?: string | undefined;
      readonly disabled?: boolean | undefined;
      readonly certificates?: readonly string[] | undefined;
    },
  ): Promise<UserInfo>;
  removeUser(name: string): void;
  /**
   * Changes one's own password after proving the old one. Ends everything that the old one let in, but the session with the
   * credential `keep`.
   */
  changePassword(name: string, old: string, next: string, origin: Origin, keep?: string): Promise<void>;

  tokens(): TokenInfo[];
  createToken(grant: TokenGrant, by: string): NewToken;
  renewToken(id: string, lifetimeSeconds: number | null): TokenInfo;
  revokeToken(id: string): TokenInfo;

  pairings(): PairingInfo[];
  /** A code of 8 characters, good for one claim within five minutes. */
  startPairing(grant: TokenGrant, by: string): { readonly code: string; readonly info: PairingInfo };
  revokePairing(id: string): PairingInfo;
  /** Trades a code for a token. Throws {@link AccessError} `permission_denied` (the same for every reason) or `throttled`. */
  claimPairing(code: string, origin: Origin): NewToken;

  /** Makes the first admin. Throws `permission_denied` for a wrong code, `conflict` when somebody exists already. */
  claimSetup(
    code: string,
    user: { readonly name: string; readonly password: string },
    origin: Origin,
  ): Promise<UserInfo>;

  /** Takes changed configured credentials and limits; sessions of the configured user end when they changed. */
  configure(settings: AccessSettings): void;
  stop(): void;
}

/** A certificate that somebody shows and has not yet proved to be theirs. */
export interface PresentedCertificate {
  /**
   * Time until a check is worth while, ms; above 0 it is to be refused unchecked. Always 0 for one that stands for a user:
   * the key behind it is not guessed, and strangers must not shut its owner out.
   */
  readonly waitMs: number;
  /** It was trusted, and signed with the key that belongs to it. */
  proved(): void;
}

/** What the configuration says about credentials. */
export interface AccessSettings {
  readonly configUser: { readonly name: string; readonly password: string } | null;
  /** `[runtime.control].auth_token`. */
  readonly controlToken: string | null;
  /** Idle time after which a browser session ends, ms. */
  readonly sessionIdleMs: number;
}
