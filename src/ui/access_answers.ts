/** What somebody may do, from least to most. */
export const roles = ["viewer", "operator", "engineer", "admin"] as const;
/** What somebody may do. */
export type Role = typeof roles[number];

/** Whether `has` includes everything that `needs` allows. */
export function roleIncludes(has: Role, needs: Role): boolean {
  return roles.indexOf(has) >= roles.indexOf(needs);
}

/** A user on the list. */
export interface UserView {
  readonly name: string;
  readonly role: Role;
  readonly disabled: boolean;
  /** `config`: named by the configuration, read-only here. */
  readonly source: "store" | "config";
  readonly created: string | null;
  readonly lastUsed: string | null;
  readonly passwordChanged: string | null;
  /** SHA-256 fingerprints of client certificates that stand for the user. */
  readonly certificates: readonly string[];
}

/** A token on the list, without its secret. */
export interface TokenView {
  readonly id: string;
  readonly kind: "api" | "paired";
  readonly label: string;
  readonly role: Role;
  readonly created: string;
  readonly createdBy: string;
  readonly expires: string | null;
  readonly lastUsed: string | null;
  readonly lastAddress: string | null;
}

/** A new token; the only time that its secret is seen. */
export interface NewTokenAnswer {
  readonly token: string;
  readonly info: TokenView;
}

/** An open pairing code on the list, without the code. */
export interface PairingView {
  readonly id: string;
  readonly role: Role;
  readonly label: string;
  readonly created: string;
  readonly createdBy: string;
  readonly expires: string;
  readonly wrongTries: number;
}

/** A new pairing code. */
export interface NewPairingAnswer {
  readonly code: string;
  /** Opens the pairing page with the code filled in; `null` when the gateway knows no address of its page. */
  readonly link: string | null;
  readonly uri: string | null;
  readonly info: PairingView;
}

/** An open session of any kind. */
export interface SessionView {
  readonly id: string;
  readonly kind: "web" | "control" | "opcua";
  readonly name: string | null;
  readonly role: Role | null;
  readonly address: string;
  readonly client: string;
  readonly created: string;
  readonly lastUsed: string | null;
  readonly expires: string | null;
}

/** A certificate; its fingerprint is SHA-256. */
export interface CertificateView {
  readonly subject: string;
  readonly issuer: string;
  readonly names: readonly string[];
  readonly notBefore: string;
  readonly notAfter: string;
  readonly fingerprint: string;
}

/** A revocation list. */
export interface CrlView {
  readonly issuer: string;
  readonly revoked: number;
  readonly thisUpdate: string;
  readonly nextUpdate: string | null;
  readonly fingerprint: string;
}

/** What a certificate store holds. */
export interface CertificateContents {
  readonly trusted: readonly CertificateView[];
  readonly issuers: readonly CertificateView[];
  readonly crls: readonly CrlView[];
  readonly rejected: readonly CertificateView[];
}

/** Certificates of the listeners, of OPC UA clients, and of people who log in with one. */
export interface CertificatesAnswer extends CertificateContents {
  readonly server: CertificateView | null;
  readonly own: CertificateView | null;
  readonly users: CertificateContents;
}

/** One listener: who reaches it, how it is protected, what it lets one do. */
export interface ExposureView {
  readonly listener: "web" | "control" | "opcua" | "hub" | "observer" | "relay" | "agent";
  readonly address: string;
  readonly port: number | null;
  /** Where it has several ports, the last of them. */
  readonly lastPort?: number | undefined;
  readonly protocol: string;
  readonly reach: "loopback" | "lan" | "any";
  readonly encryption: "tls" | "opcua" | "wireguard" | "none";
  readonly authentication: readonly string[];
  readonly lets: string;
  readonly key: string;
}

/** Something that the policy finds in the configuration. */
export interface FindingView {
  readonly rule: string;
  readonly severity: "error" | "warning" | "note";
  readonly path: string;
  readonly text: string;
  readonly fix: string;
}

/** What the policy says of the running configuration. */
export interface ExposureAnswer {
  readonly exposures: readonly ExposureView[];
  readonly findings: readonly FindingView[];
  readonly firewall: { readonly nftables: readonly string[]; readonly ufw: readonly string[] };
}

/** A record of the audit. */
export interface AuditRecordView {
  readonly sequence: number;
  readonly time: string;
  readonly event: string;
  readonly principal: string | null;
  readonly role: string | null;
  readonly address: string;
  readonly transport: string;
  readonly operation: string | null;
  readonly target: string | null;
  readonly decision: "allowed" | "denied";
  readonly rule: string | null;
  readonly outcome: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** What a check of the audit chain found. */
export interface AuditVerificationView {
  readonly ok: boolean;
  readonly records: number;
  readonly files: number;
  readonly problem: { readonly file: string; readonly line: number; readonly text: string } | null;
}
