/** The last so many events of a device; ChirpStack keeps about ten, and one setting of its can raise that. */
const CAPACITY = 128;

/** Knows the newest events of one device, so that a replay after a reconnect is told apart from news. */
export class RecentIdentities {
  readonly #known = new Set<string>();

  /** Notes an event. Returns false when it was known. */
  add(identity: string): boolean {
    if (this.#known.has(identity)) return false;
    this.#known.add(identity);
    if (this.#known.size > CAPACITY) {
      for (const oldest of this.#known) {
        this.#known.delete(oldest);
        break;
      }
    }
    return true;
  }
}
