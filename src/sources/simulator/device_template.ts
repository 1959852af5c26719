import { formatValuePath } from "../../config/value_path.ts";
import type { JsonObject } from "./json_object.ts";
import type { Random } from "./seeded_random.ts";
import type { MetricType } from "../../tags/tag.ts";

/** How ChirpStack aggregates a measurement of a device profile. */
export type MeasurementKind = "counter" | "absolute" | "gauge" | "string";

/** A value that a device reports and that somebody would want to see. */
export interface TemplateMetric {
  /** Keys and positions that lead to the value in the decoded object. */
  readonly segments: readonly [string, ...(string | number)[]];
  readonly name: string;
  readonly type: MetricType;
  readonly unit?: string;
  readonly range?: readonly [number, number];
  readonly kind: MeasurementKind;
}

/** What a device knows when it sends a frame. */
export interface Moment {
  /** When it sends, µs since the epoch. */
  readonly timeUs: number;
  /** Frames that this device sent before. */
  readonly count: number;
  /** The device's own sequence. */
  readonly random: Random;
  /** What the device remembers between frames: counters, the position of a valve. */
  readonly memory: Map<string, number>;
}

/** What a device sends. */
export interface Frame {
  readonly fPort: number;
  readonly data: Uint8Array;
  /** What the codec makes of the data; `null` when it fails. */
  readonly object: JsonObject | null;
  /** The device restarted before it sent: its frame counter begins at 0 again. */
  readonly rejoined?: boolean;
}

/** A type of device: how it is called, what it reports and how its values move. */
export interface DeviceTemplate {
  /** The vendor's name of the type (`lse01`). */
  readonly id: string;
  /** What a person calls such a device (`Soil probe`). */
  readonly label: string;
  readonly profileName: string;
  readonly applicationName: string;
  /** A: hears a downlink only after it sent an uplink. C: hears at any time. */
  readonly deviceClass: "A" | "C";
  readonly metrics: readonly TemplateMetric[];
  /** Objects that show every key that this type can report. */
  readonly examples: readonly JsonObject[];
  /** The next frame; `null` when the device stays silent this time. */
  readonly frame: (moment: Moment) => Frame | null;
  /** The codec's encoder: bytes of a downlink object; throws what the codec would report. */
  readonly encode: (object: JsonObject) => Uint8Array;
  /** What a downlink changes in the device. */
  readonly onDownlink?: (memory: Map<string, number>, fPort: number, data: Uint8Array) => void;
}

/** The path of a metric as a configuration writes it: `channels[2].value`. */
export function metricPath(metric: TemplateMetric): string {
  return formatValuePath({ kind: "object", segments: [...metric.segments] });
}

/** The key under which ChirpStack keeps a value of the object: keys and positions joined by `_`. */
export function measurementKey(segments: readonly (string | number)[]): string {
  return segments.join("_");
}
