/** A body that is being read. */
interface OpenBody {
  bytes: number;
  readonly cut: () => void;
}

/**
 * Bounds what all bodies together hold in memory while they are read. A body is taken before anybody can know who sends
 * it; when the sum passes the bound, the body that has been coming for longest is cut: an honest one is here within
 * milliseconds.
 */
export class BodyBudget {
  readonly #maxBytes: number;
  /** Oldest first. */
  readonly #open = new Set<OpenBody>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A body begins.
   *
   * @param cut called at most once, when its place is taken by others
   */
  begin(cut: () => void): { add(bytes: number): void; end(): void } {
    const body: OpenBody = { bytes: 0, cut };
    this.#open.add(body);
    return {
      add: (bytes) => {
        if (!this.#open.has(body)) return;
        body.bytes += bytes;
        this.#bytes += bytes;
        while (this.#bytes > this.#maxBytes) this.#cutOldest();
      },
      end: () => this.#forget(body),
    };
  }

  #cutOldest(): void {
    for (const body of this.#open) {
      this.#forget(body);
      return body.cut();
    }
  }

  #forget(body: OpenBody): void {
    if (this.#open.delete(body)) this.#bytes -= body.bytes;
  }
}
