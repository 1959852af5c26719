import { fileExists } from "../config/optional_file.ts";
import { dirname } from "node:path";
import { replaceFile } from "../config/write_file.ts";
import { type CertificateWishes, makeServerCertificate } from "./make_certificate.ts";
import { checkPair } from "./read_certificate.ts";
import type { CertificateFacts } from "./server_certificate.ts";

const FOLDER_MODE = 0o750;
const CERTIFICATE_MODE = 0o644;
const KEY_MODE = 0o600;

/** Where a new pair goes. Paths are absolute. */
export interface PairPlaces {
  readonly certPath: string;
  readonly keyPath: string;
  /** Who gets files and folders that are new; without it they are this process's user's. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Makes a self-signed certificate and its key and puts them in place, each as a whole; folders are made, files that are
 * there are replaced. The key has mode 0600 from its first byte on, and an existing file keeps its owner. A gateway that
 * runs takes the pair over by itself.
 *
 * Rejects with a RangeError for wishes that cannot be met, and with the file system's error.
 */
export async function writeServerCertificate(
  wishes: CertificateWishes,
  { certPath, keyPath, owner }: PairPlaces,
): Promise<CertificateFacts> {
  const { cert, key } = await makeServerCertificate(wishes);
  for (const [path, text, mode] of [[keyPath, key, KEY_MODE], [certPath, cert, CERTIFICATE_MODE]] as const) {
    await makeFolder(dirname(path), owner);
    const isNew = !await fileExists(path);
    await replaceFile(path, text, { forceMode: mode });
    if (isNew && owner !== undefined) await Deno.chown(path, owner.uid, owner.gid);
  }
  return checkPair(cert, key);
}

async function makeFolder(path: string, owner: PairPlaces["owner"]): Promise<void> {
  if (await fileExists(path)) return;
  await makeFolder(dirname(path), owner);
  await Deno.mkdir(path, { mode: FOLDER_MODE });
  // the process's umask may have taken bits away
  await Deno.chmod(path, FOLDER_MODE);
  if (owner !== undefined) await Deno.chown(path, owner.uid, owner.gid);
}
