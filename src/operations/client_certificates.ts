import type { CertificateFacts } from "../tls/server_certificate.ts";

/** A certificate for lists; `names` holds names, addresses and URIs. */
export type ListedCertificate = Pick<
  CertificateFacts,
  "subject" | "issuer" | "names" | "notBeforeUs" | "notAfterUs" | "fingerprint"
>;

/** A certificate revocation list (RFC 5280 §5). */
export interface ListedCrl {
  readonly issuer: string;
  /** Certificates that it revokes. */
  readonly revoked: number;
  readonly thisUpdateUs: number;
  /** When the next one is due; `null` when it does not say. */
  readonly nextUpdateUs: number | null;
  /** SHA-256 of its DER form, upper-case hex pairs with colons. */
  readonly fingerprint: string;
}

/** Stores of the OPC UA server: for client applications, and for people who log in with a certificate. */
export const certificateStores = ["application", "users"] as const;
export type CertificateStore = typeof certificateStores[number];

/** What can be added: a certificate to trust, that of a CA which is only needed to complete chains, a revocation list. */
export const addedKinds = ["trusted", "issuer", "crl"] as const;
export type AddedKind = typeof addedKinds[number];

/** What a store holds. */
export interface StoreContents {
  readonly trusted: readonly ListedCertificate[];
  readonly issuers: readonly ListedCertificate[];
  readonly crls: readonly ListedCrl[];
  readonly rejected: readonly ListedCertificate[];
}

/** How the server's own certificate is made anew. */
export interface RenewalWishes {
  /** Makes a new key as well; else the present one is kept, and clients that pin the key go on. */
  readonly newKey: boolean;
  /** Days until its end. */
  readonly days: number;
}

/** The server's own certificate after a change. */
export interface OwnCertificate {
  readonly certificate: ListedCertificate;
  /** Where it differs from what the configuration needs, in words; empty when it fits. */
  readonly mismatches: readonly string[];
  /** Copies of what was replaced; empty when nothing was. */
  readonly backups: readonly string[];
}

/** Refusal of a certificate, list or change, for people: it says what was found and what to do. */
export class CertificateRefused extends Error {
  override readonly name = "CertificateRefused";

  /** Whether it is one: by its name, since in a bundle the command line has another copy of this class. */
  static is(error: unknown): error is CertificateRefused {
    return error instanceof Error && error.name === "CertificateRefused";
  }
}

/** Certificates of the OPC UA server. A change counts from the next connection on, and ends sessions that it takes trust from. */
export interface ClientCertificates {
  /** The server's own; `null` when there is none yet. */
  own(): Promise<ListedCertificate | null>;
  list(store: CertificateStore): Promise<StoreContents>;
  /** Trusts the rejected certificate with this SHA-256 fingerprint; `null` when there is none. @throws {CertificateRefused} */
  trust(store: CertificateStore, fingerprint: string): Promise<ListedCertificate | null>;
  /** Withdraws trust and files it as rejected; `null` when there is none. */
  reject(store: CertificateStore, fingerprint: string): Promise<ListedCertificate | null>;
  /** Deletes a certificate or a revocation list; `null` when there is none. */
  remove(store: CertificateStore, fingerprint: string): Promise<ListedCertificate | ListedCrl | null>;
  /** Adds one certificate or list, PEM or DER. @throws {CertificateRefused} */
  add(store: CertificateStore, kind: AddedKind, data: Uint8Array): Promise<ListedCertificate | ListedCrl>;
  /** Makes a new self-signed certificate of the server and puts it into use. @throws {CertificateRefused} */
  renew(wishes: RenewalWishes): Promise<OwnCertificate>;
  /** A certificate signing request (PKCS #10, PEM) for the present key. */
  signingRequest(): Promise<string>;
  /** Puts a certificate that a CA made for the present key into use: PEM, its issuers behind it. @throws {CertificateRefused} */
  install(pem: string): Promise<OwnCertificate>;
}
