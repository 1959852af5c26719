/** Lets one reader wait until something has happened. */
export class Wake {
  #rung = false;
  #resolve: (() => void) | null = null;

  /** Something happened: who waits goes on, or who waits next does so at once. */
  ring(): void {
    this.#rung = true;
    this.#resolve?.();
  }

  /** Waits for the next {@link ring}; comes back early when the signal is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => resolve();
      this.#resolve = wake;
      signal.addEventListener("abort", wake, { once: true });
      await promise;
      signal.removeEventListener("abort", wake);
      this.#resolve = null;
    }
    this.#rung = false;
  }
}
