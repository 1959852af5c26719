import { ApiProblem } from "./api_problem.ts";

/** Waiting answers beyond this many are refused. */
const MOST_WAITING = 4_096;

/** Lets so many answers be made at once; the others wait in the order in which they came, one for each node. */
export class StateGate<Key> {
  readonly #places: number;
  readonly #inside = new Set<Key>();
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /**
   * Waits for a place; call what it gives when the answer has ended.
   *
   * @throws ApiProblem 429 while the same key has a place or waits for one, 503 when too many wait
   */
  async enter(key: Key): Promise<() => void> {
    if (this.#inside.has(key)) {
      throw new ApiProblem(429, "throttled", "A node may ask for one state at a time", { retryAfterMs: 1_000 });
    }
    if (this.#waiting.length >= MOST_WAITING) {
      throw new ApiProblem(503, "busy", "Too many nodes ask for their state at once", { retryAfterMs: 10_000 });
    }
    this.#inside.add(key);
    if (this.#taken < this.#places) this.#taken++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#inside.delete(key);
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken--;
      else next();
    };
  }
}
