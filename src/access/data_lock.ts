import { join } from "node:path";

/** The right to write what is in a data folder. */
export interface DataLock {
  /** Gives it back; the operating system does so too when the process ends. */
  release(): void;
}

/**
 * Takes the lock that a gateway holds on its data folder while it runs, so that no second gateway and no command line
 * writes the same stores. Answers `null` when somebody else holds it. The file `lock` stays: removing it would let two
 * hold it at once.
 *
 * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied} when the folder is missing or not writable
 */
export async function takeDataLock(dataDir: string): Promise<DataLock | null> {
  const file = await Deno.open(join(dataDir, "lock"), { create: true, write: true, mode: 0o600 });
  let taken = false;
  try {
    taken = await file.tryLock(true);
  } finally {
    if (!taken) file.close();
  }
  return taken ? { release: () => file.close() } : null;
}
