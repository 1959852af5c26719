/** Lets at most so many calls run at once; the others wait in the order in which they came. */
export class CallLimit {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** @param limit at least 1 */
  constructor(limit: number) {
    this.#free = limit;
  }

  /** Waits for a place; the returned function gives it back. Rejects with the signal's reason when it aborts first. */
  async enter(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
  }

  #wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal?.reason);
      };
      this.#waiting.push(enter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}
