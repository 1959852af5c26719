/** Longest time that one slice may take, ms: well below what a client or a sample notices. */
const SLICE_MS = 5;
/** Work that follows sooner than this is of the same turn of the event loop, ms: a timer takes as long. */
const PAUSE_MS = 1;

/**
 * Does many small pieces of work in order without keeping the event loop for longer than a slice. What fits into one
 * slice is done at once, however many times in a row something is added.
 */
export class InSlices {
  readonly #around: (slice: () => void) => void;
  readonly #nowMs: () => number;
  #waiting: (() => void)[] = [];
  #next = 0;
  #spentMs = 0;
  #endedMs = -Infinity;
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
    if (this.#timer !== undefined) return;
    if (this.#nowMs() - this.#endedMs >= PAUSE_MS) this.#spentMs = 0;
    if (this.#spentMs < SLICE_MS) this.#slice();
    else this.#later();
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
    const startMs = this.#nowMs();
    const endMs = startMs + SLICE_MS - this.#spentMs;
    this.#around(() => {
      while (this.#next < this.#waiting.length && this.#nowMs() < endMs) this.#waiting[this.#next++]?.();
    });
    this.#endedMs = this.#nowMs();
    this.#spentMs += this.#endedMs - startMs;
    if (this.#next >= this.#waiting.length) {
      this.#waiting = [];
      this.#rest();
      return;
    }
    this.#later();
  }

  #later(): void {
    this.#settled ??= Promise.withResolvers<void>();
    this.#timer = setTimeout(() => {
      this.#spentMs = 0;
      this.#slice();
    }, PAUSE_MS);
  }

  #rest(): void {
    this.#next = 0;
    this.#timer = undefined;
    this.#settled?.resolve();
    this.#settled = null;
  }
}
