import { isJsonObject, type Json, type JsonObject } from "../json_object.ts";
import { seedOf } from "../seeded_random.ts";
import type { Random } from "../seeded_random.ts";
import { batteryVolts, dailyCurve, growingCounter, rounded } from "../signals.ts";
import { meaningOf } from "./vendor_keys.ts";

/** Keys below which codecs put the number itself: `{ "unit": "Wh", "value": 3 }`. */
export const readingKeys: ReadonlySet<string> = new Set(["value", "data"]);

/** Whole numbers from here on are measured and not enumerated. */
const leastReading = 20;

/** The published object as the device would send it at that time: numbers move as their keys suggest, words stay. */
export function livingObject(published: JsonObject, timeUs: number, random: Random): JsonObject {
  return Object.fromEntries(
    Object.entries(published).map(([key, value]) => [key, living(value, key, timeUs, random)]),
  );
}

function living(value: Json, key: string, timeUs: number, random: Random): Json {
  if (Array.isArray(value)) return value.map((item: Json) => living(item, key, timeUs, random));
  if (isJsonObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        name,
        living(item, readingKeys.has(name) ? key : name, timeUs, random),
      ]),
    );
  }
  if (typeof value === "number") return livingNumber(value, key, timeUs, random);
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z?$/.test(value)) {
    return new Date(timeUs / 1000).toISOString().slice(0, value.length);
  }
  return value as Json;
}

function livingNumber(value: number, key: string, timeUs: number, random: Random): number {
  const digits = value.toString().split(".")[1]?.length ?? 0;
  switch (meaningOf(key, value)) {
    case "time":
      return value > 1e9 ? Math.floor(timeUs / 1_000_000) : value;
    case "constant":
      return value;
    case "counter":
      return growingCounter(timeUs, value, 1 + seedOf(key) % 40);
    case "temperature":
      return rounded(dailyCurve(timeUs, { mean: value, swing: 3, noise: 0.1 }, random), Math.max(1, digits));
    case "humidity": {
      const percent = dailyCurve(timeUs, { mean: value, swing: 8, peakHour: 4, noise: 0.5 }, random);
      return rounded(Math.min(100, Math.max(0, percent)), digits);
    }
    case "battery_voltage":
      return rounded(batteryVolts(timeUs, value, value * 0.85, 0.002), digits);
    case "percent":
      return Math.min(100, Math.max(0, Math.round(value + 3 * (random() - 0.5))));
    case "coordinate":
      return rounded(value + (random() - 0.5) * 2e-4, Math.max(digits, 5));
    case "reading":
      if (digits === 0 && value < leastReading) return value;
      return rounded(value * (1 + 0.06 * (random() - 0.5)), digits);
  }
}
