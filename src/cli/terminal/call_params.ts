import { parse as parseToml } from "smol-toml";
import { z } from "zod";
import { operationSchemas } from "../../operations/schemas/operation_schemas.ts";
import { isOperation } from "../../policy/operations.ts";
import { closest } from "../../config/suggest.ts";

/** A parameter of an operation, for help and for reading words. */
export interface Parameter {
  readonly name: string;
  /** As `text`, `number`, `true|false`, `viewer|operator`, `a,b,…`, `JSON`. */
  readonly form: string;
  readonly required: boolean;
  /** Nobody may see it: asked for without echo when it is missing. */
  readonly secret: boolean;
  readonly description: string;
}

/** The words of a command line do not make parameters. The message says which and why. */
export class ParameterError extends Error {
  override readonly name = "ParameterError";
}

/** Reads a file that a word names with `@`; `-` is standard input. */
export type ReadText = (path: string) => Promise<string>;

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly format?: string;
  readonly default?: unknown;
}

/** The parameters of an operation, in the order of its schema; `null` when this program does not know the operation. */
export function parametersOf(operation: string): readonly Parameter[] | null {
  const schema = schemaOf(operation);
  if (schema === null) return null;
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    form: formOf(property),
    required: schema.required?.includes(name) === true && property.default === undefined,
    secret: property.format === "password",
    description: property.description ?? "",
  }));
}

/**
 * Parameters out of words: `key=value` by the type that the operation's schema names, `key:=JSON` for anything,
 * `key=@file` for a file's content (`@-` standard input, `@@` for a text that starts with @). For `config.set` and
 * `config.diff` a key that is no parameter is a configuration key: `runtime.web.listen=127.0.0.1:9000`, `key:=null` to
 * remove it. Throws {@link ParameterError}.
 */
export async function readParameters(
  operation: string,
  words: readonly string[],
  readText: ReadText,
): Promise<Record<string, unknown>> {
  const schema = schemaOf(operation);
  const params: Record<string, unknown> = {};
  const set: Record<string, string | null> = {};
  for (const word of words) {
    const match = /^([^=:]+)(:?=)([\s\S]*)$/.exec(word);
    if (match === null) throw new ParameterError(`'${word}' is no parameter: write key=value, or key:=JSON`);
    const [, key = "", sign, given = ""] = match;
    const property = schema?.properties === undefined || !Object.hasOwn(schema.properties, key)
      ? undefined
      : schema.properties[key];
    const value = sign === ":=" ? jsonOf(key, given) : await textOf(given, readText);
    if (Object.hasOwn(params, key) || Object.hasOwn(set, key)) throw new ParameterError(`'${key}' is given twice`);
    if (property === undefined && schema?.properties?.["set"] !== undefined) set[key] = tomlOf(key, value);
    else if (property === undefined && schema !== null) throw unknownParameter(operation, key, schema);
    else define(params, key, sign === "=" && property !== undefined ? typed(key, value as string, property) : value);
  }
  if (Object.keys(set).length > 0) define(params, "set", { ...(params["set"] as object | undefined), ...set });
  return params;
}

/** A key such as `__proto__` is a key like any other. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function schemaOf(operation: string): JsonSchema | null {
  if (!isOperation(operation)) return null;
  return z.toJSONSchema(operationSchemas[operation].params, { io: "input", unrepresentable: "any" }) as JsonSchema;
}

function formsOf(schema: JsonSchema): readonly string[] {
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap(formsOf);
  if (schema.enum !== undefined) return schema.enum.map(String);
  switch (schema.type) {
    case "integer":
    case "number":
      return ["number"];
    case "boolean":
      return ["true", "false"];
    case "null":
      return ["null"];
    case "array":
      return ["a,b,…"];
    case "string":
      return ["text"];
    default:
      return ["JSON"];
  }
}

function formOf(schema: JsonSchema): string {
  return [...new Set(formsOf(schema))].join("|");
}

/** The text as the most particular type that the schema allows and that it can be. */
function typed(key: string, text: string, schema: JsonSchema): unknown {
  const forms = formsOf(schema);
  if (forms.includes("null") && text === "null") return null;
  if (forms.includes("true") && (text === "true" || text === "false")) return text === "true";
  if (forms.includes("number") && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  if (forms.includes("a,b,…")) return text === "" ? [] : text.split(",");
  if (forms.includes("JSON")) return jsonOf(key, text);
  // what fits nothing goes as it is: the gateway's refusal names what it expects
  return text;
}

function jsonOf(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ParameterError(`'${key}' is not JSON: ${text}`);
  }
}

async function textOf(text: string, readText: ReadText): Promise<string> {
  if (text.startsWith("@@")) return text.slice(1);
  if (!text.startsWith("@")) return text;
  const path = text.slice(1);
  try {
    return await readText(path);
  } catch (error) {
    throw new ParameterError(`Cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

/** A value of the configuration as TOML: what is TOML already stays, any other text is quoted. */
function tomlOf(key: string, value: unknown): string | null {
  if (value === null) return null;
  if (typeof value !== "string") {
    if (typeof value === "object") throw new ParameterError(`'${key}' must be TOML, as ${key}='["a", "b"]'`);
    return String(value);
  }
  try {
    parseToml(`value = ${value}`);
    return value;
  } catch {
    return JSON.stringify(value);
  }
}

function unknownParameter(operation: string, key: string, schema: JsonSchema): ParameterError {
  const names = Object.keys(schema.properties ?? {});
  if (names.length === 0) return new ParameterError(`${operation} takes no parameters: '${key}'`);
  const meant = closest(key, names);
  const hint = meant === null ? `it takes ${names.join(", ")}` : `did you mean ${meant}?`;
  return new ParameterError(`${operation} has no parameter '${key}': ${hint}`);
}
