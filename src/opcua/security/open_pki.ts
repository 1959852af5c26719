import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { OPCUACertificateManager } from "node-opcua";
import { ensureKey, type IdentityWishes, type OwnIdentity, ownIdentity } from "./own_identity.ts";
import { openPkiDirectory, type PkiDirectory, type PkiStore } from "./pki_directory.ts";

/** The server's certificate stores and its own certificate. */
export interface Pki {
  readonly directory: PkiDirectory;
  /** Decides about client applications. */
  readonly server: OPCUACertificateManager;
  /** Decides about users who log in with a certificate. */
  readonly users: OPCUACertificateManager;
  readonly identity: OwnIdentity;
  /** Releases both stores. The server's own shutdown does it too; then this does nothing. */
  dispose(): Promise<void>;
}

/** Told of a certificate that nobody has trusted yet. */
export type RejectedListener = (certificate: { readonly subject: string; readonly folder: string }) => void;

/**
 * Opens both certificate stores, making directories, key and certificate at the first start.
 *
 * @param acceptUnknown takes any client certificate and files it as trusted (`trust_client_cert`). Never for users:
 *   there a certificate is a login.
 * @throws {import("./local_resource_error.ts").LocalResourceError}
 */
export async function openPki(
  pkiDir: string,
  wishes: IdentityWishes,
  acceptUnknown: boolean,
  onRejected: RejectedListener,
): Promise<Pki> {
  const directory = await openPkiDirectory(pkiDir);
  // keys first: the library makes a missing one itself, but not with these rules
  await Promise.all([ensureKey(directory.application), ensureKey(directory.users)]);
  const server = await openStore(directory.application, acceptUnknown, onRejected);
  const users = await openStore(directory.users, false, onRejected);
  const dispose = async () => {
    await server.dispose().catch(() => {});
    await users.dispose().catch(() => {});
  };
  try {
    const identity = await ownIdentity(directory.application, server, wishes);
    return { directory, server, users, identity, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function openStore(
  store: PkiStore,
  acceptUnknown: boolean,
  onRejected: RejectedListener,
): Promise<OPCUACertificateManager> {
  const manager = new OPCUACertificateManager({
    rootFolder: store.root,
    automaticallyAcceptUnknownCertificate: acceptUnknown,
    keySize: 2048,
    // watchers cost five threads' worth of handles a store; instead the store is looked at when it is asked
    disableFileWatchers: true,
  });
  await manager.initialize();
  readAgainWhenChanged(manager, store);
  tellRejected(manager, store, onRejected);
  return manager;
}

/** The library files an unknown certificate under `rejected/` and says nothing about it. */
function tellRejected(manager: OPCUACertificateManager, store: PkiStore, onRejected: RejectedListener): void {
  const reject = manager.rejectCertificate.bind(manager) as (certificate: Uint8Array) => Promise<void>;
  const telling = async (certificate: Uint8Array): Promise<void> => {
    await reject(certificate);
    onRejected({ subject: subjectOf(certificate), folder: store.rejected });
  };
  manager.rejectCertificate = telling as typeof manager.rejectCertificate;
}

function subjectOf(certificate: Uint8Array): string {
  try {
    return new X509Certificate(Buffer.from(certificate)).subject.split("\n").join(", ");
  } catch {
    return "(unreadable)";
  }
}

/** Lets a certificate that was moved into or out of a trust list count from the next connection on. */
function readAgainWhenChanged(manager: OPCUACertificateManager, store: PkiStore): void {
  const verify = manager.verifyCertificate.bind(manager);
  let seen = fingerprint(store);
  manager.verifyCertificate = async (...parameters: Parameters<typeof verify>) => {
    const now = fingerprint(store);
    if (now !== seen) {
      await manager.reloadCertificates();
      // reading again can itself have moved nothing, but a copy may still be going on: look again next time
      seen = now;
    }
    return await verify(...parameters);
  };
}

/** Changes with every file added to or removed from the store. */
function fingerprint(store: PkiStore): string {
  return ["trusted/certs", "trusted/crl", "issuers/certs", "issuers/crl", "rejected"].map((folder) => {
    try {
      return Deno.statSync(`${store.root}/${folder}`).mtime?.getTime() ?? 0;
    } catch {
      return 0;
    }
  }).join();
}
