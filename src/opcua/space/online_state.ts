import { Quality, severityOf } from "../../tags/quality.ts";
import type { LiveVariable } from "../library/library_internals.ts";
import { type LiveSample, setLiveValue } from "./live_variable.ts";

/**
 * Gives a device's `Online` its value from the tag that every message of the device moves: true as long as that is not
 * stale, false afterwards, and as bad as the tag while nothing was ever heard or the device is switched off.
 */
export function setOnline(variable: LiveVariable, { quality, sourceTimeUs, serverTimeUs }: LiveSample): void {
  const unknown = quality === Quality.BadWaitingForInitialData || quality === Quality.BadOutOfService;
  const online = severityOf(quality) === "good";
  setLiveValue(variable, {
    value: unknown ? null : online,
    quality: unknown ? quality : Quality.Good,
    // what age changed, changed here
    sourceTimeUs: unknown ? 0 : online ? sourceTimeUs : serverTimeUs,
    serverTimeUs,
  }, "Boolean");
}
