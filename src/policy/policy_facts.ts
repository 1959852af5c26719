import type { ConfiguredRole } from "./configured_role.ts";

/** A file that could not be read. `missing`: there is none. `reason` is for people and holds nothing of the file. */
export type Unread =
  | { readonly state: "missing" }
  | { readonly state: "unreadable"; readonly reason: string };

/** What the policy wants to know of a certificate. */
export interface CertificateFact {
  readonly state: "read";
  /** DNS names and IP addresses of the subjectAltName extension. */
  readonly names: readonly string[];
  /** µs since the epoch. */
  readonly notBeforeUs: number;
  readonly notAfterUs: number;
  /** Whether it, or the last certificate of its chain, was signed by one of `ca_path`; `null`: not known. */
  readonly fromCa: boolean | null;
}

/** What the policy wants to know of a private key. */
export interface KeyFact {
  readonly state: "read";
  /** Permission bits; `null` where the system has none. */
  readonly mode: number | null;
  /** Whether it is the certificate's; `null`: one of the two cannot be judged. */
  readonly matches: boolean | null;
}

/** A file that was read and is not what it should be. */
export interface Unusable {
  readonly state: "unusable";
  /** For people; holds nothing of the file. */
  readonly reason: string;
}

/**
 * What rules need to know besides the configuration, gathered by whoever does I/O. A file is `null` when its key is not
 * set.
 */
export interface PolicyFacts {
  /** The role that is to run with the configuration. */
  readonly role: ConfiguredRole;
  /** µs since the epoch. */
  readonly nowUs: number;
  /** Addresses of the machine's interfaces, without zone and brackets, and what it calls itself. */
  readonly machine: { readonly addresses: readonly string[]; readonly hostname: string };
  /** Absolute path of the control endpoint's unix socket; `null` when it has none. */
  readonly controlSocket: string | null;
  /** `[runtime.tls].cert_path`, `key_path` and `ca_path`. */
  readonly certificate: CertificateFact | Unread | Unusable | null;
  readonly key: KeyFact | Unread | Unusable | null;
  readonly ca: { readonly state: "read" } | Unread | Unusable | null;
}
