/** Events a second over the last few seconds, from readings of a counter that only counts up. */
export class RateMeter {
  readonly #windowUs: number;
  readonly #readings: { timeUs: number; count: number }[] = [];

  /** @param windowMs how far back the rate looks, ms */
  constructor(windowMs = 10_000) {
    this.#windowUs = windowMs * 1000;
  }

  /** Takes a reading of the counter. */
  read(count: number, nowUs: number): void {
    this.#readings.push({ timeUs: nowUs, count });
    // the newest reading at or before the window's begin stays: the rate then spans the whole window
    while ((this.#readings[1]?.timeUs ?? Infinity) <= nowUs - this.#windowUs) this.#readings.shift();
  }

  /** Events a second over the window, 0 before two readings. A clock set back gives 0, never a negative rate. */
  perSecond(): number {
    const first = this.#readings[0];
    const last = this.#readings.at(-1);
    if (first === undefined || last === undefined || last.timeUs <= first.timeUs) return 0;
    return Math.max(0, (last.count - first.count) / ((last.timeUs - first.timeUs) / 1_000_000));
  }
}
