import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import type { CertificateStore, ClientCertificates, OwnCertificate } from "../../operations/client_certificates.ts";
import { ensureKey, type IdentityWishes, mismatchesOf } from "./own_identity.ts";
import { installOwnCertificate, ownSigningRequest, renewOwnCertificate } from "./own_renewal.ts";
import { openPkiDirectory, type PkiDirectory } from "./pki_directory.ts";
import { factsOf } from "./read_upload.ts";
import { type StoreFiles, storeFiles } from "./store_files.ts";

/** What works on the certificates of a server. */
export interface ClientCertificatesParts {
  readonly directory: PkiDirectory;
  readonly files: Readonly<Record<CertificateStore, StoreFiles>>;
  /** What the server's own certificate must say, as of now. */
  readonly wishes: () => IdentityWishes;
  /** Told after each change of a store. */
  readonly onChanged: (store: CertificateStore) => Promise<void>;
  /** Told after the server's own certificate was replaced. */
  readonly onInstalled: () => Promise<void>;
}

/** Trust lists and the server's own certificate, over the files of the certificate stores. */
export function clientCertificates(
  { directory, files, wishes, onChanged, onInstalled }: ClientCertificatesParts,
): ClientCertificates {
  const own = directory.application;
  const changing = async <T>(store: CertificateStore, change: (files: StoreFiles) => Promise<T>): Promise<T> => {
    const result = await change(files[store]);
    await onChanged(store);
    return result;
  };
  // one at a time: both replace the same files
  let turn: Promise<unknown> = Promise.resolve();
  const replacing = (replace: () => Promise<string[]>): Promise<OwnCertificate> => {
    const result = turn.then(async () => {
      const backups = await replace();
      await onInstalled();
      const certificate = await readOwn();
      return { certificate: factsOf(certificate), mismatches: mismatchesOf(certificate, wishes()), backups };
    });
    turn = result.catch(() => {});
    return result;
  };
  const readOwn = async () => new X509Certificate(Buffer.from(await Deno.readFile(own.certificateFile)));
  return {
    own: () => readOwn().then(factsOf, () => null),
    list: (store) => files[store].list(),
    trust: (store, fingerprint) => changing(store, (one) => one.trust(fingerprint)),
    reject: (store, fingerprint) => changing(store, (one) => one.reject(fingerprint)),
    remove: (store, fingerprint) => changing(store, (one) => one.remove(fingerprint)),
    add: (store, kind, data) => changing(store, (one) => one.add(kind, data)),
    renew: (renewal) => replacing(() => renewOwnCertificate(own, wishes(), renewal)),
    signingRequest: () => ownSigningRequest(own, wishes()),
    install: (pem) => replacing(() => installOwnCertificate(own, wishes(), pem)),
  };
}

/**
 * The certificates of a server that does not run.
 *
 * @throws {import("./local_resource_error.ts").LocalResourceError}
 */
export async function offlineCertificates(pkiDir: string, wishes: IdentityWishes): Promise<ClientCertificates> {
  const directory = await openPkiDirectory(pkiDir);
  await ensureKey(directory.application);
  return clientCertificates({
    directory,
    files: { application: storeFiles(directory.application), users: storeFiles(directory.users) },
    wishes: () => wishes,
    onChanged: () => Promise.resolve(),
    onInstalled: () => Promise.resolve(),
  });
}
