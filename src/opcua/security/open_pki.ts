import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { OPCUACertificateManager } from "node-opcua";
import { type CertificateJudge, judgeCertificates } from "./certificate_judge.ts";
import { ensureKey, type IdentityWishes, type OwnIdentity, ownIdentity } from "./own_identity.ts";
import { openPkiDirectory, type PkiDirectory, type PkiStore } from "./pki_directory.ts";
import { type StoreFiles, storeFiles } from "./store_files.ts";

/** One certificate store in use. */
export interface OpenStore {
  /** What the library asks. */
  readonly manager: OPCUACertificateManager;
  readonly judge: CertificateJudge;
  readonly files: StoreFiles;
}

/** The server's certificate stores and its own certificate. */
export interface Pki {
  readonly directory: PkiDirectory;
  /** Decides about client applications. */
  readonly application: OpenStore;
  /** Decides about users who log in with a certificate. */
  readonly users: OpenStore;
  /** The server's own certificate as it is now. */
  readonly identity: OwnIdentity;
  /** Reads the server's own certificate again, after it was replaced. */
  reread(): Promise<OwnIdentity>;
  /** Releases both stores. The server's own shutdown does it too; then this does nothing. */
  dispose(): Promise<void>;
}

/** What decides about strangers. */
export interface TrustRules {
  /**
   * Takes any client certificate and files it as trusted (`trust_client_cert`). Never for users: there a certificate is a
   * login.
   */
  readonly acceptUnknown: boolean;
  /** Refuses a certificate of a CA whose revocation list is missing (`require_crl`). */
  readonly requireCrl: boolean;
}

/** Told of a certificate that nobody has trusted yet. */
export type RejectedListener = (certificate: { readonly subject: string; readonly folder: string }) => void;

/**
 * Opens both certificate stores, making directories, key and certificate at the first start.
 *
 * @throws {import("./local_resource_error.ts").LocalResourceError}
 */
export async function openPki(
  pkiDir: string,
  wishes: IdentityWishes,
  { acceptUnknown, requireCrl }: TrustRules,
  onRejected: RejectedListener,
): Promise<Pki> {
  const directory = await openPkiDirectory(pkiDir);
  // keys first: the library makes a missing one itself, but not with these rules
  await Promise.all([ensureKey(directory.application), ensureKey(directory.users)]);
  const application = await openStore(directory.application, acceptUnknown, requireCrl, onRejected);
  const users = await openStore(directory.users, false, requireCrl, onRejected);
  const dispose = async () => {
    await application.manager.dispose().catch(() => {});
    await users.manager.dispose().catch(() => {});
  };
  try {
    let identity = await ownIdentity(directory.application, application.manager, wishes);
    return {
      directory,
      application,
      users,
      get identity() {
        return identity;
      },
      reread: async () => identity = await ownIdentity(directory.application, application.manager, wishes),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function openStore(
  store: PkiStore,
  acceptUnknown: boolean,
  requireCrl: boolean,
  onRejected: RejectedListener,
): Promise<OpenStore> {
  const manager = new OPCUACertificateManager({
    rootFolder: store.root,
    automaticallyAcceptUnknownCertificate: acceptUnknown,
    keySize: 2048,
    // watchers cost five threads' worth of handles a store; instead the store is looked at when it is asked
    disableFileWatchers: true,
  });
  await manager.initialize();
  const judge = judgeCertificates(manager, store, { requireCrl });
  const files = storeFiles(store);
  fileRejected(manager, store, files, onRejected);
  return { manager, judge, files };
}

/**
 * Files what is refused as this room does: the library keeps each certificate that a stranger shows in memory and on disk
 * for ever, and says nothing about it.
 */
function fileRejected(
  manager: OPCUACertificateManager,
  store: PkiStore,
  files: StoreFiles,
  onRejected: RejectedListener,
): void {
  const telling = async (certificate: Uint8Array): Promise<void> => {
    await files.fileRejected(certificate);
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
