import { printError } from "../print.ts";

const ENTER = [0x0a, 0x0d];
const ERASE = [0x08, 0x7f];
const INTERRUPT = 0x03;
const END = 0x04;

/** Whether somebody sits at a terminal who can be asked. */
export function canAsk(): boolean {
  return Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
}

/** Asks for a line that does not appear on the terminal. `null` when the person breaks it off (Ctrl-C, Ctrl-D). */
export async function askHidden(question: string): Promise<string | null> {
  printError(question);
  const bytes: number[] = [];
  const buffer = new Uint8Array(256);
  Deno.stdin.setRaw(true);
  try {
    for (;;) {
      const count = await Deno.stdin.read(buffer);
      for (const byte of buffer.subarray(0, count ?? 0)) {
        if (ENTER.includes(byte)) return new TextDecoder().decode(Uint8Array.from(bytes));
        if (byte === INTERRUPT || byte === END) return null;
        if (ERASE.includes(byte)) bytes.pop();
        else if (byte >= 0x20) bytes.push(byte);
      }
      if (count === null) return null;
    }
  } finally {
    Deno.stdin.setRaw(false);
    printError("\n");
  }
}
