import { z } from "zod";
import { Problem } from "./problem.ts";

/** The part of a JSON schema that says what a query's text stands for. */
interface PropertySchema {
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly PropertySchema[];
  readonly enum?: readonly unknown[];
}

/** A schema as JSON schema, for descriptions and for reading queries. */
export function jsonSchemaOf(schema: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any", reused: "inline" });
  return rest;
}

/**
 * The parameters in a query as the schema wants them: numbers and booleans from their text, lists from a parameter that
 * is there several times. What does not read as the type it should be stays text, for the schema to refuse.
 */
export function readQuery(query: URLSearchParams, schema: Record<string, unknown>): Record<string, unknown> {
  const properties = (schema["properties"] ?? {}) as Record<string, PropertySchema>;
  const params: Record<string, unknown> = {};
  for (const name of new Set(query.keys())) {
    const texts = query.getAll(name);
    const types = Object.hasOwn(properties, name) ? typesOf(properties[name]) : [];
    if (types.includes("array")) params[name] = texts;
    else if (texts.length > 1) {
      throw new Problem(400, "bad_params", `The parameter '${name.slice(0, 64)}' is there ${texts.length} times`, {
        field: name.slice(0, 64),
      });
    } else params[name] = readText(texts[0] ?? "", types);
  }
  return params;
}

function typesOf(property: PropertySchema = {}): string[] {
  const own = property.type === undefined ? [] : [property.type].flat();
  return [...own, ...(property.anyOf ?? []).flatMap(typesOf)];
}

function readText(text: string, types: readonly string[]): unknown {
  if (types.includes("string")) return text;
  if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  if ((types.includes("number") || types.includes("integer")) && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (types.includes("null") && text === "null") return null;
  return text;
}
