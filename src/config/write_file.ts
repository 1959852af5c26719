import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";

/** How {@link replaceFile} makes a file that is not there yet. */
export interface ReplaceOptions {
  /** Permission bits of a file that is new. Default 0600. One that is there keeps its own. */
  readonly mode?: number;
  /** Permission bits that the file gets even when it is there already. */
  readonly forceMode?: number;
}

const endOfTemporary = ".edgekeep-tmp";

/**
 * Replaces what is in a file so that whoever reads it, also after a power cut, finds either the old or the new text:
 * written beside it, flushed, renamed onto it, and the folder flushed. Mode and owner of the file are kept as far as this
 * process may; a link stays a link.
 *
 * Rejects with the file system's error, and then nothing has changed.
 */
export async function replaceFile(path: string, text: string, options: ReplaceOptions = {}): Promise<void> {
  const target = await realPath(path);
  const folder = dirname(target);
  const before = await statOrNull(target);
  const mode = options.forceMode ?? (before?.mode ?? options.mode ?? 0o600) & 0o7777;
  const temporary = join(folder, `.${basename(target)}.${randomBytes(6).toString("hex")}${endOfTemporary}`);
  try {
    const file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
    try {
      await writeAll(file, new TextEncoder().encode(text));
      await file.sync();
    } finally {
      file.close();
    }
    if (before !== null) await keepOwner(temporary, before);
    await Deno.chmod(temporary, mode);
    await Deno.rename(temporary, target);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}

/** Removes what an interrupted {@link replaceFile} of this file may have left beside it. Never rejects. */
export async function removeLeftovers(path: string): Promise<void> {
  try {
    const target = await realPath(path);
    const start = `.${basename(target)}.`;
    for await (const { name, isFile } of Deno.readDir(dirname(target))) {
      if (isFile && name.startsWith(start) && name.endsWith(endOfTemporary)) {
        await Deno.remove(join(dirname(target), name));
      }
    }
  } catch {
    // they harm nobody, and the folder may be closed to this process
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}

/** The group decides who else may read it, so that is kept where the user cannot be: only root gives files away. */
async function keepOwner(path: string, { uid, gid }: Deno.FileInfo): Promise<void> {
  const made = await Deno.stat(path);
  if (made.uid === uid && made.gid === gid) return;
  try {
    await Deno.chown(path, uid, gid);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    if (made.gid !== gid) await Deno.chown(path, null, gid);
  }
}

async function syncFolder(folder: string): Promise<void> {
  try {
    using handle = await Deno.open(folder, { read: true });
    await handle.sync();
  } catch {
    // some file systems know no flush of a folder; the rename has happened
  }
}

async function realPath(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

async function statOrNull(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
