import { printError } from "../print.ts";

const ENTER = [0x0a, 0x0d];
const ERASE = [0x08, 0x7f];
const INTERRUPT = 0x03;
const END = 0x04;

/** Whether somebody sits at a terminal who can be asked. */
export function canAsk(): boolean {
  return Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
}

/**
 * Asks for a line that does not appear on the terminal. `null` when the person breaks it off (Ctrl-C, Ctrl-D).
 *
 * @param whole says whether a secret without blanks is all there: one that is pasted in several lines goes on until it
 * is, or an empty line ends it. What follows would else be taken by the shell, and be in its history
 */
export async function askHidden(
  question: string,
  whole: (text: string) => boolean = () => true,
): Promise<string | null> {
  printError(question);
  const bytes: number[] = [];
  const buffer = new Uint8Array(4096);
  let line = 0;
  Deno.stdin.setRaw(true);
  try {
    for (;;) {
      const count = await Deno.stdin.read(buffer);
      for (const byte of buffer.subarray(0, count ?? 0)) {
        if (ENTER.includes(byte)) {
          const text = new TextDecoder().decode(Uint8Array.from(bytes));
          if (line === bytes.length || whole(text)) return text;
          line = bytes.length;
          continue;
        }
        if (byte === INTERRUPT || byte === END) return null;
        if (ERASE.includes(byte)) bytes.pop();
        else if (byte >= 0x20) bytes.push(byte);
      }
      if (count === null) return null;
      if (line > 0 && line === bytes.length) printError("\nA part is missing: paste the rest, or press Enter: ");
    }
  } finally {
    Deno.stdin.setRaw(false);
    printError("\n");
  }
}
