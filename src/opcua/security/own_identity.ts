import { fileExists } from "../../config/optional_file.ts";
import * as crypto from "node:crypto";
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import type { OPCUACertificateManager } from "node-opcua";
import { certificateHosts } from "./advertised_hosts.ts";
import { LocalResourceError } from "./local_resource_error.ts";
import { type PkiStore, pkiStore } from "./pki_directory.ts";

const KEY_BITS = 2048;
const VALID_DAYS = 3650;
const DAY_MS = 86_400_000;

/** What the server's certificate must say. */
export interface IdentityWishes {
  readonly applicationUri: string;
  /** Subject CN. */
  readonly applicationName: string;
  /** Subject O; empty leaves it out. */
  readonly organisation: string;
  readonly hosts: readonly string[];
}

/** The server's own certificate, checked. */
export interface OwnIdentity {
  readonly certificateFile: string;
  readonly certificate: crypto.X509Certificate;
  readonly subject: string;
  readonly notBeforeUs: number;
  readonly notAfterUs: number;
  /** True when the pair was made by this start. */
  readonly created: boolean;
  /** Where the certificate differs from what the configuration needs, in words; empty when it fits. */
  readonly mismatches: readonly string[];
}

/**
 * Makes the key file of a store (RSA, PKCS #8, created with mode 0600, never loose for a moment) when there is none,
 * and makes sure that an existing one is a key.
 *
 * @throws {LocalResourceError} when it is none
 */
export async function ensureKey(store: PkiStore): Promise<void> {
  try {
    await Deno.stat(store.privateKeyFile);
    privateKeyOf(store);
    return;
  } catch (error) {
    if (error instanceof LocalResourceError) throw error;
    if (!(error instanceof Deno.errors.NotFound)) throw unreadable("key_unreadable", store.privateKeyFile, error);
  }
  const { privateKey } = await promisify(crypto.generateKeyPair)("rsa", {
    modulusLength: KEY_BITS,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  // written aside and renamed: a start that is cut off leaves no half key behind
  const temporary = `${store.privateKeyFile}.new`;
  await Deno.remove(temporary).catch(() => {});
  const file = await Deno.open(temporary, { createNew: true, write: true, mode: 0o600 });
  try {
    const bytes = new TextEncoder().encode(privateKey);
    for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
    await file.sync();
  } finally {
    file.close();
  }
  await Deno.rename(temporary, store.privateKeyFile);
}

/**
 * Reads the server's certificate and key, makes a self-signed certificate first when there is none, and compares it
 * with what the configuration needs. An existing certificate is never replaced.
 *
 * @param manager the initialised certificate manager of the store
 * @throws {LocalResourceError} when a file is damaged or the two do not belong together
 */
export async function ownIdentity(
  store: PkiStore,
  manager: OPCUACertificateManager,
  wishes: IdentityWishes,
): Promise<OwnIdentity> {
  const key = privateKeyOf(store);
  const created = !await fileExists(store.certificateFile);
  if (created) await makeCertificate(store.certificateFile, manager, wishes, VALID_DAYS);
  await finishRenewal(store, key);
  const certificate = certificateOf(store);
  if (!certificate.checkPrivateKey(key)) {
    throw new LocalResourceError(
      "certificate_key_mismatch",
      store.certificateFile,
      `Cannot use the certificate '${store.certificateFile}' as it does not belong to the key ` +
        `'${store.privateKeyFile}'. Put the matching pair back, or remove both to have a new pair made`,
    );
  }
  return {
    certificateFile: store.certificateFile,
    certificate,
    subject: certificate.subject.split("\n").join(", "),
    notBeforeUs: Date.parse(certificate.validFrom) * 1000,
    notAfterUs: Date.parse(certificate.validTo) * 1000,
    created,
    mismatches: mismatchesOf(certificate, wishes),
  };
}

/**
 * Makes a self-signed certificate for the key of `manager` that says what is wished.
 *
 * @param days from yesterday to its end
 */
export async function makeCertificate(
  file: string,
  manager: OPCUACertificateManager,
  wishes: IdentityWishes,
  days: number,
): Promise<void> {
  const temporary = `${file}.new`;
  await manager.createSelfSignedCertificate({
    ...subjectOf(wishes),
    outputFile: temporary,
    // a client whose clock is a little behind must not find it "not yet valid"
    startDate: new Date(Date.now() - DAY_MS),
    validity: days,
  });
  await Deno.chmod(temporary, 0o644);
  await Deno.rename(temporary, file);
}

/** Subject and subjectAltName of a certificate or a request. */
export function subjectOf(wishes: IdentityWishes): {
  readonly applicationUri: string;
  readonly dns: string[];
  readonly ip: string[];
  readonly subject: string;
} {
  const organisation = wishes.organisation === "" ? "" : `/O=${subjectPart(wishes.organisation)}`;
  return {
    applicationUri: wishes.applicationUri,
    // loopback beside the advertised hosts, for clients on this machine
    ...certificateHosts([...wishes.hosts, "localhost", "127.0.0.1"]),
    subject: `/CN=${subjectPart(wishes.applicationName)}${organisation}`,
  };
}

/** Where a renewal prepares key and certificate. */
export function renewalStore(store: PkiStore): PkiStore {
  return pkiStore(`${store.root}/own/renewal`);
}

/** A renewal that was cut off between key and certificate leaves the certificate to be put in place. */
async function finishRenewal(store: PkiStore, key: crypto.KeyObject): Promise<void> {
  const prepared = renewalStore(store).certificateFile;
  if (!await fileExists(prepared)) return;
  try {
    if (certificateOf(store).checkPrivateKey(key)) return;
    if (!certificateOf(renewalStore(store)).checkPrivateKey(key)) return;
  } catch (error) {
    if (error instanceof LocalResourceError) return;
    throw error;
  }
  await Deno.rename(prepared, store.certificateFile);
}

/** Text that cannot break out of its place in a `/CN=…/O=…` subject line. */
function subjectPart(text: string): string {
  return text.replace(/[^\p{L}\p{N} ._:-]/gu, " ").replace(/\s+/g, " ").trim().slice(0, 64) || "Edgekeep";
}

function privateKeyOf(store: PkiStore): crypto.KeyObject {
  try {
    return crypto.createPrivateKey(Deno.readTextFileSync(store.privateKeyFile));
  } catch (error) {
    throw unreadable("key_unreadable", store.privateKeyFile, error);
  }
}

function certificateOf(store: PkiStore): crypto.X509Certificate {
  try {
    return new crypto.X509Certificate(Buffer.from(Deno.readFileSync(store.certificateFile)));
  } catch (error) {
    throw unreadable("certificate_unreadable", store.certificateFile, error);
  }
}

function unreadable(
  code: "key_unreadable" | "certificate_unreadable",
  path: string,
  cause: unknown,
): LocalResourceError {
  const what = code === "key_unreadable" ? "private key" : "certificate";
  // the parser's own message can quote the file, and the file is a secret
  const reason = cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotFound
    ? cause.message
    : `it is not a ${what} in PEM form`;
  return new LocalResourceError(
    code,
    path,
    `Cannot read the ${what} '${path}': ${reason}. Put it back from a copy, or remove the key and the certificate ` +
      `to have a new pair made (clients must then trust the new one)`,
  );
}

/** Compares the subjectAltName with what clients will check, the application URI and the host names they use; in words. */
export function mismatchesOf(certificate: crypto.X509Certificate, wishes: IdentityWishes): string[] {
  const names = alternativeNames(certificate.subjectAltName ?? "");
  const mismatches: string[] = [];
  if (!names.uri.includes(wishes.applicationUri)) {
    mismatches.push(
      `its application URI is ${names.uri[0] ?? "missing"}, but the configured one is ${wishes.applicationUri}`,
    );
  }
  const { dns, ip } = certificateHosts(wishes.hosts);
  const missing = [
    ...dns.filter((host) => !names.dns.includes(host.toLowerCase())),
    ...ip.filter((address) => certificate.checkIP(address) === undefined),
  ];
  if (missing.length > 0) mismatches.push(`it does not name ${missing.join(", ")}`);
  return mismatches;
}

/** Splits OpenSSL's rendering, `DNS:a, IP Address:1.2.3.4, URI:urn:x`. */
function alternativeNames(text: string): { readonly dns: string[]; readonly uri: string[] } {
  const dns: string[] = [];
  const uri: string[] = [];
  for (const part of text.split(", ")) {
    if (part.startsWith("DNS:")) dns.push(part.slice(4).toLowerCase());
    // a URI that needs quoting is rendered as a JSON string
    else if (part.startsWith('URI:"')) uri.push(JSON.parse(part.slice(4)));
    else if (part.startsWith("URI:")) uri.push(part.slice(4));
  }
  return { dns, uri };
}
