/** Things that happen later, unless the owner stops before. */
export class Delays {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** Runs something after so long, ms. */
  run(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }

  /** Calls off everything that has not happened yet. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
