import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import {
  type AddedKind,
  CertificateRefused,
  type ListedCertificate,
  type ListedCrl,
  type StoreContents,
} from "../../operations/client_certificates.ts";
import type { PkiStore } from "./pki_directory.ts";
import {
  factsOf,
  LARGEST_CERTIFICATE_BYTES,
  LARGEST_CRL_BYTES,
  type ReadCertificate,
  readCertificateUpload,
  type ReadCrl,
  readCrlUpload,
} from "./read_upload.ts";

/** More files than this in one folder are neither listed nor made. */
export const MOST_FILES = 500;
/** Rejected certificates that are kept; strangers fill this folder. */
export const MOST_REJECTED = 100;
const LEAST_RSA_BITS = 2048;

interface Filed<T> {
  readonly path: string;
  readonly found: T;
}

/** The files of one certificate store, whether a server uses them or not. */
export interface StoreFiles {
  list(): Promise<StoreContents>;
  /** @throws {CertificateRefused} */
  trust(fingerprint: string): Promise<ListedCertificate | null>;
  reject(fingerprint: string): Promise<ListedCertificate | null>;
  remove(fingerprint: string): Promise<ListedCertificate | ListedCrl | null>;
  /** @throws {CertificateRefused} */
  add(kind: AddedKind, data: Uint8Array): Promise<ListedCertificate | ListedCrl>;
  /** Files a certificate that was refused; the oldest makes room. Does nothing when it is there already. */
  fileRejected(der: Uint8Array): Promise<void>;
}

/** Works on the files of a store; those that hold no certificate or list are passed over. */
export function storeFiles(store: PkiStore): StoreFiles {
  const certificateFolders = [store.trustedCertificates, store.issuerCertificates, store.rejected];
  const crlFolders = [store.trustedCrls, store.issuerCrls];
  let last: Promise<unknown> = Promise.resolve();

  /** One change at a time: each looks at the files that another would just be making. */
  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = last.then(change);
    last = result.catch(() => {});
    return result;
  }

  async function move(fingerprint: string, from: string, to: string): Promise<ListedCertificate | null> {
    const found = (await certificates(from)).find(({ found: { facts } }) => facts.fingerprint === fingerprint);
    if (found === undefined) return null;
    if (to === store.trustedCertificates) refuseShortKey(found.found.certificate);
    await Deno.rename(found.path, `${to}/${fileName(found.found.certificate)}`);
    return found.found.facts;
  }

  async function addCertificate(kind: "trusted" | "issuer", data: Uint8Array): Promise<ListedCertificate> {
    const { facts, certificate, der } = readCertificateUpload(data);
    refuseShortKey(certificate);
    if (facts.notAfterUs < Date.now() * 1000) {
      throw new CertificateRefused(
        `Cannot add the certificate of ${facts.subject} as it ended on ${day(facts.notAfterUs)}`,
      );
    }
    if (kind === "issuer" && !certificate.ca) {
      throw new CertificateRefused(
        `Cannot add ${facts.subject} as an issuer as it is not the certificate of a CA. Add it as trusted`,
      );
    }
    const folder = kind === "trusted" ? store.trustedCertificates : store.issuerCertificates;
    await refuseFull(folder);
    await write(`${folder}/${fileName(certificate)}`, pem("CERTIFICATE", der));
    // it is filed once: what was rejected before is not any more
    const rejected = (await certificates(store.rejected)).find(({ found }) =>
      found.facts.fingerprint === facts.fingerprint
    );
    if (rejected !== undefined) await Deno.remove(rejected.path);
    return facts;
  }

  async function addCrl(data: Uint8Array): Promise<ListedCrl> {
    const crl = await readCrlUpload(data);
    const { folder, issuer } = await signerOf(crl);
    const target = `${folder}/crl[${sha1(crl.der)}].pem`;
    const replaced: string[] = [];
    for (const { path, found } of (await Promise.all(crlFolders.map(crls))).flat()) {
      // another CA may have the same name, and its list is its own
      if (found.facts.issuer !== crl.facts.issuer || !await found.signedBy(issuer)) continue;
      if (found.facts.thisUpdateUs > crl.facts.thisUpdateUs) {
        throw new CertificateRefused(
          `Cannot add the revocation list of ${crl.facts.issuer} as a newer one of ${
            day(found.facts.thisUpdateUs)
          } is there`,
        );
      }
      if (path !== target) replaced.push(path);
    }
    if (replaced.length === 0) await refuseFull(folder);
    await write(target, pem("X509 CRL", crl.der));
    // last: what is revoked stays so whatever happens in between
    for (const path of replaced) await Deno.remove(path);
    return crl.facts;
  }

  /** A list stands beside the certificate of its CA. One that nobody vouches for would revoke, or not revoke, at will. */
  async function signerOf(crl: ReadCrl): Promise<{ readonly folder: string; readonly issuer: X509Certificate }> {
    for (
      const [from, to] of [[store.trustedCertificates, store.trustedCrls], [store.issuerCertificates, store.issuerCrls]]
    ) {
      for (const { found } of await certificates(from ?? "")) {
        const issuer = found.certificate;
        if (issuer.ca && await crl.signedBy(issuer)) return { folder: to ?? "", issuer };
      }
    }
    throw new CertificateRefused(
      `Cannot add the revocation list of ${crl.facts.issuer} as no CA here has signed it. Add the CA's certificate first`,
    );
  }

  async function remove(fingerprint: string): Promise<ListedCertificate | ListedCrl | null> {
    let removed: ListedCertificate | ListedCrl | null = null;
    const all = [
      ...(await Promise.all(certificateFolders.map(certificates))).flat(),
      ...(await Promise.all(crlFolders.map(crls))).flat(),
    ];
    for (const { path, found } of all) {
      if (found.facts.fingerprint !== fingerprint) continue;
      await Deno.remove(path);
      removed = found.facts;
    }
    return removed;
  }

  async function fileRejected(der: Uint8Array): Promise<void> {
    const path = `${store.rejected}/${fileName(new X509Certificate(Buffer.from(der)))}`;
    if (await Deno.stat(path).then(() => true, () => false)) return;
    await keepNewest(store.rejected, MOST_REJECTED - 1);
    await write(path, pem("CERTIFICATE", der));
  }

  return {
    async list() {
      const [trusted = [], issuers = [], rejected = []] = await Promise.all(certificateFolders.map(certificates));
      const lists = (await Promise.all(crlFolders.map(crls))).flat();
      const facts = (filed: Filed<ReadCertificate>[]) => filed.map(({ found }) => found.facts);
      return {
        trusted: facts(trusted),
        issuers: facts(issuers),
        crls: lists.map(({ found }) => found.facts),
        rejected: facts(rejected),
      };
    },
    trust: (fingerprint) => inTurn(() => move(fingerprint, store.rejected, store.trustedCertificates)),
    reject: (fingerprint) => inTurn(() => move(fingerprint, store.trustedCertificates, store.rejected)),
    remove: (fingerprint) => inTurn(() => remove(fingerprint)),
    add: (kind, data) =>
      inTurn<ListedCertificate | ListedCrl>(() => kind === "crl" ? addCrl(data) : addCertificate(kind, data)),
    fileRejected: (der) => inTurn(() => fileRejected(der)),
  };
}

function certificates(folder: string): Promise<Filed<ReadCertificate>[]> {
  return filed(folder, /\.(pem|der|crt|cer)$/i, LARGEST_CERTIFICATE_BYTES, (data) => {
    const certificate = new X509Certificate(Buffer.from(data));
    return Promise.resolve({ facts: factsOf(certificate), certificate, der: certificate.raw });
  });
}

function crls(folder: string): Promise<Filed<ReadCrl>[]> {
  return filed(folder, /\.(pem|der|crl)$/i, LARGEST_CRL_BYTES, readCrlUpload);
}

async function filed<T>(
  folder: string,
  names: RegExp,
  largest: number,
  read: (data: Uint8Array) => Promise<T>,
): Promise<Filed<T>[]> {
  const found: Filed<T>[] = [];
  for (const name of (await fileNames(folder)).filter((one) => names.test(one)).slice(0, MOST_FILES)) {
    const path = `${folder}/${name}`;
    try {
      if ((await Deno.stat(path)).size > largest * 1.4) continue;
      found.push({ path, found: await read(await Deno.readFile(path)) });
    } catch {
      // somebody's notes, or moved away meanwhile
    }
  }
  return found;
}

async function fileNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) if (isFile) names.push(name);
  return names.sort();
}

function refuseShortKey({ publicKey: { asymmetricKeyType, asymmetricKeyDetails } }: X509Certificate): void {
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  if (asymmetricKeyType !== "rsa" || bits >= LEAST_RSA_BITS) return;
  throw new CertificateRefused(
    `Cannot trust the certificate as its key must have ${LEAST_RSA_BITS} bits or more: current value is ${bits}`,
  );
}

async function refuseFull(folder: string): Promise<void> {
  if ((await fileNames(folder)).length < MOST_FILES) return;
  throw new CertificateRefused(`Cannot add to ${folder} as ${MOST_FILES} files are there already. Remove some`);
}

/** Removes the oldest files until no more than `most` are left. */
async function keepNewest(folder: string, most: number): Promise<void> {
  const names = await fileNames(folder);
  if (names.length <= most) return;
  const dated = await Promise.all(names.map(async (name) => {
    const { mtime } = await Deno.stat(`${folder}/${name}`).catch(() => ({ mtime: null }));
    return { name, timeMs: mtime?.getTime() ?? 0 };
  }));
  dated.sort((a, b) => a.timeMs - b.timeMs);
  for (const { name } of dated.slice(0, names.length - most)) await Deno.remove(`${folder}/${name}`).catch(() => {});
}

async function write(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await Deno.writeTextFile(temporary, text, { mode: 0o644 });
  await Deno.rename(temporary, path);
}

/** As node-opcua names them: a readable part, and the SHA-1 thumbprint that tells them apart. */
function fileName(certificate: X509Certificate): string {
  const name = /^CN=(.*)$/m.exec(certificate.subject ?? "")?.[1] ?? "";
  const label = name.normalize("NFKC").replace(/[^A-Za-z0-9._ -]/g, "_").slice(0, 64).trim() || "certificate";
  return `${label}[${sha1(certificate.raw)}].pem`;
}

function sha1(der: Uint8Array): string {
  return createHash("sha1").update(der).digest("hex");
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function day(us: number): string {
  return new Date(us / 1000).toISOString().slice(0, 10);
}
