import type { TemplateMetric } from "../device_template.ts";
import { isJsonObject, type Json } from "../json_object.ts";
import type { VendorDevice } from "../vendor_data.ts";
import { kindOf, meaningOf, nameOf } from "./vendor_keys.ts";
import { readingKeys } from "./vendor_values.ts";

type Segments = readonly [string, ...(string | number)[]];

/** A demo shows so many values of a device. */
const maxMetrics = 6;
const maxNameLength = 48;
/** Words about a value and copies of the frame. */
const beside = /^(displayName|unit|raw|payload|port|name)$/;

/**
 * The values of the vendor's published objects that somebody would want to see: those that move first. A value that
 * some examples give as a number and others as a word is left out.
 */
export function vendorMetrics(vendor: VendorDevice): TemplateMetric[] {
  const found = new Map<string, Found>();
  for (const { object } of vendor.uplinks) {
    for (const [key, value] of Object.entries(object)) collect(value, [key], key, {}, found);
  }
  return [...found.values()].filter(({ mixed }) => !mixed).sort((left, right) => left.rank - right.rank).slice(
    0,
    maxMetrics,
  )
    .map(({ metric }) => metric);
}

interface Found {
  readonly metric: TemplateMetric;
  /** 0: a number that moves; 1: a flag or a word; 2: a number that stays. */
  readonly rank: number;
  /** Some examples have another type there. */
  mixed: boolean;
}

/** What an object says about its own value: `{ displayName, unit, value }`. */
interface Label {
  readonly displayName?: string;
  readonly unit?: string;
}

function collect(value: Json, segments: Segments, key: string, label: Label, found: Map<string, Found>): void {
  if (Array.isArray(value)) {
    value.forEach((item: Json, index) => collect(item, [...segments, index], `${key} ${index + 1}`, {}, found));
  } else if (isJsonObject(value)) {
    const { displayName, unit } = value;
    const own: Label = {
      ...(typeof displayName === "string" ? { displayName } : {}),
      ...(typeof unit === "string" ? { unit } : {}),
    };
    for (const [name, item] of Object.entries(value)) {
      const isReading = readingKeys.has(name);
      collect(item, [...segments, name], isReading ? key : name, isReading ? own : {}, found);
    }
  } else if (value !== null && !beside.test(key)) {
    add(value as boolean | number | string, segments, key, label, found);
  }
}

function add(
  value: boolean | number | string,
  segments: Segments,
  key: string,
  label: Label,
  found: Map<string, Found>,
) {
  const [known, knownUnit] = nameOf(key);
  const name = (label.displayName ?? known).replaceAll("/", " per ").slice(0, maxNameLength);
  if (name === "") return;
  const before = found.get(name);
  if (before !== undefined) {
    const samePlace = before.metric.segments.join("/") === segments.join("/");
    if (samePlace && isNumeric(before.metric) !== (typeof value === "number")) before.mixed = true;
    return;
  }
  if (typeof value !== "number") {
    const type = typeof value === "boolean" ? "Bool" : "String";
    found.set(name, { rank: 1, mixed: false, metric: { segments, name, type, kind: "string" } });
    return;
  }
  const meaning = meaningOf(key, value);
  if (meaning === "time") return;
  const unit = label.unit ?? (meaning === "battery_voltage" ? "V" : knownUnit);
  const whole = Number.isInteger(value) && meaning !== "temperature" && meaning !== "coordinate";
  found.set(name, {
    rank: meaning === "constant" ? 2 : 0,
    mixed: false,
    metric: {
      segments,
      name,
      type: whole ? "Int" : "Float",
      kind: kindOf(meaning, key),
      ...(unit === undefined ? defaultUnit(meaning) : { unit }),
      ...(meaning === "temperature" ? { range: [-55, 125] as const } : {}),
      ...(meaning === "humidity" ? { range: [0, 100] as const } : {}),
    },
  });
}

function isNumeric({ type }: TemplateMetric): boolean {
  return type === "Int" || type === "Float";
}

function defaultUnit(meaning: string): { readonly unit?: string } {
  if (meaning === "temperature") return { unit: "°C" };
  return meaning === "humidity" ? { unit: "%" } : {};
}
