import { z } from "zod";
import { type OperationName, type OperationRule, operations } from "../policy/operations.ts";
import { operationErrorCodes } from "./operation.ts";
import { operationSchemas } from "./schemas/operation_schemas.ts";

const intro = `# Operations

Everything that can be done with a running gateway or hub, made from the registry by
\`deno run -A src/operations/write_operations_page.ts\`. The control endpoint (\`edgekeep ctl NAME key=value\`) offers all
of them, the web API those with an address.

Roles include those before them: viewer, operator, engineer, admin. _Anybody_ needs no credential. _Debug_ operations
are closed in \`mode = "production"\` until an admin calls \`debug.unlock\`. What changes something and what is denied is in
the audit. Parameters that are not listed are refused. Times are ISO 8601 in UTC with six fraction digits, or \`null\`.

A stream answers with items until it is cancelled; the control endpoint alone serves it.

`;

/** `docs/operations.md`: a table of all operations, and for each its parameters and its answer. */
export function operationsPage(): string {
  const names = Object.keys(operations) as OperationName[];
  const overview = names.map((name) => {
    const { role, debug, stream, writes, http, summary } = operations[name];
    const kind = [writes ? "changes" : "reads", ...(debug ? ["debug"] : []), ...(stream ? ["stream"] : [])].join(", ");
    return [`[\`${name}\`](#${anchor(name)})`, role ?? "anybody", kind, http === null ? "" : address(http), summary];
  });
  return [
    intro,
    pipeTable(["Operation", "Role", "Kind", "Web API", "What it does"], overview),
    "\n\nRefusals carry one of these codes: ",
    operationErrorCodes.map((code) => `\`${code}\``).join(", "),
    ".\n\n",
    names.map((name) => section(name, operations[name])).join("\n"),
  ].join("").replaceAll(/(Refusals carry[^\n]*)/g, (line) => wrap(line));
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly description?: string;
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

function section(name: OperationName, { role, debug, stream, only, http, summary }: OperationRule): string {
  const params = z.toJSONSchema(operationSchemas[name].params, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const result = z.toJSONSchema(operationSchemas[name].result, { io: "output", unrepresentable: "any" }) as JsonSchema;
  const rows = Object.entries(params.properties ?? {}).map(([key, schema]) => [
    `\`${key}\``,
    typeText(schema),
    schema.default !== undefined
      ? `\`${JSON.stringify(schema.default)}\``
      : params.required?.includes(key)
      ? "required"
      : "optional",
    schema.description ?? "",
  ]);
  const who = role === null ? "Anybody may call it" : `Needs the role ${role}`;
  return [
    `## \`${name}\`\n`,
    `${summary}. ${who}${debug ? ", and debug operations open" : ""}.${
      only === null ? "" : `\n\nOnly a ${only} has it.`
    }\n`,
    ...(http === null ? [] : [`Web API: ${address(http)}\n`]),
    rows.length === 0 ? "No parameters.\n" : `${pipeTable(["Parameter", "Takes", "Default", "Meaning"], rows)}\n`,
    `${stream ? "Each item" : "Answer"}:\n\n\`\`\`text\n${shapeText(result, "")}\n\`\`\`\n`,
  ].join("\n");
}

/** What a parameter takes, in words short enough for a table. */
function typeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(" or ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeText({ ...schema, type })).join(" or ");
  switch (schema.type) {
    case "null":
      return "null";
    case "string":
      return `text${schema.maxLength === undefined ? "" : ` of at most ${schema.maxLength} characters`}`;
    case "integer":
    case "number":
      return `${schema.type === "integer" ? "whole number" : "number"}${rangeText(schema)}`;
    case "boolean":
      return "true or false";
    case "array":
      return `list of ${typeText(schema.items ?? {})}${
        schema.maxItems === undefined ? "" : `, at most ${schema.maxItems}`
      }`;
    case "object":
      return "object";
    default:
      return "anything";
  }
}

function rangeText({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const low = exclusiveMinimum !== undefined
    ? `above ${exclusiveMinimum}`
    : minimum !== undefined
    ? `${minimum}`
    : null;
  const high = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? null : `${maximum}`;
  if (low !== null && high !== null) {
    return exclusiveMinimum === undefined ? ` ${low} to ${high}` : ` ${low}, to ${high}`;
  }
  return low === null ? "" : exclusiveMinimum === undefined ? ` from ${low}` : ` ${low}`;
}

/** The shape of an answer, as a literal of TypeScript types. */
function shapeText(schema: JsonSchema, indent: string): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf !== undefined) {
    return schema.anyOf.map((one) => shapeText(one, indent)).join(" | ");
  }
  if (Array.isArray(schema.type)) return schema.type.map((type) => shapeText({ ...schema, type }, indent)).join(" | ");
  switch (schema.type) {
    case "object": {
      const entries = Object.entries(schema.properties ?? {});
      if (entries.length === 0) {
        return typeof schema.additionalProperties === "object"
          ? `{ [key]: ${shapeText(schema.additionalProperties, indent)} }`
          : "{}";
      }
      const inside = `${indent}  `;
      const lines = entries.map(([key, value]) => {
        const optional = schema.required?.includes(key) ? "" : "?";
        return `${inside}${key}${optional}: ${shapeText(value, inside)}`;
      });
      return `{\n${lines.join("\n")}\n${indent}}`;
    }
    case "array": {
      const item = shapeText(schema.items ?? {}, indent);
      return item.includes(" | ") && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
    }
    case "string":
      return schema.format === "date-time" ? "time" : "text";
    case "integer":
      return "integer";
    default:
      return typeof schema.type === "string" ? schema.type : "anything";
  }
}

function address({ method, path }: NonNullable<OperationRule["http"]>): string {
  return `\`${method.toUpperCase()} ${path}\``;
}

/** As forges make anchors of headings: what is no letter, digit, space, _ or - falls away. */
function anchor(name: string): string {
  return name.replaceAll(".", "");
}

function pipeTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "\\<")))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...all.slice(1).map(line)].join("\n");
}

function wrap(text: string): string {
  return text.replaceAll(/(.{1,120})(?: |$)/g, "$1\n").trimEnd();
}
