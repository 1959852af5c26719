/** Why a certificate or its key cannot be used. */
export type CertificateErrorCode =
  /** A file is not there or cannot be read. */
  | "unreadable"
  /** The text holds no certificate that can be parsed. */
  | "no_certificate"
  /** The text holds no private key that can be parsed. */
  | "no_key"
  /** The private key asks for a pass phrase, which nobody could type at a start. */
  | "key_encrypted"
  /** A kind of key that TLS servers or browsers do not take. */
  | "key_unsuitable"
  /** The key belongs to another certificate. */
  | "key_mismatch";

/** Thrown for a certificate or key that cannot be used. The message says what to do and never holds key material. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
  /** A resource of this machine cannot be used as it is; no restart would mend it. */
  readonly exitCode = 6;

  constructor(readonly code: CertificateErrorCode, message: string) {
    super(message);
  }
}
