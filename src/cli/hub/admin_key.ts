import { z } from "zod";
import { removeLeftovers, replaceFile } from "../../config/write_file.ts";
import { fromBase64, sha256Hex, toBase64 } from "../../mesh/encoding.ts";
import { isNodeId, type NodeId } from "../../mesh/ids.ts";
import { newSeed, type SigningKey, signingKeyOf } from "../../mesh/keys.ts";

/** An admin key cannot be made or used. The message says why. */
export class AdminKeyError extends Error {
  override readonly name = "AdminKeyError";
}

/** The offline key of co-signature, with the record of what it signed. */
export interface AdminKey {
  readonly key: SigningKey;
  /** SHA-256 of the public key, lowercase hexadecimal: what agents pin. */
  readonly fingerprint: string;
  /** Highest serial that it signed. */
  readonly serial: number;
  /** Every node that it revoked. */
  readonly revoked: readonly NodeId[];
}

const fileSchema = z.strictObject({
  kind: z.literal("edgekeep admin key"),
  warning: z.string(),
  seed: z.string(),
  serial: z.int().min(0),
  revoked: z.array(z.string().refine(isNodeId)).max(16_384),
});

/** Makes an admin key in a new file that only its owner can read. @throws {AdminKeyError} */
export async function newAdminKey(path: string): Promise<AdminKey> {
  const seed = newSeed();
  try {
    const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    try {
      // the process's umask may have taken bits away
      await Deno.chmod(path, 0o600);
      const writer = file.writable.getWriter();
      await writer.write(new TextEncoder().encode(fileText(seed, 0, [])));
      await file.sync();
      await writer.close();
    } catch (error) {
      file.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new AdminKeyError(`Cannot write ${path}: it is there already, and an admin key cannot be made twice`);
    }
    throw new AdminKeyError(`Cannot write ${path}: ${error instanceof Error ? error.message : error}`);
  }
  return keyOf(seed, 0, []);
}

/** Reads an admin key. @throws {AdminKeyError} also when other users of the machine can read it */
export async function readAdminKey(path: string): Promise<AdminKey> {
  const { seed, serial, revoked } = await readFile(path);
  return keyOf(seed, serial, revoked);
}

/**
 * Puts on record, before anything is signed, that the key has used a serial, and what it has revoked.
 *
 * @throws {AdminKeyError}
 */
export async function recordUse(path: string, serial: number, revoked: readonly NodeId[]): Promise<void> {
  const { seed } = await readFile(path);
  try {
    await removeLeftovers(path);
    await replaceFile(path, fileText(seed, serial, revoked), { forceMode: 0o600 });
  } catch (error) {
    throw new AdminKeyError(`Cannot write ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

async function readFile(path: string): Promise<{ seed: Uint8Array; serial: number; revoked: NodeId[] }> {
  let text: string;
  try {
    const { mode } = await Deno.stat(path);
    if (mode !== null && (mode & 0o077) !== 0) {
      throw new AdminKeyError(`Other users of this machine can read ${path}: chmod 600 ${path}`);
    }
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof AdminKeyError) throw error;
    throw new AdminKeyError(`Cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
  try {
    const { seed, serial, revoked } = fileSchema.parse(JSON.parse(text));
    return { seed: fromBase64(seed, 32), serial, revoked: revoked.filter(isNodeId) };
  } catch {
    // what is in it is not told: it may be another secret
    throw new AdminKeyError(`${path} is not a file of edgekeep hub keys admin-new`);
  }
}

function keyOf(seed: Uint8Array, serial: number, revoked: readonly NodeId[]): AdminKey {
  const key = signingKeyOf(seed);
  return { key, fingerprint: sha256Hex(key.publicKey), serial, revoked };
}

function fileText(seed: Uint8Array, serial: number, revoked: readonly NodeId[]): string {
  const content: z.input<typeof fileSchema> = {
    kind: "edgekeep admin key",
    warning: "Keep this offline. Whoever has it decides who is in the mesh; without it nobody else can",
    seed: toBase64(seed),
    serial,
    revoked: [...revoked],
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}
