import { HubRequestError } from "./hub_requests.ts";

const decoder = () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a stream of server-sent events as far as a hub uses them: `data:` of one line each, ended by an empty line.
 * Other fields and comments are skipped. Holds at most one line of `maxBytes`.
 */
export class EventLines {
  readonly #maxBytes: number;
  readonly #decoder = decoder();
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #data: string | null = null;

  /** @param maxBytes longest line */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes what arrived and gives the texts of the events that it ends.
   *
   * @throws {HubRequestError} `bad_answer` for a line that is too long, is not UTF-8, or a second `data:` of one event
   */
  push(chunk: Uint8Array): string[] {
    const events: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      this.#take(chunk.subarray(start, end));
      start = end + 1;
      const event = this.#line();
      if (event !== null) events.push(event);
    }
    this.#take(chunk.subarray(start));
    return events;
  }

  #take(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (this.#bytes > this.#maxBytes) {
      throw new HubRequestError("bad_answer", `The hub sent a line of more than ${this.#maxBytes} bytes`);
    }
    this.#parts.push(part.slice());
    // many small pieces would cost more than what is in them
    if (this.#parts.length > 1024) this.#parts = [Buffer.concat(this.#parts)];
  }

  #line(): string | null {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    let line: string;
    try {
      line = this.#decoder.decode(bytes);
    } catch {
      throw new HubRequestError("bad_answer", "The hub sent a line that is not UTF-8");
    }
    if (line.endsWith("\r")) line = line.slice(0, -1);
    if (line === "") {
      const data = this.#data;
      this.#data = null;
      return data;
    }
    const data = /^data: ?/.exec(line);
    if (data !== null) {
      if (this.#data !== null) throw new HubRequestError("bad_answer", "The hub sent an event of several lines");
      this.#data = line.slice(data[0].length);
    }
    return null;
  }
}
