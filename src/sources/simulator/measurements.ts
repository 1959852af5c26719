import { type DeviceTemplate, measurementKey, type MeasurementKind } from "./device_template.ts";
import { eachLeaf, type Json, type JsonObject } from "./json_object.ts";

/** A measurement of a device profile. */
export interface Measurement {
  /** For people. */
  readonly name: string;
  readonly kind: MeasurementKind;
}

/** The measurements of a device type by their keys: every value its examples show, as an administrator would set them. */
export function measurementsOf(template: DeviceTemplate): ReadonlyMap<string, Measurement> {
  const measurements = new Map<string, Measurement>();
  for (const example of template.examples) {
    eachLeaf(example, (path, leaf) => {
      if (leaf === null) return;
      const key = measurementKey(path);
      if (measurements.has(key)) return;
      measurements.set(key, { name: key.replaceAll("_", " "), kind: typeof leaf === "number" ? "gauge" : "string" });
    });
  }
  for (const { segments, name, kind } of template.metrics) measurements.set(measurementKey(segments), { name, kind });
  return measurements;
}

/** The values of a decoded object by the keys of measurements (chirpstack/src/codec/mod.rs, `get_measurements`). */
export function flatten(object: JsonObject): Map<string, boolean | number | string> {
  const values = new Map<string, boolean | number | string>();
  eachLeaf(object as Json, (path, leaf) => {
    if (leaf !== null) values.set(measurementKey(path), leaf);
  });
  return values;
}
