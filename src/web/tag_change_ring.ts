import type { Tag } from "../tags/tag.ts";

interface Tick {
  readonly sequence: number;
  readonly tags: readonly Tag[];
}

/**
 * Which tags changed lately, in ticks. It holds references to tags and no values: a reader that was away gets every tag
 * that changed since, once, with the value it has now. So a slow reader costs nothing, and the memory is bounded however
 * fast tags change.
 */
export class TagChangeRing {
  readonly #capacity: number;
  #ticks: Tick[] = [];
  #entries = 0;
  #open = new Set<Tag>();
  #sequence = 0;

  /** @param capacity how many changes are kept, over all ticks, at least 1; the newest tick is always kept whole */
  constructor(capacity = 65_536) {
    this.#capacity = capacity;
  }

  /** Number of the last closed tick; 0 before the first. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Notes that a tag changed in the tick that is open. */
  note(tag: Tag): void {
    this.#open.add(tag);
  }

  /** Closes the open tick. Says whether it held anything. */
  commit(): boolean {
    if (this.#open.size === 0) return false;
    this.#ticks.push({ sequence: ++this.#sequence, tags: [...this.#open] });
    this.#entries += this.#open.size;
    this.#open = new Set();
    let drop = 0;
    while (this.#entries > this.#capacity && drop < this.#ticks.length - 1) {
      this.#entries -= this.#ticks[drop]?.tags.length ?? 0;
      drop++;
    }
    if (drop > 0) this.#ticks = this.#ticks.slice(drop);
    return true;
  }

  /** The tags that changed after tick `sequence`, each once; `null` when that is no longer known, or never was. */
  since(sequence: number): Tag[] | null {
    if (sequence === this.#sequence) return [];
    const oldest = this.#ticks[0]?.sequence ?? this.#sequence + 1;
    if (sequence > this.#sequence || sequence < oldest - 1) return null;
    const changed = new Set<Tag>();
    for (let index = sequence + 1 - oldest; index < this.#ticks.length; index++) {
      for (const tag of this.#ticks[index]?.tags ?? []) changed.add(tag);
    }
    return [...changed];
  }

  /** Forgets all changes, open ones too; the sequence goes on with a gap, so that readers notice. */
  clear(): void {
    this.#ticks = [];
    this.#entries = 0;
    this.#open = new Set();
    this.#sequence++;
  }
}
