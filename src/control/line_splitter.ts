/** What a peer sent up to a newline, without it; or that it was longer than it may be. */
export type Line =
  | { readonly kind: "line"; readonly bytes: Uint8Array }
  /** Reported once, as soon as the limit is passed; the rest up to the newline is skipped. */
  | { readonly kind: "too_long" };

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const FIRST_BYTES = 1024;

/**
 * Cuts a stream of bytes into lines, one at a time, so that its owner decides how much work it takes on. Keeps at most
 * the last chunk and `maxBytes` of an unfinished line, however small the pieces are in which that line arrives.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #chunk: Uint8Array = new Uint8Array();
  #offset = 0;
  #unfinished = new Uint8Array(FIRST_BYTES);
  #unfinishedBytes = 0;
  #skipping = false;
  #skippedBytes = 0;

  /** @param maxBytes longest line, without its newline */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of the line that is being skipped, so far; 0 when none is. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** Whether bytes of a line without its end are kept. */
  get midLine(): boolean {
    return this.#unfinishedBytes > 0 || this.#skipping;
  }

  /** Takes more bytes. What was pushed before must have been taken out with {@link next} up to `null`, or is kept. */
  push(chunk: Uint8Array): void {
    const rest = this.#chunk.length - this.#offset;
    if (rest > 0) {
      const joined = new Uint8Array(rest + chunk.length);
      joined.set(this.#chunk.subarray(this.#offset));
      joined.set(chunk, rest);
      this.#chunk = joined;
    } else this.#chunk = chunk;
    this.#offset = 0;
  }

  /** The next line; `null` until more bytes are there. A carriage return before the newline is taken off. */
  next(): Line | null {
    while (this.#offset < this.#chunk.length) {
      const end = this.#chunk.indexOf(NEWLINE, this.#offset);
      const part = this.#chunk.subarray(this.#offset, end < 0 ? this.#chunk.length : end);
      this.#offset = end < 0 ? this.#chunk.length : end + 1;
      if (this.#skipping) {
        this.#skippedBytes += part.length;
        if (end >= 0) this.#endSkipping();
        continue;
      }
      if (this.#unfinishedBytes + part.length > this.#maxBytes) {
        this.#skipping = end < 0;
        this.#skippedBytes = end < 0 ? this.#unfinishedBytes + part.length : 0;
        this.#forget();
        return { kind: "too_long" };
      }
      if (end >= 0 && this.#unfinishedBytes === 0) return { kind: "line", bytes: withoutReturn(part) };
      this.#append(part);
      if (end < 0) continue;
      const bytes = withoutReturn(this.#unfinished.slice(0, this.#unfinishedBytes));
      this.#forget();
      return { kind: "line", bytes };
    }
    this.#chunk = new Uint8Array();
    this.#offset = 0;
    return null;
  }

  #append(part: Uint8Array): void {
    const needed = this.#unfinishedBytes + part.length;
    if (needed > this.#unfinished.length) {
      const grown = new Uint8Array(Math.min(this.#maxBytes, Math.max(needed, 2 * this.#unfinished.length)));
      grown.set(this.#unfinished.subarray(0, this.#unfinishedBytes));
      this.#unfinished = grown;
    }
    this.#unfinished.set(part, this.#unfinishedBytes);
    this.#unfinishedBytes = needed;
  }

  #forget(): void {
    this.#unfinishedBytes = 0;
    if (this.#unfinished.length > 64 * FIRST_BYTES) this.#unfinished = new Uint8Array(FIRST_BYTES);
  }

  #endSkipping(): void {
    this.#skipping = false;
    this.#skippedBytes = 0;
  }
}

function withoutReturn(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes;
}
