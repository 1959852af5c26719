/** Where times are kept: a WeakMap, or a Map that its owner bounds. */
interface Times<K> {
  get(key: K): number | undefined;
  set(key: K, ms: number): unknown;
}

/** How often each of many may do something: so many times at once, and then once in each interval. */
export class Pace<K> {
  readonly #fullMs: Times<K>;
  readonly #burst: number;
  readonly #everyMs: number;
  readonly #nowUs: () => number;

  /** @param fullMs when each will have its whole burst again, ms; its owner forgets */
  constructor(burst: number, everyMs: number, nowUs: () => number, fullMs: Times<K>) {
    this.#fullMs = fullMs;
    this.#burst = burst;
    this.#everyMs = everyMs;
    this.#nowUs = nowUs;
  }

  /** Whether it may now; counted when it may. */
  take(key: K): boolean {
    const nowMs = this.#nowUs() / 1000;
    // a clock that was set back must not make anybody wait for it
    const knownMs = this.#fullMs.get(key) ?? 0;
    const fullMs = knownMs > nowMs + this.#burst * this.#everyMs ? nowMs : Math.max(nowMs, knownMs);
    if (fullMs - nowMs > (this.#burst - 1) * this.#everyMs) return false;
    this.#fullMs.set(key, fullMs + this.#everyMs);
    return true;
  }
}
