import { LocalResourceError } from "./local_resource_error.ts";

/** The places of one certificate store, in the layout that node-opcua reads. */
export interface PkiStore {
  readonly root: string;
  readonly certificateFile: string;
  readonly privateKeyFile: string;
  readonly trustedCertificates: string;
  readonly trustedCrls: string;
  readonly issuerCertificates: string;
  readonly issuerCrls: string;
  readonly rejected: string;
}

/** The two stores of the server: for client applications and for users who log in with a certificate. */
export interface PkiDirectory {
  readonly application: PkiStore;
  readonly users: PkiStore;
}

const PUBLIC_DIRECTORIES = [
  "",
  "own",
  "own/certs",
  "trusted",
  "trusted/certs",
  "trusted/crl",
  "issuers",
  "issuers/certs",
  "issuers/crl",
  "rejected",
];
const PRIVATE_DIRECTORY = "own/private";

/** Where the files of a store lie. */
export function pkiStore(root: string): PkiStore {
  return {
    root,
    certificateFile: `${root}/own/certs/certificate.pem`,
    privateKeyFile: `${root}/own/private/private_key.pem`,
    trustedCertificates: `${root}/trusted/certs`,
    trustedCrls: `${root}/trusted/crl`,
    issuerCertificates: `${root}/issuers/certs`,
    issuerCrls: `${root}/issuers/crl`,
    rejected: `${root}/rejected`,
  };
}

/**
 * Creates both stores below `pkiDir` where they are missing: directories 0755, those of private keys 0700, whatever the
 * umask. Existing ones keep their owner; a private directory or key that others can read is refused.
 *
 * @throws {LocalResourceError} with the `chmod` command when a mode is too loose, or when nothing can be written there
 */
export async function openPkiDirectory(pkiDir: string): Promise<PkiDirectory> {
  const directory = { application: pkiStore(`${pkiDir}/application`), users: pkiStore(`${pkiDir}/users`) };
  await makeDirectory(pkiDir, 0o755);
  for (const store of [directory.application, directory.users]) {
    for (const path of PUBLIC_DIRECTORIES) {
      await makeDirectory(path === "" ? store.root : `${store.root}/${path}`, 0o755);
    }
    await makeDirectory(`${store.root}/${PRIVATE_DIRECTORY}`, 0o700);
    await refuseLoose(`${store.root}/${PRIVATE_DIRECTORY}`, 0o700);
    await refuseLoose(store.privateKeyFile, 0o600);
  }
  return directory;
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    if ((await Deno.stat(path)).isDirectory) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw notWritable(path, error);
  }
  try {
    await Deno.mkdir(path, { recursive: true, mode });
    // mkdir applies the umask
    await Deno.chmod(path, mode);
  } catch (error) {
    throw notWritable(path, error);
  }
}

function notWritable(path: string, cause: unknown): LocalResourceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LocalResourceError(
    "pki_not_writable",
    path,
    `Cannot use the PKI directory '${path}': ${reason}. Give it to the user that runs the gateway`,
    { cause },
  );
}

/** Refuses a file or directory whose group or others have any right. A missing one passes. */
async function refuseLoose(path: string, wanted: number): Promise<void> {
  let mode: number | null;
  try {
    ({ mode } = await Deno.stat(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw notWritable(path, error);
  }
  if (mode === null || (mode & 0o077) === 0) return;
  const found = (mode & 0o7777).toString(8).padStart(4, "0");
  const octal = wanted.toString(8);
  throw new LocalResourceError(
    "key_mode",
    path,
    `Cannot use '${path}' as its mode lets others read a private key: current value is ${found}. ` +
      `Run: chmod ${octal} '${path}'`,
  );
}
