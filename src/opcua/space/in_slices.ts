/** Longest time that one slice may take, ms: well below what a client or a sample notices. */
const SLICE_MS = 5;

/**
 * Does many small pieces of work in order without keeping the event loop for longer than a slice. What fits into one
 * slice is done at once.
 */
export class InSlices {
  readonly #around: (slice: () => void) => void;
  readonly #nowMs: () => number;
  #waiting: (() => void)[] = [];
  #next = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #settled: PromiseWithResolvers<void> | null = null;

  /** @param around called with each slice, which it must call once */
  constructor(around: (slice: () => void) => void, nowMs: () => number = () => performance.now()) {
    this.#around = around;
    this.#nowMs = nowMs;
  }

  /** Adds pieces behind those that wait. A piece must not throw. */
  add(pieces: Iterable<() => void>): void {
    for (const piece of pieces) this.#waiting.push(piece);
    if (this.#timer === undefined) this.#slice();
  }

  /** Resolves when nothing waits any more, or it was stopped. */
  settled(): Promise<void> {
    return this.#settled?.promise ?? Promise.resolve();
  }

  /** Drops what waits. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
    this.#rest();
  }

  #slice(): void {
    const endMs = this.#nowMs() + SLICE_MS;
    this.#around(() => {
      while (this.#next < this.#waiting.length && this.#nowMs() < endMs) this.#waiting[this.#next++]?.();
    });
    if (this.#next >= this.#waiting.length) {
      this.#waiting = [];
      this.#rest();
      return;
    }
    this.#settled ??= Promise.withResolvers<void>();
    this.#timer = setTimeout(() => this.#slice(), 1);
  }

  #rest(): void {
    this.#next = 0;
    this.#timer = undefined;
    this.#settled?.resolve();
    this.#settled = null;
  }
}
