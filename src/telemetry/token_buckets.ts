/** One bucket's state. */
interface Bucket {
  tokens: number;
  filledMs: number;
}

/** Answer to a request for a token. */
export interface Taken {
  readonly ok: boolean;
  /** Time until the next token, ms; 0 when this one was given. */
  readonly waitMs: number;
}

/** Keys that are kept; beyond, the one that was still the longest is forgotten. */
const MAX_BUCKETS = 10_000;

/** Token buckets, one for each key: a bucket fills evenly, and holds a minute's tokens unless said otherwise. */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Keys that are kept now. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token from the key's bucket.
   *
   * @param holds most tokens in the bucket, from 1
   */
  take(key: string, perMinute: number, holds = perMinute): Taken {
    const now = this.#nowMs();
    const perMs = perMinute / 60_000;
    const bucket = this.#buckets.get(key) ?? { tokens: holds, filledMs: now };
    bucket.tokens = Math.min(holds, bucket.tokens + (now - bucket.filledMs) * perMs);
    bucket.filledMs = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > MAX_BUCKETS) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    if (bucket.tokens < 1) return { ok: false, waitMs: (1 - bucket.tokens) / perMs };
    bucket.tokens--;
    return { ok: true, waitMs: 0 };
  }
}
