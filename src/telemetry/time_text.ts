/**
 * A time as the API writes it: ISO 8601, UTC, always six fraction digits, so that times sort as text and lose nothing.
 *
 * @param timeUs µs since the epoch
 */
export function formatTime(timeUs: number): string {
  const milliseconds = Math.floor(timeUs / 1000);
  const rest = Math.round(timeUs - milliseconds * 1000);
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${String(rest).padStart(3, "0")}Z`;
}

/** As {@link formatTime}, for a time that may not have come yet: 0 and `null` give `null`. */
export function formatTimeOrNull(timeUs: number | null): string | null {
  return timeUs === null || timeUs === 0 ? null : formatTime(timeUs);
}

const isoTime = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads a time that a caller gave: ISO 8601 with its offset (`Z` or `±hh:mm`; digits beyond µs are cut), or integer µs
 * since the epoch. Gives µs since the epoch, or `null` when the text is neither.
 */
export function parseTime(text: string): number | null {
  if (/^-?\d{1,16}$/.test(text)) {
    const timeUs = Number(text);
    return Number.isSafeInteger(timeUs) ? timeUs : null;
  }
  const match = isoTime.exec(text);
  if (match === null) return null;
  const [, seconds, fraction = "", offset] = match;
  const milliseconds = Date.parse(`${seconds}${offset}`);
  if (Number.isNaN(milliseconds)) return null;
  return milliseconds * 1000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
}
