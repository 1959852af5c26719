import type { CommandDefinition } from "../config/command_definition.ts";
import { mapTemplate, type TextPiece } from "../config/object_template.ts";
import {
  integerLimits,
  MAX_PAYLOAD_BYTES,
  type NumberFormat,
  parsePayloadTemplate,
  payloadInteger,
  type Placeholder,
} from "../config/payload_template.ts";
import type { ArgumentValue } from "./commands.ts";

/** What is sent: bytes, or an object that ChirpStack encodes. */
export type Payload =
  | { readonly data: Uint8Array }
  | { readonly object: Readonly<Record<string, unknown>> };

/** An argument whose value the payload cannot carry. */
export class PayloadError extends Error {
  override readonly name = "PayloadError";

  /** @param argument name of the argument at fault; `null`: the payload as a whole is too long */
  constructor(readonly argument: string | null, message: string) {
    super(message);
  }
}

/**
 * Makes the payload of a command. A value is never wrapped, cut or rounded to fit; only what a 32-bit float cannot hold
 * exactly of a Float becomes the nearest one.
 *
 * @param values a value of the right type for every argument of the definition
 * @throws {PayloadError} for a value that the payload cannot carry
 */
export function makePayload(
  { payload, arguments: args }: Pick<CommandDefinition, "payload" | "arguments">,
  values: Readonly<Record<string, ArgumentValue>>,
): Payload {
  switch (payload.kind) {
    case "bytes":
      return { data: fromTemplate(payload.template, values) };
    case "object":
      return { object: mapTemplate(payload.template, (pieces) => fillText(pieces, values)) as Record<string, unknown> };
    case "byte":
    case "valve": {
      const name = args[0]?.name ?? "value";
      return { data: Uint8Array.of(encodeInteger(name, numberOf(values[name]), 1, { bytes: 1, signed: false })) };
    }
  }
}

function fillText(pieces: readonly TextPiece[], values: Readonly<Record<string, ArgumentValue>>): ArgumentValue {
  const [first] = pieces;
  // alone it keeps its type: "{position}" becomes a number
  if (pieces.length === 1 && first !== undefined && "argument" in first) return values[first.argument] ?? "";
  return pieces.map((piece) => "text" in piece ? piece.text : String(values[piece.argument] ?? "")).join("");
}

function fromTemplate(template: string, values: Readonly<Record<string, ArgumentValue>>): Uint8Array {
  const chunks = parsePayloadTemplate(template).map((part) =>
    "bytes" in part ? part.bytes : encode(part.placeholder, values[part.placeholder.name] ?? "")
  );
  const length = chunks.reduce((sum, { length }) => sum + length, 0);
  if (length > MAX_PAYLOAD_BYTES) {
    throw new PayloadError(
      null,
      `The payload would have ${length} bytes, and at most ${MAX_PAYLOAD_BYTES} can be sent`,
    );
  }
  const data = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    data.set(chunk, at);
    at += chunk.length;
  }
  return data;
}

function encode({ name, format, scale }: Placeholder, value: ArgumentValue): Uint8Array {
  if (format.kind === "bool") return Uint8Array.of(value === true ? 1 : 0);
  if (format.kind === "text") return encodeText(name, String(value), format);
  return encodeNumber(name, numberOf(value), scale, format, typeof value === "number" && Number.isInteger(value));
}

function encodeNumber(name: string, value: number, scale: number, format: NumberFormat, whole: boolean): Uint8Array {
  const out = new Uint8Array(format.bytes);
  const view = new DataView(out.buffer);
  if (format.kind === "float") {
    const raw = value * scale;
    const held = format.bytes === 4 ? Math.fround(raw) : raw;
    if (!Number.isFinite(held)) throw beyond(name, value, "what the payload can hold");
    // a count that comes out as another count is not a rounding error but another value
    if (whole && scale === 1 && held !== raw) {
      throw beyond(name, value, "the whole numbers that the payload holds exactly");
    }
    if (format.bytes === 4) view.setFloat32(0, held, format.littleEndian);
    else view.setFloat64(0, held, format.littleEndian);
    return out;
  }
  let rest = encodeInteger(name, value, scale, format);
  if (rest < 0) rest += 2 ** (8 * format.bytes);
  for (let i = 0; i < format.bytes; i++) {
    out[format.littleEndian ? i : format.bytes - 1 - i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return out;
}

/** The number that stands in the payload for a value. */
function encodeInteger(
  name: string,
  value: number,
  scale: number,
  format: { readonly bytes: number; readonly signed: boolean },
): number {
  const found = payloadInteger(value, scale, format);
  if (found === "between") {
    const step = scale === 1 ? "whole numbers" : `steps of ${1 / Math.abs(scale)}`;
    throw new PayloadError(name, `The payload holds '${name}' in ${step}: current value is ${value}`);
  }
  if (found === "beyond") {
    const [low, high] = integerLimits(format).map((limit) => limit / scale).toSorted((a, b) => a - b);
    throw beyond(name, value, `${low} to ${high}, which is what the payload can hold`);
  }
  return found;
}

function encodeText(
  name: string,
  value: string,
  { encoding, width }: { readonly encoding: "ascii" | "utf8"; readonly width: number | null },
): Uint8Array {
  if (encoding === "ascii" && !/^[\x20-\x7e]*$/.test(value)) {
    throw new PayloadError(name, `'${name}' takes printable ASCII characters alone`);
  }
  if (!value.isWellFormed()) throw new PayloadError(name, `'${name}' holds half a character`);
  const bytes = new TextEncoder().encode(value);
  if (width === null) return bytes;
  if (bytes.length > width) {
    throw new PayloadError(name, `'${name}' takes at most ${width} bytes: current value has ${bytes.length}`);
  }
  // it could not be told from what fills up
  if (value.includes("\0")) throw new PayloadError(name, `'${name}' must not hold a zero byte`);
  const out = new Uint8Array(width);
  out.set(bytes);
  return out;
}

function numberOf(value: ArgumentValue | undefined): number {
  return Number(value ?? 0);
}

function beyond(name: string, value: number, limits: string): PayloadError {
  return new PayloadError(name, `'${name}' must be ${limits}: current value is ${value}`);
}
