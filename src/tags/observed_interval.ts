const KEPT = 8;

/**
 * The typical interval between the messages of one device, from the source times as they arrive. The median of the
 * last few is used, because one lost uplink doubles an interval and one burst shrinks it.
 */
export class ObservedInterval {
  readonly #intervalsUs: number[] = [];
  #lastUs = 0;
  #typicalUs: number | undefined = 0;

  /** Takes the source time of a message. Equal or older times (other tags of the message, replays) are passed over. */
  add(sourceTimeUs: number): void {
    if (sourceTimeUs <= this.#lastUs) return;
    if (this.#lastUs > 0) {
      this.#intervalsUs.push(sourceTimeUs - this.#lastUs);
      if (this.#intervalsUs.length > KEPT) this.#intervalsUs.shift();
      this.#typicalUs = undefined;
    }
    this.#lastUs = sourceTimeUs;
  }

  /** The median interval in µs, or 0 before two messages were seen. */
  typicalUs(): number {
    if (this.#typicalUs === undefined) {
      const sorted = this.#intervalsUs.toSorted((a, b) => a - b);
      this.#typicalUs = sorted[sorted.length >> 1] ?? 0;
    }
    return this.#typicalUs;
  }
}
