/**
 * Takes turns between the keys that the other end may be using, once the last handshake is so old that the session runs
 * out: each gets a time in which a handshake may succeed (mesh protocol, pre-shared key and WireGuard key rotation).
 */
export class KeyTurns {
  readonly #afterMs: number;
  readonly #everyMs: number;
  #turn = 0;
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
   * Which of the keys is to be set now.
   *
   * @param count how many there are; the first is the present one
   * @param ageMs since the last handshake, or since the peer was set when there was none
   * @param nowMs monotonic
   * @returns index, 0 when no turns are taken
   */
  turn(count: number, ageMs: number, nowMs: number): number {
    if (count < 2 || ageMs < this.#afterMs) {
      this.#sinceMs = null;
      return this.#turn = 0;
    }
    if (this.#sinceMs === null) {
      this.#sinceMs = nowMs;
      return this.#turn = 1;
    }
    while (nowMs - this.#sinceMs >= this.#everyMs) {
      // at least one step, and only one after a long stop
      this.#sinceMs = Math.max(this.#sinceMs + this.#everyMs, nowMs - this.#everyMs + 1);
      this.#turn++;
    }
    return this.#turn %= count;
  }
}
