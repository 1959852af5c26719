import { formatValuePath } from "../../config/value_path.ts";
import { excerpt } from "./decode_value.ts";

/** A place in the decoded objects of a device, as its recent uplinks show it. */
export interface ObservedKey {
  /** As `chirpstack_metric_name` wants it. */
  readonly path: string;
  /** JSON type of the newest value. */
  readonly type: "boolean" | "number" | "string" | "null";
  /** The newest value as JSON, cut to 64 characters. */
  readonly example: string;
  /** When it was seen last, µs. */
  readonly lastSeenUs: number;
}

/** A codec can make thousands of keys; a person picks among hundreds. */
const MAX_KEYS = 500;
const MAX_DEPTH = 16;

/** Collects the keys that the uplinks of one device hold. */
export class ObservedKeys {
  readonly #keys = new Map<string, ObservedKey>();

  /** Takes the decoded object of an uplink. A key beyond the first 500 is passed over. */
  take(object: unknown, timeUs: number): void {
    this.#walk(object, [], timeUs);
  }

  /** What was seen so far, in the order in which the device sends it. */
  list(): ObservedKey[] {
    return [...this.#keys.values()];
  }

  #walk(value: unknown, segments: readonly (string | number)[], timeUs: number): void {
    if (typeof value === "object" && value !== null) {
      if (segments.length >= MAX_DEPTH) return;
      const children: Iterable<[string | number, unknown]> = Array.isArray(value)
        ? value.entries()
        : Object.entries(value);
      for (const [key, child] of children) this.#walk(child, [...segments, key], timeUs);
      return;
    }
    const [first, ...rest] = segments;
    if (typeof first !== "string") return;
    const path = formatValuePath({ kind: "object", segments: [first, ...rest] });
    const known = this.#keys.get(path);
    if (known === undefined ? this.#keys.size >= MAX_KEYS : known.lastSeenUs > timeUs) return;
    const type = value === null
      ? "null"
      : typeof value === "boolean" || typeof value === "number"
      ? typeof value
      : "string";
    this.#keys.set(path, { path, type: type as ObservedKey["type"], example: excerpt(value), lastSeenUs: timeUs });
  }
}
