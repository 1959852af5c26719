import type { TlsConfig } from "../config/schema.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { ServerCertificate } from "./server_certificate.ts";

/** What the server certificate is opened with. */
export interface ServerCertificateOptions {
  /** `cert_path` and `key_path` set, mode not `disabled`. */
  readonly config: TlsConfig;
  readonly faults: FaultBoard;
  readonly nowUs: () => number;
  /** Time between two looks at the files, ms. */
  readonly checkEveryMs?: number;
}

/**
 * Reads the pair and watches it.
 *
 * @throws {CertificateError} when the pair cannot be used
 */
export function openServerCertificate(_options: ServerCertificateOptions): Promise<ServerCertificate> {
  throw new Error("Cannot open the server certificate yet");
}
