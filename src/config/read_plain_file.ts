/** What a file that the configuration names may hold: certificates with their chains and secrets are far smaller. */
export const MAX_NAMED_FILE_BYTES = 1_048_576;

/** A file that is there and is not read: no regular one, or too large. The message says which, and nothing of it. */
export class UnfitFileError extends Error {
  override readonly name = "UnfitFileError";
}

/**
 * Reads a file that a configuration names, also one that is only proposed: a device, a pipe or a file without end must
 * neither hold the process up nor fill its memory.
 *
 * Rejects with an {@link UnfitFileError}, or with the system's error.
 */
export async function readPlainFile(path: string, limitBytes = MAX_NAMED_FILE_BYTES): Promise<Uint8Array<ArrayBuffer>> {
  const { isFile, isDirectory, size } = await Deno.stat(path);
  if (!isFile && !isDirectory) throw new UnfitFileError("it is no regular file");
  if (size > limitBytes) throw new UnfitFileError(`it is larger than ${limitBytes} bytes`);
  using file = await Deno.open(path);
  const bytes = new Uint8Array(Math.min(limitBytes, Math.max(size, 65_536)) + 1);
  let filled = 0;
  for (;;) {
    const read = filled < bytes.length ? await file.read(bytes.subarray(filled)) : null;
    if (read === null) break;
    filled += read;
  }
  // a file of the system's own may say that it is empty
  if (filled === bytes.length) throw new UnfitFileError(`it is larger than ${limitBytes} bytes`);
  return bytes.slice(0, filled);
}
