/** Time between two looks at the clock, ms: short beside the stalls that matter, long beside the cost of a look. */
const tickMs = 20;

/** Measures for how long this isolate's event loop was kept from running timers. */
export class EventLoopStall {
  readonly #nowMs: () => number;
  readonly #timer: ReturnType<typeof setInterval>;
  #lastMs: number;
  #longestMs = 0;

  /** @param nowMs a clock that never goes back */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#lastMs = nowMs();
    this.#timer = setInterval(() => this.#look(), tickMs);
  }

  #look(): void {
    const nowMs = this.#nowMs();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs - tickMs);
    this.#lastMs = nowMs;
  }

  /** The longest stall since the last call, ms; one that is just ending counts. */
  takeLongestMs(): number {
    this.#look();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
