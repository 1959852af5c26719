/** What a piece of work gives its caller, and what it still does when the caller has gone on. */
export interface Work<T> {
  readonly value: T;
  /** Must not reject. */
  readonly later?: () => Promise<void>;
}

/** Runs pieces of work one after the other, each with what it does later. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves or rejects with the work's own result, before what it does later. */
  async run<T>(work: () => Promise<Work<T>>): Promise<T> {
    const before = this.#last;
    const over = Promise.withResolvers<void>();
    this.#last = over.promise;
    await before;
    let done: Work<T>;
    try {
      done = await work();
    } catch (error) {
      over.resolve();
      throw error;
    }
    const { value, later } = done;
    if (later === undefined) over.resolve();
    else void later().finally(() => over.resolve());
    return value;
  }

  /** Resolves when all that was begun so far is over. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
