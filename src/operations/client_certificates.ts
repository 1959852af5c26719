/** A certificate for lists. */
export interface ListedCertificate {
  /** As `CN=edgekeep,O=…`. */
  readonly subject: string;
  readonly issuer: string;
  /** Names, addresses and URIs of the subjectAltName extension. */
  readonly names: readonly string[];
  readonly notBeforeUs: number;
  readonly notAfterUs: number;
  /** SHA-256, upper-case hex pairs with colons. */
  readonly fingerprint: string;
}

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
