import { maxNonces, nonceMemoryMs } from "../../mesh/constants.ts";

/** Nonces of the last ten minutes, at most 4096; what survives a restart is the position, not these. */
export class NonceMemory {
  readonly #seen = new Map<string, number>();

  /** Number of nonces that are kept. */
  get size(): number {
    return this.#seen.size;
  }

  /** Whether a nonce is new. It is known from then on. @param nowMs monotonic */
  isNew(nonce: string, nowMs: number): boolean {
    for (const [oldest, atMs] of this.#seen) {
      if (nowMs - atMs < nonceMemoryMs && this.#seen.size < maxNonces) break;
      this.#seen.delete(oldest);
    }
    if (this.#seen.has(nonce)) return false;
    this.#seen.set(nonce, nowMs);
    return true;
  }
}
