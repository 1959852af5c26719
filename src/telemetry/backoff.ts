/** How a {@link Backoff} grows. */
export interface BackoffOptions {
  /** Shortest delay, ms, above 0. Default 1,000. */
  readonly firstMs?: number;
  /** Longest delay, ms. Default 30,000. */
  readonly maxMs?: number;
  /** After so long without a failure the delays begin at the shortest again, ms. Default 60,000. */
  readonly resetAfterMs?: number;
  /** Uniform in [0, 1), as `Math.random`. */
  readonly random?: () => number;
}

/**
 * Delays between attempts at something that fails: they double from `firstMs` to `maxMs`, each drawn at random from the
 * upper half of its step, so that many clients of one server do not come back in the same instant. Holds no timer and
 * reads no clock: whoever waits passes the time in.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #resetAfterMs: number;
  readonly #random: () => number;
  #failures = 0;
  #healthySinceMs: number | null = null;

  constructor(options: BackoffOptions = {}) {
    const { firstMs = 1000, maxMs = 30_000, resetAfterMs = 60_000, random = Math.random } = options;
    if (!(firstMs > 0)) {
      throw new RangeError(`Cannot back off as 'firstMs' must be above 0: current value is ${firstMs}`);
    }
    this.#firstMs = Math.min(firstMs, maxMs);
    this.#maxMs = maxMs;
    this.#resetAfterMs = resetAfterMs;
    this.#random = random;
  }

  /** Failures in a row so far, none of them followed by `resetAfterMs` of health. */
  get failures(): number {
    return this.#failures;
  }

  /** Notes that it works since `nowMs`. Calling it again while it still works changes nothing. */
  succeeded(nowMs: number): void {
    this.#healthySinceMs ??= nowMs;
  }

  /** Notes a failure at `nowMs` and returns how long to wait before the next attempt, ms, `firstMs` to `maxMs`. */
  next(nowMs: number): number {
    if (this.#healthySinceMs !== null && nowMs - this.#healthySinceMs >= this.#resetAfterMs) this.#failures = 0;
    this.#healthySinceMs = null;
    // 2^40 steps are above any limit; the cap keeps the power finite
    const stepMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(40, ++this.#failures));
    return Math.max(this.#firstMs, stepMs * (0.5 + 0.5 * this.#random()));
  }
}
