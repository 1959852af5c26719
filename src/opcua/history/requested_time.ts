/** `DateTime.MinValue` on the wire, 1601-01-01, means "not specified"; so does anything before it. */
const MIN_DATE_MS = Date.UTC(1601, 0, 1);

/**
 * A requested time in µs; `null`: not specified. It arrives in steps of 100 ns, of which node-opcua hangs what a Date
 * cannot hold on it as `picoseconds`: the start is rounded down and the end up, so that nothing stored falls out at the
 * edge.
 */
export function requestedTimeUs(
  time: Date | null | undefined,
  round: (value: number) => number,
): number | null {
  if (time === null || time === undefined) return null;
  const ms = time.getTime();
  if (Number.isNaN(ms) || ms <= MIN_DATE_MS) return null;
  const picoseconds = (time as Date & { picoseconds?: number }).picoseconds ?? 0;
  return ms * 1000 + round(picoseconds / 1_000_000);
}
