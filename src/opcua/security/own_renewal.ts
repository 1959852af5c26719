import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { OPCUACertificateManager } from "node-opcua";
import { CertificateRefused, type RenewalWishes } from "../../operations/client_certificates.ts";
import { certificateBlocks } from "../../tls/read_certificate.ts";
import {
  ensureKey,
  type IdentityWishes,
  makeCertificate,
  mismatchesOf,
  renewalStore,
  subjectOf,
} from "./own_identity.ts";
import type { PkiStore } from "./pki_directory.ts";
import { refusePrivateKey } from "./read_upload.ts";

const LEAST_RSA_BITS = 2048;
/** Copies of replaced certificates and keys that are kept. */
const MOST_BACKUPS = 10;

/**
 * Makes a new self-signed certificate, with a new key when one is wished, and puts both in place of the present ones,
 * which are kept as copies beside them.
 *
 * @returns the copies
 */
export async function renewOwnCertificate(
  store: PkiStore,
  wishes: IdentityWishes,
  { newKey, days }: RenewalWishes,
): Promise<string[]> {
  const work = renewalStore(store);
  await Deno.remove(work.root, { recursive: true }).catch(() => {});
  await Deno.mkdir(`${work.root}/own/certs`, { recursive: true, mode: 0o700 });
  await Deno.mkdir(`${work.root}/own/private`, { mode: 0o700 });
  try {
    if (newKey) await ensureKey(work);
    else await copyPrivate(store.privateKeyFile, work.privateKeyFile);
    await withManager(work, (manager) => makeCertificate(work.certificateFile, manager, wishes, days));
    const backups = await backUp(store, newKey);
    if (newKey) await Deno.rename(work.privateKeyFile, store.privateKeyFile);
    await Deno.rename(work.certificateFile, store.certificateFile);
    return backups;
  } finally {
    await Deno.remove(work.root, { recursive: true }).catch(() => {});
  }
}

/** A certificate signing request for the present key, PEM. */
export async function ownSigningRequest(store: PkiStore, wishes: IdentityWishes): Promise<string> {
  return await withManager(store, async (manager) => {
    const file = await manager.createCertificateRequest({
      ...subjectOf(wishes),
      // the library asks for both, and a request has neither
      startDate: new Date(),
      validity: 365,
    });
    try {
      return await Deno.readTextFile(file);
    } finally {
      await Deno.remove(file).catch(() => {});
    }
  });
}

/**
 * Puts a certificate that a CA made for the present key in place of the present one, which is kept as a copy.
 *
 * @param pem the certificate first, those of its issuers behind it
 * @returns the copies
 * @throws {CertificateRefused} when it does not fit the key or the configured application URI, or is not valid now
 */
export async function installOwnCertificate(store: PkiStore, wishes: IdentityWishes, pem: string): Promise<string[]> {
  refusePrivateKey(pem, "certificate");
  const blocks = certificateBlocks(pem);
  if (blocks === "") throw new CertificateRefused("Cannot use the certificate as the text holds none in PEM form");
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(Buffer.from(blocks));
  } catch {
    throw new CertificateRefused("Cannot use the certificate as its data is damaged");
  }
  const key = createPrivateKey(await Deno.readTextFile(store.privateKeyFile));
  if (!certificate.checkPrivateKey(key)) {
    throw new CertificateRefused(
      "Cannot use the certificate as it was not made for this server's key. Have the CA sign the request of pki.csr",
    );
  }
  const { modulusLength = 0 } = certificate.publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength < LEAST_RSA_BITS) {
    throw new CertificateRefused(`Cannot use the certificate as its key must be RSA of ${LEAST_RSA_BITS} bits or more`);
  }
  const now = Date.now();
  if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) {
    throw new CertificateRefused(
      `Cannot use the certificate as it is valid from ${certificate.validFrom} to ${certificate.validTo}`,
    );
  }
  const [mismatch] = mismatchesOf(certificate, { ...wishes, hosts: [] });
  if (mismatch !== undefined) throw new CertificateRefused(`Cannot use the certificate as ${mismatch}`);
  const backups = await backUp(store, false);
  const temporary = `${store.certificateFile}.new`;
  await Deno.writeTextFile(temporary, blocks, { mode: 0o644 });
  await Deno.rename(temporary, store.certificateFile);
  return backups;
}

async function withManager<T>(store: PkiStore, use: (manager: OPCUACertificateManager) => Promise<T>): Promise<T> {
  const manager = new OPCUACertificateManager({ rootFolder: store.root, keySize: 2048, disableFileWatchers: true });
  await manager.initialize();
  try {
    return await use(manager);
  } finally {
    await manager.dispose();
  }
}

async function backUp(store: PkiStore, key: boolean): Promise<string[]> {
  const stamp = new Date().toISOString().replace(/[:.]/g, "-");
  const copies: [from: string, to: string][] = [[
    store.certificateFile,
    store.certificateFile.replace(/\.pem$/, `-until-${stamp}.pem`),
  ]];
  if (key) copies.push([store.privateKeyFile, store.privateKeyFile.replace(/\.pem$/, `-until-${stamp}.pem`)]);
  const made: string[] = [];
  for (const [from, to] of copies) {
    try {
      await copyPrivate(from, to);
      made.push(to);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await forgetOld(from);
  }
  return made;
}

async function forgetOld(file: string): Promise<void> {
  const [, folder = "", name = ""] = /^(.*)\/([^/]+)\.pem$/.exec(file) ?? [];
  const copies: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.name.startsWith(`${name}-until-`)) copies.push(entry.name);
  }
  for (const old of copies.sort().slice(0, -MOST_BACKUPS)) await Deno.remove(`${folder}/${old}`).catch(() => {});
}

/** Never readable for others, not even for a moment. */
async function copyPrivate(from: string, to: string): Promise<void> {
  const data = await Deno.readFile(from);
  const file = await Deno.open(to, { createNew: true, write: true, mode: 0o600 });
  try {
    for (let done = 0; done < data.length;) done += await file.write(data.subarray(done));
    await file.sync();
  } finally {
    file.close();
  }
}
