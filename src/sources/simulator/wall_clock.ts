/** A difference to the machine's clock from which on it was set, ms. */
const tolerance = 20;

/**
 * The machine's clock in µs, finer than the millisecond that it tells: what passed since it was last looked up comes
 * from the monotonic clock. Follows when the machine's clock is set.
 */
export function wallClock(): () => number {
  let offsetMs = performance.timeOrigin;
  return () => {
    const elapsedMs = performance.now();
    const told = Date.now();
    if (Math.abs(offsetMs + elapsedMs - told) > tolerance) offsetMs = told - elapsedMs;
    return Math.floor((offsetMs + elapsedMs) * 1000);
  };
}

/** Times of one clock of which no two are equal: a clock that stands still counts on by 1 µs, one set back is followed. */
export function distinctTimes(nowUs: () => number): () => number {
  let last = -Infinity;
  return () => {
    const now = nowUs();
    const stands = now <= last && now > last - 1000;
    last = stands ? last + 1 : now;
    return last;
  };
}
