import { parseValuePath, readValuePath, type ValuePath, ValuePathError } from "../../config/value_path.ts";
import { Quality, type QualityCode } from "../../tags/quality.ts";
import type { Tag, Value } from "../../tags/tag.ts";
import { type Decoded, decodeValue } from "./decode_value.ts";
import type { StatusEvent, UplinkEvent } from "./device_event.ts";
import { formatTimeUs } from "./event_time.ts";

/** A tag with the place of its value in the device's messages. */
export interface Mapping {
  readonly tag: Tag;
  /** `null` when the configured path is none; `problem` says why. */
  readonly path: ValuePath | null;
  readonly problem: string | null;
}

/** What an event says about one tag. A tag of which it says nothing has no entry. */
export type DecodedTag =
  | { readonly ok: true; readonly mapping: Mapping; readonly value: Value }
  | { readonly ok: false; readonly mapping: Mapping; readonly quality: QualityCode; readonly cause: string };

/** Finds the place of a tag's value. Never throws: a wrong path becomes the mapping's `problem`. */
export function mapTag(tag: Tag): Mapping {
  try {
    return { tag, path: parseValuePath(tag.definition.sourcePath), problem: null };
  } catch (error) {
    if (!(error instanceof ValuePathError)) throw error;
    return { tag, path: null, problem: `Cannot find '${tag.definition.name}': ${error.message}` };
  }
}

/**
 * Takes the values of the mapped tags out of an uplink: metrics from the decoded object, `$…` from the frame.
 *
 * A path that leads nowhere, and `null`, mean that this message holds no value of the metric: many devices send other
 * keys on each port, and a `null` is how codecs say "not measured". The tag then gets nothing and goes stale by age;
 * that a path never leads anywhere is for the caller to notice. Never throws, whatever the object holds.
 */
export function decodeUplink(mappings: readonly Mapping[], uplink: UplinkEvent): DecodedTag[] {
  return decode(mappings, (path) => {
    if (path.kind === "object") return readValuePath(path, uplink.object);
    switch (path.name) {
      case "$rssi":
        return uplink.rssi;
      case "$snr":
        return uplink.snr;
      case "$dr":
        return uplink.dataRate;
      case "$fcnt":
        return uplink.frameCounter;
      case "$fport":
        return uplink.port;
      case "$lastSeen":
        return formatTimeUs(uplink.timeUs);
      default:
        return undefined;
    }
  });
}

/** Takes battery and margin out of a device status. Never throws. */
export function decodeStatus(mappings: readonly Mapping[], status: StatusEvent): DecodedTag[] {
  return decode(mappings, (path) => {
    if (path.kind === "object") return undefined;
    switch (path.name) {
      case "$battery":
        return status.battery;
      case "$margin":
        return status.margin;
      case "$lastSeen":
        return formatTimeUs(status.timeUs);
      default:
        return undefined;
    }
  });
}

function decode(mappings: readonly Mapping[], read: (path: ValuePath) => unknown): DecodedTag[] {
  const decoded: DecodedTag[] = [];
  for (const mapping of mappings) {
    if (!mapping.tag.definition.enabled) continue;
    if (mapping.path === null) {
      decoded.push({ ok: false, mapping, quality: Quality.BadConfigurationError, cause: mapping.problem ?? "" });
      continue;
    }
    const raw = read(mapping.path);
    if (raw === undefined || raw === null) continue;
    const result: Decoded = decodeValue(raw, mapping.tag.definition);
    decoded.push({ ...result, mapping });
  }
  return decoded;
}
