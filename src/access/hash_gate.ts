/** Hashes under way at a time: each takes a core for its whole time, and 32 MiB. */
const AT_A_TIME = 2;
/** Callers that wait; a caller who has logged in from its address before has a queue of its own. */
const MAX_WAITING = 16;

/** The gate is full; the caller may come back after `retryAfterMs`. */
export class HashGateFullError extends Error {
  override readonly name = "HashGateFullError";
  readonly retryAfterMs = 2000;

  constructor() {
    super("Cannot check another password now as too many wait");
  }
}

/**
 * Lets few password hashes run at a time, so that a flood of logins takes neither all cores nor all memory, and keeps
 * those who wait few. Known callers go first: a flood from strangers cannot starve them.
 */
export class HashGate {
  readonly #known: (() => void)[] = [];
  readonly #strangers: (() => void)[] = [];
  #running = 0;

  /** Runs `work` when its turn comes. @throws {HashGateFullError} when too many wait */
  async run<T>(known: boolean, work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_A_TIME) {
      const queue = known ? this.#known : this.#strangers;
      if (queue.length >= MAX_WAITING) throw new HashGateFullError();
      await new Promise<void>((resolve) => queue.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#known.shift() ?? this.#strangers.shift();
      // who waits takes the place over, so that nobody slips in between
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
