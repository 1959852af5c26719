import type { CertificateFacts } from "../tls/server_certificate.ts";

/** A certificate for lists; `names` holds names, addresses and URIs. */
export type ListedCertificate = Pick<
  CertificateFacts,
  "subject" | "issuer" | "names" | "notBeforeUs" | "notAfterUs" | "fingerprint"
>;

/** The OPC UA server's trust list for client applications. */
export interface ClientCertificates {
  list(): Promise<{
    /** The server's own. */
    readonly own: ListedCertificate | null;
    readonly trusted: readonly ListedCertificate[];
    readonly rejected: readonly ListedCertificate[];
  }>;
  /** Trusts the certificate with this SHA-256 fingerprint from the next connection on; `null` when there is none. */
  trust(fingerprint: string): Promise<ListedCertificate | null>;
  /** Withdraws trust; `null` when there is none. */
  reject(fingerprint: string): Promise<ListedCertificate | null>;
}
