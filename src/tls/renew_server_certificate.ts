import type { Config } from "../config/schema.ts";
import { CertificateError } from "./certificate_error.ts";
import { readCertificate } from "./read_certificate.ts";
import type { CertificateFacts } from "./server_certificate.ts";
import { machineNames } from "../config/machine_names.ts";
import { serverNames } from "./server_names.ts";
import { writeServerCertificate } from "./write_server_certificate.ts";

/** The configuration has no certificate that this program could make. The message says what to do instead. */
export class NotSelfManaged extends Error {
  override readonly name = "NotSelfManaged";
}

/**
 * The places of the pair that this program makes itself.
 *
 * @throws {NotSelfManaged} when TLS is off, the certificate comes from a CA, or a path is not configured
 */
export function selfManagedPlaces(
  { runtime: { tls } }: Pick<Config, "runtime">,
): { certPath: string; keyPath: string } {
  if (tls.mode === "provisioned") {
    throw new NotSelfManaged(
      'Cannot make a certificate as [runtime.tls].mode is "provisioned": ask your CA for a new one and put certificate ' +
        "and key in place of the old; a running gateway takes them over",
    );
  }
  if (tls.mode === "disabled") {
    throw new NotSelfManaged(
      'Cannot make a certificate as [runtime.tls].mode is "disabled": write mode = "self-managed", ' +
        'cert_path = "security/server-cert.pem" and key_path = "security/server-key.pem" under [runtime.tls]',
    );
  }
  const { cert_path: certPath, key_path: keyPath } = tls;
  if (certPath === undefined || keyPath === undefined) {
    const missing = certPath === undefined ? 'cert_path = "security/server-cert.pem"' : "";
    const other = keyPath === undefined ? 'key_path = "security/server-key.pem"' : "";
    throw new NotSelfManaged(
      `Cannot make a certificate as it has no place: write ${
        [missing, other].filter((text) => text !== "").join(" and ")
      } ` +
        "under [runtime.tls]",
    );
  }
  return { certPath, keyPath };
}

/**
 * Makes a new pair at the configured places, for the names of the certificate that is there, or for those of this
 * machine and its configuration when there is none that can be read.
 *
 * Rejects with {@link NotSelfManaged}, and with the file system's error.
 */
export async function renewServerCertificate(
  config: Pick<Config, "runtime">,
  days?: number,
): Promise<CertificateFacts> {
  const places = selfManagedPlaces(config);
  const known = await namesOf(places.certPath);
  const names = known.length > 0 ? known : serverNames(config, machineNames());
  return await writeServerCertificate(days === undefined ? { names } : { names, days }, places);
}

async function namesOf(path: string): Promise<readonly string[]> {
  try {
    // a certificate of another making may name what ours cannot, as *.plant.example
    return readCertificate(await Deno.readTextFile(path)).names.filter((name) => !name.includes("*"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof CertificateError) return [];
    throw error;
  }
}
