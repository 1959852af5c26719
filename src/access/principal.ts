import type { Role } from "../policy/roles.ts";

/** What a principal proved itself with. */
export type CredentialKind =
  /** Peer of the control endpoint's unix socket. */
  | "local"
  /** `[runtime.control].auth_token`. */
  | "control_token"
  /** `[opcua].user_name` and `user_password`. */
  | "config_user"
  /** A stored user's password (Basic, OPC UA). */
  | "password"
  /** A browser session of a user or of a paired device. */
  | "session"
  /** A stored API token. */
  | "api_token"
  /** A token that a pairing code was traded for. */
  | "paired_token"
  /** A client certificate of a stored user. */
  | "certificate"
  /** A loopback client of the page, which may look without logging in. */
  | "loopback";

/** Somebody who is known. Holds no secret. */
export interface Principal {
  readonly kind: CredentialKind;
  /** For people and the audit: a user's name, a token's label, `local`, `control-token`, `loopback`. */
  readonly name: string;
  readonly role: Role;
  /**
   * Identity of the credential, for revocation and the audit: `user:<name>`, `token:<id>`, `session:<id>`,
   * `control-token`, `local`, `loopback`. Never the secret.
   */
  readonly credential: string;
  /** The stored user behind it; `null` for a credential without a user. */
  readonly user: string | null;
  /** End of the credential, µs; `null`: until revoked. */
  readonly expiresUs: number | null;
}

/** Ways into the gateway. */
export type Transport = "unix" | "tcp" | "tls" | "http" | "https" | "opcua" | "cli" | "signal";

/** Where a request comes from. */
export interface Origin {
  readonly transport: Transport;
  /** The peer's IP address without port; `local` for a unix socket, the command line and signals. */
  readonly address: string;
}

/** Who calls, from where. `principal` is `null` for somebody unknown. */
export interface Caller extends Origin {
  readonly principal: Principal | null;
  /** What the caller calls this request, for the audit record's field `request_id`. */
  readonly requestId?: string | undefined;
}

/**
 * Whoever can open the control endpoint's unix socket, or write the data folder of a gateway that does not run: the
 * system's file permissions decide who that is, and they are an admin.
 */
export const localPrincipal: Principal = {
  kind: "local",
  name: "local",
  role: "admin",
  credential: "local",
  user: null,
  expiresUs: null,
};
