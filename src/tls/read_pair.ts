import type { TlsConfig } from "../config/schema.ts";
import { CertificateError } from "./certificate_error.ts";
import { certificateBlocks, checkPair, readCertificate, readPrivateKey } from "./read_certificate.ts";
import type { CertificateFacts, TlsMaterial } from "./server_certificate.ts";

/** What the files of `[runtime.tls]` hold; `null` for a file that is not asked for. */
export interface PairTexts {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | null;
}

/** A pair that servers can use. */
export interface UsablePair {
  readonly material: TlsMaterial;
  readonly facts: CertificateFacts;
}

/**
 * Reads the files of `[runtime.tls]`; the CA's only when client certificates are asked for.
 *
 * @throws {CertificateError} `unreadable` when one is not configured, not there or not readable
 */
export async function readPairFiles(config: TlsConfig): Promise<PairTexts> {
  const { cert_path, key_path, ca_path, client_auth } = config;
  return {
    cert: await readText(cert_path, "cert_path"),
    key: await readText(key_path, "key_path"),
    ca: client_auth === "none" ? null : await readText(ca_path, "ca_path"),
  };
}

/**
 * Checks that the texts are a pair that servers can use, and brings them into the form that they take: certificates
 * alone, the key as PKCS #8.
 *
 * @throws {CertificateError} naming what is wrong
 */
export function usablePair({ cert, key, ca }: PairTexts): UsablePair {
  const facts = checkPair(cert, key);
  // node:tls trusts the public CAs when it gets none, and everybody can buy a certificate of those
  const clientCa = ca === null ? null : checkedCa(ca);
  return {
    facts,
    material: {
      cert: certificateBlocks(cert),
      key: readPrivateKey(key).export({ type: "pkcs8", format: "pem" }) as string,
      clientCa,
    },
  };
}

function checkedCa(pem: string): string {
  try {
    readCertificate(pem);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw new CertificateError("no_certificate", `Cannot use ca_path for client certificates: ${error.message}`);
  }
  return certificateBlocks(pem);
}

async function readText(path: string | undefined, key: string): Promise<string> {
  if (path === undefined) {
    throw new CertificateError("unreadable", `Cannot read the certificate as [runtime.tls].${key} is not set`);
  }
  try {
    return new TextDecoder("latin1").decode(await Deno.readFile(path));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const reason = error instanceof Deno.errors.NotFound
      ? "it does not exist"
      : error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable
      ? "this program may not read it"
      : error.message;
    throw new CertificateError("unreadable", `Cannot read ${path} ([runtime.tls].${key}): ${reason}`);
  }
}
