/** When something is to be tried again: at once the first time, then after each of the delays; the last one repeats. */
export class RetrySchedule {
  readonly #delaysMs: readonly number[];
  #tries = 0;
  #dueMs = -Infinity;

  /** @param delaysMs at least one */
  constructor(delaysMs: readonly number[]) {
    this.#delaysMs = delaysMs;
  }

  /** How often it was tried since the last reset. */
  get tries(): number {
    return this.#tries;
  }

  /** When the next try is due, monotonic ms; −∞: now. */
  get dueMs(): number {
    return this.#dueMs;
  }

  due(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }

  /** It was tried now. */
  tried(nowMs: number): void {
    this.#dueMs = nowMs + (this.#delaysMs[Math.min(this.#tries, this.#delaysMs.length - 1)] ?? 0);
    this.#tries++;
  }

  /** It succeeded, or something else is to be tried: due at once. */
  reset(): void {
    this.#tries = 0;
    this.#dueMs = -Infinity;
  }
}
