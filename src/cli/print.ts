/** Writes to standard output. A reader that went away (`edgekeep permissions | head`) is no error. */
export function print(text: string): void {
  writeAll(Deno.stdout, text);
}

/** Writes to standard error. */
export function printError(text: string): void {
  writeAll(Deno.stderr, text);
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
