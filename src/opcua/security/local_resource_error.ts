/** Why something local that the server needs cannot be used. */
export type LocalResourceCode =
  | "key_mode"
  | "key_unreadable"
  | "certificate_unreadable"
  | "certificate_key_mismatch"
  | "pki_not_writable";

/**
 * Thrown at the start when a file of the PKI directory cannot be used as it is. The message says what to do. The
 * process ends with exit code 6, because no restart would mend it.
 */
export class LocalResourceError extends Error {
  override readonly name = "LocalResourceError";
  readonly exitCode = 6;
  readonly code: LocalResourceCode;
  readonly path: string;

  constructor(code: LocalResourceCode, path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}
