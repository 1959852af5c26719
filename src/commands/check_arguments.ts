import type { CommandArgument, CommandDefinition } from "../config/command_definition.ts";
import type { ArgumentValue, CommandRefusal } from "./commands.ts";
import { makePayload, type Payload, PayloadError } from "./make_payload.ts";

/** What comes of checking the arguments of a command. */
export type CheckedArguments =
  | { readonly ok: true; readonly payload: Payload }
  | {
    readonly ok: false;
    readonly reason: CommandRefusal;
    readonly message: string;
    readonly argument?: string;
  };

/** Longest value of a String, UTF-16 units; a payload holds less. */
const MAX_TEXT = 1024;

/** Whether the arguments fit the definition, and the payload that they make. Pure. */
export function checkArguments(
  definition: Pick<CommandDefinition, "name" | "payload" | "arguments">,
  given: Readonly<Record<string, ArgumentValue>>,
): CheckedArguments {
  const { arguments: wanted } = definition;
  for (const name of Object.keys(given)) {
    if (wanted.some((argument) => argument.name === name)) continue;
    const names = wanted.map((argument) => argument.name).join(", ");
    const takes = names === "" ? "it takes none" : `it takes ${names}`;
    return refuse("unknown_argument", `'${definition.name}' has no argument '${name.slice(0, 32)}': ${takes}`, name);
  }
  for (const argument of wanted) {
    const { name } = argument;
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined) {
      return refuse("missing_argument", `'${definition.name}' needs the argument '${name}'`, name);
    }
    const wrong = faultOf(argument, value);
    if (wrong !== null) return refuse(wrong.reason, `'${name}' ${wrong.text}`, name);
  }
  try {
    return { ok: true, payload: makePayload(definition, given) };
  } catch (error) {
    if (error instanceof PayloadError) return refuse("out_of_range", error.message, error.argument ?? undefined);
    throw error;
  }
}

function faultOf(
  { type, min, max, values }: CommandArgument,
  value: ArgumentValue,
): { readonly reason: CommandRefusal; readonly text: string } | null {
  const typed = type === "Bool" ? "boolean" : type === "String" ? "string" : "number";
  if (typeof value !== typed || (typeof value === "number" && !Number.isFinite(value))) {
    return { reason: "wrong_type", text: `takes ${type}: current value is ${shown(value)}` };
  }
  if (typeof value === "string" && value.length > MAX_TEXT) {
    return { reason: "out_of_range", text: `takes at most ${MAX_TEXT} characters: current value has ${value.length}` };
  }
  if (type === "Int" && !Number.isSafeInteger(value)) {
    return Number.isInteger(value)
      ? { reason: "out_of_range", text: `must be within ±2^53: current value is ${value}` }
      : { reason: "wrong_type", text: `takes whole numbers: current value is ${value}` };
  }
  if (values !== null && !values.some((one) => one === value)) {
    return {
      reason: "not_in_values",
      text: `takes ${values.slice(0, 16).join(", ")}: current value is ${shown(value)}`,
    };
  }
  if (typeof value === "boolean") return null;
  const size = typeof value === "string" ? new TextEncoder().encode(value).length : value;
  const unit = typeof value === "string" ? " bytes" : "";
  if (min !== null && size < min) {
    return { reason: "out_of_range", text: `must be at least ${min}${unit}: current value is ${size}` };
  }
  if (max !== null && size > max) {
    return { reason: "out_of_range", text: `must be at most ${max}${unit}: current value is ${size}` };
  }
  return null;
}

function shown(value: ArgumentValue): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 64)) : String(value);
}

function refuse(reason: CommandRefusal, message: string, argument?: string): CheckedArguments {
  return { ok: false, reason, message, ...(argument === undefined ? {} : { argument: argument.slice(0, 64) }) };
}
