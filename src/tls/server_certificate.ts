/** A certificate with its key, as servers of `node:https` and `node:tls` take them; PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** CA that client certificates must come from; `null`: none are asked for. */
  readonly clientCa: string | null;
}

/** Facts of a certificate, for people and faults. */
export interface CertificateFacts {
  /** As `CN=edgekeep,O=…`. */
  readonly subject: string;
  readonly issuer: string;
  /** DNS names and IP addresses of the subjectAltName extension. */
  readonly names: readonly string[];
  readonly notBeforeUs: number;
  readonly notAfterUs: number;
  /** SHA-256, upper-case hex pairs with colons. */
  readonly fingerprint: string;
  readonly serial: string;
  readonly selfSigned: boolean;
  /** As `RSA 2048` or `EC P-256`. */
  readonly keyType: string;
}

/**
 * The server certificate of web and control. Watches its files and tells listeners when they hold another usable pair;
 * a pair that is unusable (does not parse, key does not match) is reported as the fault `tls_certificate_unusable` and
 * the running one kept. `tls_certificate_expiring` and `tls_certificate_expired` follow its end.
 */
export interface ServerCertificate {
  readonly material: TlsMaterial;
  readonly facts: CertificateFacts;
  /** Called with each new pair until the returned function is called. */
  onChange(listener: (material: TlsMaterial) => void): () => void;
  /** Looks at the files now instead of at the next check. */
  check(): Promise<void>;
  stop(): void;
}
