/** Longest payload, bytes: what every LoRaWAN region carries at its better data rates (RP002 §2, N without repeater). */
export const MAX_PAYLOAD_BYTES = 222;

/** How a number stands in a payload. */
export type NumberFormat =
  | {
    readonly kind: "integer";
    readonly bytes: 1 | 2 | 3 | 4;
    readonly signed: boolean;
    readonly littleEndian: boolean;
  }
  | { readonly kind: "float"; readonly bytes: 4 | 8; readonly littleEndian: boolean };

/** How an argument stands in a payload. */
export type PlaceholderFormat =
  | NumberFormat
  /** One byte, 01 for true and 00 for false. */
  | { readonly kind: "bool" }
  /** `width`: filled up with zero bytes to so many; `null`: as long as the text. */
  | { readonly kind: "text"; readonly encoding: "ascii" | "utf8"; readonly width: number | null };

/** A place in a template that an argument fills. */
export interface Placeholder {
  /** Name of the argument. */
  readonly name: string;
  readonly format: PlaceholderFormat;
  /** Factor from the argument to the number in the payload; 1 for everything but numbers. */
  readonly scale: number;
  /** As it is written, for messages. */
  readonly text: string;
}

/** A template in its parts: fixed bytes, and places for arguments. */
export type PayloadPart = { readonly bytes: Uint8Array } | { readonly placeholder: Placeholder };

/** A template that cannot be read. */
export class PayloadTemplateError extends Error {
  override readonly name = "PayloadTemplateError";
}

const formats: ReadonlyMap<string, PlaceholderFormat> = new Map(allFormats());

/** Every type that a placeholder may name, for help. */
export const placeholderTypes: readonly string[] = [...formats.keys()];

/**
 * Reads a template: pairs of hexadecimal digits, blanks between them as one likes, and placeholders
 * `{argument:type}`, `{argument:type*scale}` for numbers, `{argument:ascii[16]}` for text of a fixed width.
 *
 * @throws {PayloadTemplateError} naming what cannot be read
 */
export function parsePayloadTemplate(template: string): readonly PayloadPart[] {
  const parts: PayloadPart[] = [];
  const token = /\s+|((?:[0-9a-fA-F]{2})+)|\{([^{}]*)\}/y;
  while (token.lastIndex < template.length) {
    const at = token.lastIndex;
    const found = token.exec(template);
    if (found === null) {
      throw new PayloadTemplateError(
        `Cannot read the template at '${
          template.slice(at, at + 16)
        }': expected pairs of hexadecimal digits or {argument:type}`,
      );
    }
    const [, hex, placeholder] = found;
    if (hex !== undefined) parts.push({ bytes: Uint8Array.fromHex(hex) });
    else if (placeholder !== undefined) parts.push({ placeholder: parsePlaceholder(placeholder) });
  }
  if (parts.length === 0) throw new PayloadTemplateError("The template holds no byte");
  return parts;
}

/** Least and largest number that an integer format holds. */
export function integerLimits(
  { bytes, signed }: { readonly bytes: number; readonly signed: boolean },
): readonly [number, number] {
  const span = 2 ** (8 * bytes);
  return signed ? [-span / 2, span / 2 - 1] : [0, span - 1];
}

/** How far a scaled number may lie from a whole one: more than multiplying two decimals leaves behind, less than a step. */
const WHOLE = 1e-9;

/** The number that stands in the payload for a value, or why there is none: it lies between two steps, or beyond them. */
export function payloadInteger(
  value: number,
  scale: number,
  format: { readonly bytes: number; readonly signed: boolean },
): number | "between" | "beyond" {
  const raw = value * scale;
  const whole = Math.round(raw);
  if (!(Math.abs(raw - whole) <= Math.max(WHOLE, 4 * Number.EPSILON * Math.abs(raw)))) return "between";
  const [low, high] = integerLimits(format);
  if (whole < low || whole > high) return "beyond";
  return whole === 0 ? 0 : whole;
}

/** Fewest and most bytes of what the template makes; `null` for a text of any length. */
export function templateLength(
  parts: readonly PayloadPart[],
): { readonly least: number; readonly most: number | null } {
  let least = 0;
  let open = false;
  for (const part of parts) {
    if ("bytes" in part) least += part.bytes.length;
    else {
      const width = formatWidth(part.placeholder.format);
      if (width === null) open = true;
      else least += width;
    }
  }
  return { least, most: open ? null : least };
}

/** Bytes that a format takes; `null`: as many as the text has. */
export function formatWidth(format: PlaceholderFormat): number | null {
  if (format.kind === "bool") return 1;
  return format.kind === "text" ? format.width : format.bytes;
}

function parsePlaceholder(body: string): Placeholder {
  const text = `{${body}}`;
  const found = /^(.+):\s*([a-z0-9]+)(?:\[([0-9]{1,3})\])?(?:\s*\*\s*([0-9.eE+-]+))?\s*$/.exec(body);
  const [, name = "", type = "", width, factor] = found ?? [];
  if (found === null) throw new PayloadTemplateError(`Cannot read '${text}': expected {argument:type}`);
  const known = formats.get(type);
  if (known === undefined) {
    throw new PayloadTemplateError(
      `Cannot read '${text}' as there is no type '${type}': ${placeholderTypes.join(" ")}`,
    );
  }
  const scale = factor === undefined ? 1 : Number(factor);
  if (factor !== undefined && (known.kind === "bool" || known.kind === "text")) {
    throw new PayloadTemplateError(`Cannot read '${text}' as only numbers can be scaled`);
  }
  if (!Number.isFinite(scale) || scale === 0) {
    throw new PayloadTemplateError(`Cannot read '${text}' as the scale '${factor}' is not a number other than 0`);
  }
  return { name: name.trim(), format: withWidth(known, width, text), scale, text };
}

function withWidth(format: PlaceholderFormat, width: string | undefined, text: string): PlaceholderFormat {
  if (width === undefined) return format;
  if (format.kind !== "text") throw new PayloadTemplateError(`Cannot read '${text}' as only text has a width`);
  const bytes = Number(width);
  if (bytes < 1 || bytes > MAX_PAYLOAD_BYTES) {
    throw new PayloadTemplateError(
      `Cannot read '${text}' as a width is 1 to ${MAX_PAYLOAD_BYTES}: current value is ${bytes}`,
    );
  }
  return { ...format, width: bytes };
}

function* allFormats(): Generator<[string, PlaceholderFormat]> {
  for (const signed of [false, true]) {
    const sign = signed ? "i" : "u";
    yield [`${sign}8`, { kind: "integer", bytes: 1, signed, littleEndian: false }];
    for (const bytes of [2, 3, 4] as const) {
      for (const littleEndian of [false, true]) {
        yield [`${sign}${8 * bytes}${littleEndian ? "le" : "be"}`, { kind: "integer", bytes, signed, littleEndian }];
      }
    }
  }
  for (const bytes of [4, 8] as const) {
    for (const littleEndian of [false, true]) {
      yield [`f${8 * bytes}${littleEndian ? "le" : "be"}`, { kind: "float", bytes, littleEndian }];
    }
  }
  yield ["bool", { kind: "bool" }];
  yield ["ascii", { kind: "text", encoding: "ascii", width: null }];
  yield ["utf8", { kind: "text", encoding: "utf8", width: null }];
}
