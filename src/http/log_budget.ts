/**
 * Bounds how many lines of one kind reach the log, so that a stranger cannot fill it: ten at once, then one each six
 * seconds.
 */
export class LogBudget {
  readonly #nowMs: () => number;
  readonly #lines = 10;
  readonly #everyMs = 6_000;
  #left = this.#lines;
  #filledMs: number;
  #suppressed = 0;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#filledMs = nowMs();
  }

  /** How many lines were left out since the last one that was written; `null` when this one is to be left out too. */
  take(): number | null {
    const now = this.#nowMs();
    this.#left = Math.min(this.#lines, this.#left + (now - this.#filledMs) / this.#everyMs);
    this.#filledMs = now;
    if (this.#left < 1) {
      this.#suppressed++;
      return null;
    }
    this.#left--;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}
