/**
 * What time it is at the hub: the last time that it signed, and the monotonic clock since. The wall clock of this machine
 * does not matter.
 */
export class HubClock {
  readonly #monotonicMs: () => number;
  #atUs: number | null = null;
  #sinceMs = 0;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /** Takes a time that the hub signed just now, µs UTC. */
  set(issuedAtUs: number): void {
    this.#atUs = issuedAtUs;
    this.#sinceMs = this.#monotonicMs();
  }

  /** Hub time, µs UTC; `null` as long as the hub has told none. */
  nowUs(): number | null {
    if (this.#atUs === null) return null;
    return Math.round(this.#atUs + (this.#monotonicMs() - this.#sinceMs) * 1000);
  }
}
