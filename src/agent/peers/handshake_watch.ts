/**
 * Follows the last handshake of one peer on the monotonic clock. The device tells it by the machine's clock, which a
 * time server may set in between: so a handshake is told by its time being another one, and its age from when that was
 * noticed.
 */
export class HandshakeWatch {
  #lastUs: number | null = null;
  #atMs: number | null = null;
  #lookedMs: number | null = null;

  /**
   * Takes in what the device says.
   *
   * @param lastUs µs UTC by the machine's clock; `null`: never
   * @param nowMs monotonic
   * @param nowUs µs UTC by the machine's clock
   * @returns whether there was a handshake since the last look
   */
  look(lastUs: number | null, nowMs: number, nowUs: number): boolean {
    const since = this.#lookedMs;
    this.#lookedMs = nowMs;
    if (lastUs === null) {
      this.#lastUs = this.#atMs = null;
      return false;
    }
    if (lastUs === this.#lastUs) return false;
    this.#lastUs = lastUs;
    const ageMs = Math.max(0, (nowUs - lastUs) / 1000);
    // between two looks; before the first one there is only the machine's clock
    this.#atMs = since === null ? nowMs - ageMs : nowMs - Math.min(ageMs, nowMs - since);
    return since !== null;
  }

  /** When the last handshake was, monotonic ms; `null`: never. */
  get atMs(): number | null {
    return this.#atMs;
  }

  /** µs UTC by the machine's clock, as the device told it; `null`: never. */
  get lastUs(): number | null {
    return this.#lastUs;
  }

  /** ms; `null`: never. */
  ageMs(nowMs: number): number | null {
    return this.#atMs === null ? null : nowMs - this.#atMs;
  }

  /** The peer is on the device anew, with a session of its own. */
  forget(): void {
    this.#lastUs = this.#atMs = this.#lookedMs = null;
  }
}
