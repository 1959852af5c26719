// RFC 3339 §5.6, as ChirpStack prints it: up to nanoseconds, with any offset.
const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * The time of an RFC 3339 text in µs since the Unix epoch, UTC; what is finer is cut off. `null` when the text is no
 * such time.
 */
export function parseTimeUs(text: unknown): number | null {
  const found = typeof text === "string" ? rfc3339.exec(text) : null;
  if (found === null) return null;
  const part = (index: number) => Number(found[index] ?? 0);
  const [month, day, hour, minute, second] = [part(2), part(3), part(4), part(5), part(6)];
  // second 60 is a leap second
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return null;
  const offsetMinutes = (part(9) * 60 + part(10)) * (found[8] === "-" ? -1 : 1);
  const ms = Date.UTC(part(1), month - 1, day, hour, minute - offsetMinutes, second);
  const us = Number((found[7] ?? "").slice(0, 6).padEnd(6, "0"));
  return ms * 1000 + us;
}

/** µs since the epoch as ISO 8601 text with milliseconds, UTC. */
export function formatTimeUs(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString();
}
