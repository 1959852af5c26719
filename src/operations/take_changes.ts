import type { Wake } from "./wake.ts";

/** Items in one piece of {@link takeChanges}. */
const MOST_CHANGES = 500;

/** What changed since it was last taken: a set, so that what changes twice is taken once and memory stays bounded. */
export interface PendingChanges<Item> {
  readonly changed: Set<Item>;
  /** Ids of what is no longer there. */
  readonly removed: Set<string>;
}

/**
 * Takes what is pending, piece by piece, and waits for more, until the signal is aborted. The first piece comes at once,
 * also when it is empty.
 *
 * @param gather waits a little for what comes together with the change that woke it
 */
export async function* takeChanges<Item>(
  { changed, removed }: PendingChanges<Item>,
  wake: Wake,
  signal: AbortSignal,
  gather: (signal: AbortSignal) => Promise<void> = () => Promise.resolve(),
): AsyncGenerator<{ readonly some: Item[]; readonly gone: string[] }> {
  for (let first = true; !signal.aborted; first = false) {
    while (first || changed.size > 0 || removed.size > 0) {
      if (signal.aborted) return;
      first = false;
      const some = [...changed].slice(0, MOST_CHANGES);
      for (const item of some) changed.delete(item);
      const gone = [...removed];
      removed.clear();
      yield { some, gone };
    }
    await wake.wait(signal);
    if (!signal.aborted) await gather(signal);
  }
}
