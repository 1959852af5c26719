/**
 * Says when to take the next of the keys that the other end may be using, once the last handshake is so old that the
 * session runs out: each gets a time in which a handshake may succeed (mesh protocol, pre-shared key and WireGuard key
 * rotation).
 */
export class KeyTurns {
  readonly #afterMs: number;
  readonly #everyMs: number;
  #sinceMs: number | null = null;

  /**
   * @param afterMs age of the last handshake from which on turns are taken
   * @param everyMs how long each turn lasts
   */
  constructor(afterMs: number, everyMs: number) {
    this.#afterMs = afterMs;
    this.#everyMs = everyMs;
  }

  /**
   * Whether it is the next key's turn now; true once for each turn.
   *
   * @param count how many keys there are
   * @param ageMs since the last handshake, or since the peer was set when there was none
   * @param nowMs monotonic
   */
  isNext(count: number, ageMs: number, nowMs: number): boolean {
    if (count < 2 || ageMs < this.#afterMs) {
      this.#sinceMs = null;
      return false;
    }
    if (this.#sinceMs !== null && nowMs - this.#sinceMs < this.#everyMs) return false;
    this.#sinceMs = nowMs;
    return true;
  }
}
