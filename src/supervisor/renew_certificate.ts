import { textIfThere } from "../config/optional_file.ts";
import type { Config } from "../config/schema.ts";
import { replaceFile } from "../config/write_file.ts";
import { NotSelfManaged, renewServerCertificate, selfManagedPlaces } from "../tls/renew_server_certificate.ts";
import type { CertificateFacts } from "../tls/server_certificate.ts";
import { HostRefusal } from "./role_protocol.ts";

/**
 * Makes a new certificate and key at the configured paths; those from before stay beside them as `.old`.
 *
 * Rejects with a `HostRefusal`: `not_configured` when the certificate is not the gateway's own to make, `io` when the
 * files cannot be written, and then the pair from before is in place.
 */
export async function renewCertificate(config: Config): Promise<CertificateFacts> {
  try {
    const { certPath, keyPath } = selfManagedPlaces(config);
    const before = await Promise.all(
      [keyPath, certPath].map(async (path) => ({ path, text: await textIfThere(path) })),
    );
    for (const { path, text } of before) {
      if (text !== null) await replaceFile(`${path}.old`, text, { forceMode: path === keyPath ? 0o600 : 0o644 });
    }
    try {
      return await renewServerCertificate(config);
    } catch (error) {
      // a key without its certificate would keep TLS from starting
      for (const { path, text } of before) if (text !== null) await replaceFile(path, text);
      throw error;
    }
  } catch (error) {
    if (error instanceof NotSelfManaged) throw new HostRefusal("not_configured", error.message);
    const reason = error instanceof Deno.errors.PermissionDenied ? "permission denied" : String(error);
    throw new HostRefusal("io", `Cannot make a new certificate: ${reason}`);
  }
}
