import { hostname } from "node:os";
import { isWildcard, listenAddress, parseEndpoint } from "../config/address.ts";
import type { Config } from "../config/schema.ts";
import { replaceFile } from "../config/write_file.ts";
import { makeServerCertificate } from "../tls/make_certificate.ts";
import { readCertificate } from "../tls/read_certificate.ts";
import { HostRefusal } from "./role_protocol.ts";

/** A certificate that has just been made. */
export interface RenewedCertificate {
  readonly notAfterUs: number;
  /** SHA-256, upper-case hex pairs with colons. */
  readonly fingerprint: string;
}

/**
 * Makes a new certificate and key at the configured paths; those from before stay beside them as `.old`. It keeps the
 * names of the one before and adds those under which clients reach the servers now.
 *
 * Rejects with a `HostRefusal`: `not_configured` when the certificate is not the gateway's own to make, `io` when the
 * files cannot be written, and then the pair from before is in place.
 */
export async function renewCertificate(config: Config): Promise<RenewedCertificate> {
  const { mode, cert_path: certPath, key_path: keyPath } = config.runtime.tls;
  if (mode !== "self-managed") {
    throw new HostRefusal(
      "not_configured",
      `Cannot make a certificate as runtime.tls.mode is "${mode}": only a self-managed one is the gateway's own to make`,
    );
  }
  if (certPath === undefined || keyPath === undefined) {
    throw new HostRefusal("not_configured", "Cannot make a certificate without runtime.tls.cert_path and key_path");
  }
  const before = { cert: await textOrNull(certPath), key: await textOrNull(keyPath) };
  const names = [...new Set([...namesIn(before.cert), ...reachableNames(config)])];
  const { cert, key } = await makeServerCertificate({ names, commonName: config.gateway.name });
  try {
    if (before.cert !== null) await replaceFile(`${certPath}.old`, before.cert, { mode: 0o644 });
    if (before.key !== null) await replaceFile(`${keyPath}.old`, before.key, { forceMode: 0o600 });
    await replaceFile(keyPath, key, { forceMode: 0o600 });
    try {
      await replaceFile(certPath, cert, { mode: 0o644 });
    } catch (error) {
      // a key without its certificate would keep TLS from starting
      if (before.key !== null) await replaceFile(keyPath, before.key, { forceMode: 0o600 });
      throw error;
    }
  } catch (error) {
    throw new HostRefusal("io", `Cannot write the certificate ${certPath}: ${reasonOf(error)}`);
  }
  const { notAfterUs, fingerprint } = readCertificate(cert);
  return { notAfterUs, fingerprint };
}

/** Under which names and addresses clients reach web and control of this machine. */
function reachableNames({ runtime: { web, control } }: Config): string[] {
  const endpoint = parseEndpoint(control.endpoint);
  const hosts = [
    ...(web.enabled ? [listenAddress(web.listen).host] : []),
    ...(control.enabled && endpoint?.kind === "tcp" ? [endpoint.host] : []),
  ];
  const own = hostname().toLowerCase();
  const everywhere = hosts.some(isWildcard)
    ? Deno.networkInterfaces().map(({ address }) => address).filter((address) => !/^fe80:/i.test(address))
    : [];
  const local = own.includes(".") ? [own] : [own, `${own}.local`];
  return [
    ...hosts.filter((host) => !isWildcard(host)),
    ...local,
    "localhost",
    "127.0.0.1",
    ...everywhere,
    ...web.allowed_hosts,
  ];
}

function namesIn(cert: string | null): readonly string[] {
  try {
    return cert === null ? [] : readCertificate(cert).names;
  } catch {
    return [];
  }
}

async function textOrNull(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new HostRefusal("io", `Cannot read ${path}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : String(error);
}
