import type { Tag } from "../tags/tag.ts";
import type { TagStore } from "../tags/tag_store.ts";

/** Whether a device ever gave a value, and when it counts as silent if no other comes. */
export interface SilenceOf {
  readonly heard: boolean;
  /** µs; when every value that it gave is older than it keeps, or a first one should have come. */
  readonly fromUs: number;
}

/**
 * When devices count as silent: as soon as every value that they ever gave is older than it keeps. A device that never
 * gave one is silent when a value of its would have become bad since the start. Forced values tell nothing of a device.
 */
export class Silence {
  readonly #tags: TagStore;
  #startUs: number;
  #groups: ReadonlyMap<string, readonly Tag[]> | null = null;

  constructor(tags: TagStore, startUs: number) {
    this.#tags = tags;
    this.#startUs = startUs;
  }

  /** Forgets which tags a device has: they changed. */
  forgetTags(): void {
    this.#groups = null;
  }

  /** The clock was set back by so much, µs: the start was as long ago as before. */
  setBack(byUs: number): void {
    this.#startUs -= byUs;
  }

  /** `null` for a device without tags that are in use. */
  of(devEui: string): SilenceOf | null {
    this.#groups ??= Map.groupBy(this.#tags.list(), (tag) => tag.definition.group);
    const tags = (this.#groups.get(devEui) ?? []).filter(({ id, definition }) =>
      definition.enabled && !this.#tags.isForced(id)
    );
    const heard = tags.filter((tag) => tag.sourceTimeUs > 0);
    if (heard.length > 0) {
      return { heard: true, fromUs: Math.max(...heard.map((tag) => tag.sourceTimeUs + this.#keepsMs(tag) * 1000)) };
    }
    const configured = tags.filter(({ definition }) => !definition.name.startsWith("$"));
    if (configured.length === 0) return null;
    const badAfterMs = Math.max(...configured.map(({ definition }) => definition.badAfterMs));
    return { heard: false, fromUs: this.#startUs + badAfterMs * 1000 };
  }

  #keepsMs(tag: Tag): number {
    return Math.min(this.#tags.staleAfterMs(tag), tag.definition.badAfterMs);
  }
}
