/** So often a device must have been seen without an event before its stream is called silent. */
const SILENT_AFTER = 2;

interface Watched {
  /** ChirpStack's `last_seen_at` when the count began, µs; `null`: take the next one. */
  baselineUs: number | null;
  advances: number;
}

/**
 * Finds streams that are open and deliver nothing although their device is heard: ChirpStack's event log is off. Each
 * advance of `last_seen_at` between two look-ups counts; one alone can be an event that is still on its way.
 */
export class SilenceWatch {
  readonly #devices = new Map<string, Watched>();

  /** An event of the device arrived, or its stream was opened anew: counts from the beginning. */
  delivered(devEui: string): void {
    this.#devices.set(devEui, { baselineUs: null, advances: 0 });
  }

  /** The device is not watched any more. */
  forget(devEui: string): void {
    this.#devices.delete(devEui);
  }

  /** Takes `last_seen_at` of a look-up, µs. Returns whether the device's stream is silent. */
  seen(devEui: string, lastSeenUs: number | null): boolean {
    let watched = this.#devices.get(devEui);
    if (watched === undefined) this.#devices.set(devEui, watched = { baselineUs: null, advances: 0 });
    const nowUs = lastSeenUs ?? 0;
    if (watched.baselineUs !== null && nowUs > watched.baselineUs) watched.advances++;
    watched.baselineUs = Math.max(nowUs, watched.baselineUs ?? 0);
    return watched.advances >= SILENT_AFTER;
  }
}
