/** Lets through so much a second on average, and no more than `burst` at once. Holds no timer and reads no clock. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledMs: number;

  /**
   * @param perSecond above 0
   * @param burst what a full bucket holds; it begins full
   */
  constructor(perSecond: number, burst: number, nowMs: number) {
    if (!(perSecond > 0) || !(burst > 0)) {
      throw new RangeError(`Cannot limit to ${perSecond} a second with a burst of ${burst}: both must be above 0`);
    }
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledMs = nowMs;
  }

  /** Takes `amount` if it is there; a clock that goes back fills nothing. */
  take(amount: number, nowMs: number): boolean {
    const passedMs = Math.max(0, nowMs - this.#filledMs);
    this.#filledMs = nowMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + passedMs * this.#perMs);
    if (this.#tokens < amount) return false;
    this.#tokens -= amount;
    return true;
  }
}
