import { DataType, StatusCodes, type Variant, VariantArrayType } from "node-opcua";
import type { ArgumentValue } from "../../commands/commands.ts";
import type { CommandArgument, CommandDefinition } from "../../config/command_definition.ts";
import type { DataTypeName } from "../../tags/tag.ts";
import { builtInType } from "../space/data_values.ts";

/**
 * How a command is served.
 * - `value`: it takes one value; writing it sends the command.
 * - `trigger`: it takes nothing; writing `true` sends it.
 * - `method`: it takes several values and is sent by its method; its variable only shows it.
 */
export type CommandForm =
  | { readonly kind: "value"; readonly argument: CommandArgument; readonly dataType: DataTypeName }
  | { readonly kind: "trigger" }
  | { readonly kind: "method" };

/** Bounds that a form of payload sets by itself. */
const BYTE = { low: 0, high: 255 } as const;

/** The form of a command. */
export function commandForm(definition: CommandDefinition): CommandForm {
  const [argument, second] = definition.arguments;
  if (argument === undefined) return { kind: "trigger" };
  if (second !== undefined) return { kind: "method" };
  return { kind: "value", argument, dataType: argumentType(argument, rangeOf(argument, definition)) };
}

/** The least and largest value of a number, where both sides are known. */
export function rangeOf(
  { type, min, max }: CommandArgument,
  { payload }: Pick<CommandDefinition, "payload">,
): { readonly low: number; readonly high: number } | null {
  if (type !== "Int" && type !== "Float") return null;
  const byte = payload.kind === "byte" ? BYTE : null;
  const low = min ?? byte?.low;
  const high = max ?? byte?.high;
  return low === undefined || high === undefined ? null : { low, high };
}

/** The OPC UA type of an argument: for integers the smallest signed one that holds the range, Int64 without one. */
export function argumentType(
  { type }: Pick<CommandArgument, "type">,
  range: { readonly low: number; readonly high: number } | null,
): DataTypeName {
  switch (type) {
    case "Bool":
      return "Boolean";
    case "Float":
      return "Double";
    case "String":
      return "String";
    case "Int":
      if (range === null) return "Int64";
      if (range.low >= -32_768 && range.high <= 32_767) return "Int16";
      return range.low >= -2_147_483_648 && range.high <= 2_147_483_647 ? "Int32" : "Int64";
  }
}

/** What a client gave for a value of this type, or the status that refuses it. */
export type GivenValue =
  | { readonly ok: true; readonly value: ArgumentValue }
  | { readonly ok: false; readonly status: typeof StatusCodes.BadTypeMismatch };

/**
 * Takes a value out of a variant. The type must be the variable's own (OPC 10000-4 §5.11.4: `BadTypeMismatch`); an
 * integer beyond ±2^53 and a number that is none are `BadOutOfRange`.
 */
export function givenValue(variant: Variant, dataType: DataTypeName): GivenValue {
  const { value } = variant;
  if (variant.dataType !== builtInType[dataType] || variant.arrayType !== VariantArrayType.Scalar) {
    return { ok: false, status: StatusCodes.BadTypeMismatch };
  }
  switch (variant.dataType) {
    case DataType.Boolean:
      return { ok: true, value: value === true };
    case DataType.String:
      // a null String stands for no text
      return { ok: true, value: typeof value === "string" ? value : "" };
    case DataType.Int64: {
      const [high, low] = value as [number, number];
      const whole = (high | 0) * 4_294_967_296 + (low >>> 0);
      return Number.isSafeInteger(whole) ? { ok: true, value: whole } : outOfRange;
    }
    default:
      return typeof value === "number" && Number.isFinite(value) ? { ok: true, value } : outOfRange;
  }
}

const outOfRange: GivenValue = { ok: false, status: StatusCodes.BadOutOfRange };
