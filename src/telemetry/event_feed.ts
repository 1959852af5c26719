/** Something that happened to a device or to the gateway, worth a line on the page. */
export interface FeedEntry {
  /** Increases by one with each entry since the start; lets a reader resume. */
  readonly sequence: number;
  readonly timeUs: number;
  readonly level: "info" | "warning" | "error";
  /** Stable event name, snake_case: `decoding_error`, `device_join`, `source_connected`, … */
  readonly event: string;
  /** What it concerns: a DevEUI, a tag id, or `gateway`. */
  readonly subject: string;
  readonly text: string;
}
export type FeedListener = (entry: FeedEntry) => void;

/** The newest events, bounded in number: the error feed of the page and the API. */
export class EventFeed {
  readonly #entries: FeedEntry[] = [];
  readonly #listeners = new Set<FeedListener>();
  readonly #nowUs: () => number;
  readonly #capacity: number;
  #sequence = 0;

  /** @param capacity how many entries are kept, at least 1 */
  constructor(nowUs: () => number, capacity = 500) {
    this.#nowUs = nowUs;
    this.#capacity = capacity;
  }

  /** Adds an entry and tells the listeners. `text` must not hold a secret. */
  add(level: FeedEntry["level"], event: string, subject: string, text: string): void {
    const entry: FeedEntry = { sequence: ++this.#sequence, timeUs: this.#nowUs(), level, event, subject, text };
    this.#entries.push(entry);
    if (this.#entries.length > this.#capacity) this.#entries.shift();
    for (const listener of this.#listeners) listener(entry);
  }

  /** Entries after `sequence` (0: all that are kept), oldest first. */
  since(sequence = 0): FeedEntry[] {
    return this.#entries.filter((entry) => entry.sequence > sequence);
  }

  /** Calls `listener` for every entry until the returned function is called. */
  subscribe(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
