/** The time as ChirpStack writes it into the JSON of an event: `2022-07-18T09:34:15.775023+00:00`. */
export function toEventTime(timeUs: number): string {
  const seconds = Math.floor(timeUs / 1_000_000);
  const micros = Math.round(timeUs - seconds * 1_000_000);
  const fraction = micros === 0 ? "" : `.${micros.toString().padStart(6, "0")}`;
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction}+00:00`;
}
