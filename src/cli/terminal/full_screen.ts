import { print } from "../print.ts";

/** Keys that a full-screen view knows. */
export type Key = "up" | "down" | "page_up" | "page_down" | "home" | "end" | "quit";

const keys: Readonly<Record<string, Key>> = {
  "\x1b[A": "up",
  "\x1bOA": "up",
  "k": "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  "j": "down",
  "\x1b[5~": "page_up",
  "\x1b[6~": "page_down",
  " ": "page_down",
  "\x1b[H": "home",
  "\x1b[1~": "home",
  "\x1b[F": "end",
  "\x1b[4~": "end",
  "q": "quit",
  "Q": "quit",
  "\x03": "quit",
  "\x04": "quit",
};
// the alternate screen leaves what stood on the terminal alone
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE = "\x1b[?25h\x1b[?1049l";

/** Whether a full-screen view is possible: somebody sits at both ends. */
export function isScreen(): boolean {
  return Deno.stdout.isTerminal() && Deno.stdin.isTerminal();
}

/** Takes the terminal over until it is disposed, which puts it back as it was. */
export class FullScreen implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #reading: Promise<void>;

  constructor(onKey: (key: Key) => void) {
    Deno.stdin.setRaw(true);
    print(ENTER);
    this.#reader = Deno.stdin.readable.getReader();
    this.#reading = this.#read(onKey);
  }

  /** Columns and rows now. */
  size(): { readonly columns: number; readonly rows: number } {
    return Deno.consoleSize();
  }

  /** Puts the lines in place of what is there, without a flicker. */
  draw(lines: readonly string[]): void {
    print(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    print(LEAVE);
    Deno.stdin.setRaw(false);
    await this.#reader.cancel().catch(() => {});
    await this.#reading;
  }

  async #read(onKey: (key: Key) => void): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for (;;) {
        const { value, done } = await this.#reader.read();
        if (done) break;
        for (const word of decoder.decode(value).match(/\p{Cc}(?:\[[0-9;]*[A-Za-z~]|O[A-Z])|[\s\S]/gu) ?? []) {
          const key = keys[word];
          if (key !== undefined) onKey(key);
        }
      }
    } catch {
      // the terminal is gone; the signal that says so ends the program
    }
    onKey("quit");
  }
}
