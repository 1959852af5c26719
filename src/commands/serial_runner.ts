/** Runs pieces of work one after the other, in the order in which they were asked for. */
export class SerialRunner {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` once all work asked for before has ended, however it did. Settles as `work` does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => {});
    return next;
  }
}
