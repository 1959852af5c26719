import type { DeviceTemplate, MeasurementKind, TemplateMetric } from "../device_template.ts";
import { eachLeaf, type Json, mapLeaves } from "../json_object.ts";
import { batteryVolts, dailyCurve, growingCounter, rounded } from "../signals.ts";
import type { Random } from "../seeded_random.ts";
import { seedOf } from "../seeded_random.ts";
import type { VendorDevice } from "../vendor_data.ts";
import { bytesOf, vendorEncoder } from "./vendor_frames.ts";

/** What a person would call the device and where it stands. */
export interface Naming {
  readonly label: string;
  readonly profileName: string;
  readonly applicationName: string;
}

const maxMetrics = 6;
const counterKey = /count|total|meter|volume|energy|pulse|times|electricity|gas|^H[CP]H[CP]$|^EA_?/i;
const temperatureKey = /temp|TempC/i;
const humidityKey = /hum/i;
const batteryVoltKey = /bat/i;
const positionKey = /^(lat|lon)/i;
const timeKey = /timestamp|^DATE$|utc/i;

/**
 * A device that is made from nothing but the vendor's published frames: it sends them in turn, and lets the values
 * move in a way that fits their keys. Text and flags stay as published.
 */
export function anyVendorDevice(vendor: VendorDevice, naming: Naming): DeviceTemplate {
  return {
    id: vendor.device,
    ...naming,
    deviceClass: "A",
    metrics: metricsOf(vendor),
    examples: vendor.uplinks.map(({ object }) => object),
    frame: ({ timeUs, count, random }) => {
      const published = vendor.uplinks[count % vendor.uplinks.length];
      return {
        fPort: published?.fPort ?? 1,
        data: bytesOf(published),
        object: published === undefined ? {} : Object.fromEntries(
          Object.entries(published.object).map((
            [key, value],
          ) => [
            key,
            mapLeaves(value, (leaf, name) => moved(leaf, name === "value" ? key : name, timeUs, random), key),
          ]),
        ),
      };
    },
    encode: vendorEncoder(vendor),
  };
}

function moved(leaf: null | boolean | number | string, key: string, timeUs: number, random: Random): Json {
  if (timeKey.test(key)) return currentTime(leaf, timeUs);
  if (typeof leaf !== "number") return leaf;
  const digits = decimals(leaf);
  if (temperatureKey.test(key) && digits > 0) {
    return rounded(dailyCurve(timeUs, { mean: leaf, swing: 3, noise: 0.1 }, random), digits);
  }
  if (humidityKey.test(key)) {
    const value = dailyCurve(timeUs, { mean: leaf, swing: 8, peakHour: 4, noise: 0.5 }, random);
    return rounded(Math.min(100, Math.max(0, value)), digits);
  }
  if (batteryVoltKey.test(key) && digits > 0 && leaf > 2.5) {
    return rounded(batteryVolts(timeUs, leaf, leaf * 0.85, 0.002), digits);
  }
  if (positionKey.test(key)) return rounded(leaf + (random() - 0.5) * 2e-4, Math.max(digits, 5));
  if (isCounter(leaf, key)) return growingCounter(timeUs, leaf, 1 + (seedOf(key) % 40));
  if (digits === 0) return leaf;
  return rounded(leaf * (1 + 0.06 * (random() - 0.5)), digits);
}

function currentTime(leaf: null | boolean | number | string, timeUs: number): Json {
  if (typeof leaf === "number") return leaf > 1e9 ? Math.floor(timeUs / 1_000_000) : leaf;
  if (typeof leaf === "string" && /^\d{4}-\d\d-\d\dT/.test(leaf)) return new Date(timeUs / 1000).toISOString();
  return leaf;
}

function isCounter(leaf: number, key: string): boolean {
  return counterKey.test(key) && Number.isInteger(leaf) && leaf > 3;
}

function decimals(value: number): number {
  return value.toString().split(".")[1]?.length ?? 0;
}

/** The leaves that say something, numbers first, each key once. */
function metricsOf(vendor: VendorDevice): TemplateMetric[] {
  const found = new Map<string, TemplateMetric>();
  for (const { object } of vendor.uplinks) {
    eachLeaf(object, (path, leaf) => {
      const [first, ...rest] = path;
      if (typeof first !== "string" || leaf === null) return;
      const metric = metricOf([first, ...rest], leaf);
      if (metric !== null && !found.has(metric.name)) found.set(metric.name, metric);
    });
  }
  const metrics = [...found.values()];
  const numbers = metrics.filter(({ type }) => type === "Float" || type === "Int");
  return [...numbers, ...metrics.filter((metric) => !numbers.includes(metric))].slice(0, maxMetrics);
}

function metricOf(
  segments: readonly [string, ...(string | number)[]],
  leaf: boolean | number | string,
): TemplateMetric | null {
  const key = segments.findLast((segment) => typeof segment === "string" && !/^(value|data)$/.test(segment)) ?? "";
  const name = nameOf(segments);
  if (name === "" || /^(displayName|unit|raw|payload|bytes|port)$/.test(String(segments.at(-1)))) return null;
  if (typeof leaf === "boolean") return { segments, name, type: "Bool", kind: "string" };
  if (typeof leaf === "string") return { segments, name, type: "String", kind: "string" };
  const text = String(key);
  const counter = isCounter(leaf, text);
  const kind: MeasurementKind = counter ? "counter" : text === "motion" ? "absolute" : "gauge";
  if (temperatureKey.test(text) && decimals(leaf) > 0) {
    return { segments, name, type: "Float", unit: "°C", range: [-55, 125], kind };
  }
  if (humidityKey.test(text)) return { segments, name, type: "Float", unit: "%", range: [0, 100], kind };
  return { segments, name, type: counter || Number.isInteger(leaf) ? "Int" : "Float", kind };
}

/** `air_temperature` → `Air temperature`, `people_counter_all` → `People counter all`, at most 48 characters. */
function nameOf(segments: readonly (string | number)[]): string {
  const words = segments.filter((segment) => !/^(value|data|bytes)$/.test(String(segment))).join(" ")
    .replace(/[_$/]+/g, " ").replace(/([a-z])([A-Z])/g, (_all, low: string, up: string) => `${low} ${up.toLowerCase()}`)
    .replace(/\s+/g, " ").trim().slice(0, 48);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
