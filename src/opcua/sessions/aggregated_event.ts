/** A denial repeats in the log at most so often, ms. */
const WINDOW_MS = 10_000;

/** Reports equal events: the first at once, further ones once a window with their number. */
export interface AggregatedEvents<T> {
  /** Counts one event. Events with the same key are the same; the newest detail is reported. */
  report(key: string, detail: T): void;
  /** Reports what is held back and ends. */
  stop(): void;
}

/**
 * Keeps a flood of denials (a password guesser, a port scanner) from filling the log.
 *
 * @param tell called with the detail and how many events it stands for
 * @param maxKeys different events at a time; beyond it the oldest is forgotten, so that memory stays bounded
 */
export function aggregatedEvents<T>(
  tell: (detail: T, count: number) => void,
  windowMs = WINDOW_MS,
  maxKeys = 1000,
): AggregatedEvents<T> {
  const held = new Map<string, { detail: T; count: number; timer: ReturnType<typeof setTimeout> }>();

  function flush(key: string): void {
    const entry = held.get(key);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    held.delete(key);
    if (entry.count > 0) tell(entry.detail, entry.count);
  }

  return {
    report(key, detail) {
      const known = held.get(key);
      if (known !== undefined) {
        known.detail = detail;
        known.count++;
        return;
      }
      if (held.size >= maxKeys) flush(held.keys().next().value ?? key);
      const timer = setTimeout(() => flush(key), windowMs);
      held.set(key, { detail, count: 0, timer });
      tell(detail, 1);
    },
    stop() {
      for (const key of [...held.keys()]) flush(key);
    },
  };
}
