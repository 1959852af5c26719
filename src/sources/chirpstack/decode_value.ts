import { Quality, type QualityCode } from "../../tags/quality.ts";
import type { DataTypeName, TagDefinition, Value } from "../../tags/tag.ts";
import { parseNumberText } from "./number_text.ts";

/** A value as the tag's type wants it, or why it is none. `cause` is for people and holds no more than 64 characters of the value. */
export type Decoded =
  | { readonly ok: true; readonly value: Exclude<Value, null> }
  | { readonly ok: false; readonly quality: QualityCode; readonly cause: string };

/** What of a tag's definition decides about its values. */
export type ValueShape = Pick<TagDefinition, "name" | "type" | "dataType" | "scale" | "offset">;

/** A text longer than this is no state of a device but a dump; it is refused instead of filling the history. */
const MAX_TEXT_LENGTH = 8192;

/** Ranges of the integer types (OPC 10000-6 §5.1.2); Int64 as far as JavaScript counts exactly. */
const integerRanges: Partial<Record<DataTypeName, readonly [number, number]>> = {
  Int16: [-32_768, 32_767],
  UInt16: [0, 65_535],
  Int32: [-2_147_483_648, 2_147_483_647],
  UInt32: [0, 4_294_967_295],
  Int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};
const MAX_FLOAT = 3.4028234663852886e38;

// Words of which everybody says the same. "open", "closed", "H", "low" or "normal" are left out on purpose: which of
// them is `true` depends on the device, and a guess turns a door around. Such metrics are String.
const boolWords: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["on", true],
  ["yes", true],
  ["1", true],
  ["false", false],
  ["off", false],
  ["no", false],
  ["0", false],
]);

/**
 * Makes a value of a decoded object fit the tag's declared type. The type never follows the value.
 *
 * - Float takes numbers and text that {@link parseNumberText} reads; then `value × scale + offset`.
 * - Int takes the same if the scaled result is whole; beyond ±(2^53 − 1) the double that arrived may already be a
 *   rounded one, so it is `BadOutOfRange` and never rounded.
 * - Bool takes `true` and `false`, 0 and 1, and the words true/false, on/off, yes/no, 1/0 in any case.
 * - String takes text, and the text of a number or a Boolean (a device that sends 94 and later "CHARGING").
 *
 * A number outside the range of `data_type` is `BadOutOfRange`, everything else that does not fit `BadDecodingError`.
 * Never throws.
 *
 * @param raw what stands in the object: present, and not `null` (that is "no value", which the caller knows of)
 */
export function decodeValue(raw: unknown, shape: ValueShape): Decoded {
  switch (shape.type) {
    case "Bool":
      return decodeBool(raw, shape);
    case "String":
      return decodeText(raw, shape);
    case "Int":
    case "Float":
      return decodeNumber(raw, shape);
  }
}

function decodeBool(raw: unknown, shape: ValueShape): Decoded {
  if (typeof raw === "boolean") return { ok: true, value: raw };
  const word = typeof raw === "string" ? raw.trim().toLowerCase() : raw === 0 || raw === 1 ? String(raw) : "";
  const value = boolWords.get(word);
  return value === undefined ? misfit(raw, shape, "it is neither true nor false") : { ok: true, value };
}

function decodeText(raw: unknown, shape: ValueShape): Decoded {
  if (typeof raw === "number" || typeof raw === "boolean") return { ok: true, value: String(raw) };
  if (typeof raw !== "string") return misfit(raw, shape, `it is ${kindOf(raw)}`);
  if (raw.length > MAX_TEXT_LENGTH) return misfit(raw, shape, `it has more than ${MAX_TEXT_LENGTH} characters`);
  return { ok: true, value: raw.toWellFormed() };
}

function decodeNumber(raw: unknown, shape: ValueShape): Decoded {
  const number = typeof raw === "number" ? raw : typeof raw === "string" ? parseNumberText(raw) : null;
  if (number === null || Number.isNaN(number)) {
    return misfit(raw, shape, typeof raw === "string" ? "the text is no number" : `it is ${kindOf(raw)}`);
  }
  const value = scaled(number, shape);
  if (!Number.isFinite(value)) return outOfRange(raw, shape, "no double can hold it");
  const range = integerRanges[shape.dataType];
  if (shape.type === "Int" || range !== undefined) {
    // checked before wholeness: beyond 2^53 every double is whole
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return outOfRange(raw, shape, "it is beyond ±(2^53 − 1)");
    if (!Number.isInteger(value)) return misfit(raw, shape, "it is not a whole number");
  }
  if (range !== undefined && (value < range[0] || value > range[1])) {
    return outOfRange(raw, shape, `${shape.dataType} goes from ${range[0]} to ${range[1]}`);
  }
  if (shape.dataType === "Float" && Math.abs(value) > MAX_FLOAT) {
    return outOfRange(raw, shape, "it is beyond the 32-bit Float");
  }
  return { ok: true, value };
}

function scaled(number: number, { scale, offset }: ValueShape): number {
  if (scale === 1 && offset === 0) return number + 0;
  const value = number * scale + offset;
  // 3 × 0.1 is 0.30000000000000004: digits beyond the fifteenth are noise of the multiplication, not of the device
  return Number.isInteger(value) || !Number.isFinite(value) ? value : Number(value.toPrecision(15));
}

function misfit(raw: unknown, shape: ValueShape, reason: string): Decoded {
  return { ok: false, quality: Quality.BadDecodingError, cause: sentence(raw, shape, reason) };
}

function outOfRange(raw: unknown, shape: ValueShape, reason: string): Decoded {
  return { ok: false, quality: Quality.BadOutOfRange, cause: sentence(raw, shape, reason) };
}

function sentence(raw: unknown, shape: ValueShape, reason: string): string {
  return `Cannot read '${shape.name}' as ${shape.type} as ${reason}: current value is ${excerpt(raw)}`;
}

function kindOf(raw: unknown): string {
  if (Array.isArray(raw)) return "a list";
  switch (typeof raw) {
    case "object":
      return "an object";
    case "boolean":
      return "a truth value";
    case "string":
      return "text";
    default:
      return `a ${typeof raw}`;
  }
}

/** The start of a value as JSON, for a message: one line, control characters escaped, at most 64 characters. */
export function excerpt(raw: unknown): string {
  if (typeof raw === "object" && raw !== null) return Array.isArray(raw) ? "a list" : "an object";
  const text = typeof raw === "string" ? JSON.stringify(raw.slice(0, 65)) : String(raw);
  const clean = text.replace(/\p{Cc}/gu, "?");
  return clean.length > 64 ? `${clean.slice(0, 63)}…` : clean;
}
