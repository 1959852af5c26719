/** A clock that stands still until a test moves it. Everything under test has to wait by {@link VirtualClock.pause}. */
export class VirtualClock {
  #nowUs = 1_800_000_000_000_000;
  /** How far the clock was set forward or back, µs. */
  #setByUs = 0;
  #timers: { readonly dueUs: number; readonly fire: () => void }[] = [];

  readonly nowUs = (): number => this.#nowUs + this.#setByUs;

  /** Time that has passed whatever was done to the clock, µs. */
  readonly elapsedUs = (): number => this.#nowUs;

  /** Sets the clock forward, or back with a negative number; no time passes, and no timer fires. */
  set(byMs: number): void {
    this.#setByUs += byMs * 1000;
  }

  readonly pause = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = { dueUs: this.#nowUs + Math.ceil(ms * 1000), fire: () => done() };
      const done = () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#timers.push(timer);
      signal.addEventListener("abort", done, { once: true });
    });

  /** Lets everything that is due happen, then moves on to what comes next, until so much time has passed. */
  async advance(ms: number): Promise<void> {
    const endUs = this.#nowUs + ms * 1000;
    await this.settle();
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.dueUs - b.dueUs)[0];
      if (next === undefined || next.dueUs > endUs) break;
      this.#nowUs = Math.max(this.#nowUs, next.dueUs);
      next.fire();
      await this.settle();
    }
    this.#nowUs = endUs;
    await this.settle();
  }

  /** Lets everything happen that waits for nothing but its turn. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 64; turn++) await Promise.resolve();
  }
}
