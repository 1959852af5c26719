/** A clock that stands still until a test moves it. Everything under test has to wait by {@link VirtualClock.pause}. */
export class VirtualClock {
  #nowUs = 1_800_000_000_000_000;
  #timers: { readonly dueUs: number; readonly fire: () => void }[] = [];

  readonly nowUs = (): number => this.#nowUs;

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
