import { z } from "zod";

/** A configuration of which only the valid parts are there, each list entry still at its position. */
export type Draft<T> = T extends readonly [unknown, ...unknown[]] ? T
  : T extends readonly (infer Item)[] ? readonly Draft<Item>[]
  : T extends object ? { readonly [Key in keyof T]?: Draft<T[Key]> | undefined }
  : T;

/**
 * Parses what can be parsed: an invalid value is left out, a table or list of tables keeps its valid parts. So rules that
 * look at several keys report what they can beside the schema's own findings.
 */
export function salvage<Schema extends z.ZodType>(schema: Schema, document: unknown): Draft<z.output<Schema>> {
  return (part(schema, document) ?? {}) as Draft<z.output<Schema>>;
}

function part(schema: z.core.$ZodType, value: unknown): unknown {
  const whole = z.safeParse(schema, value);
  if (whole.success) return whole.data;
  const bare = unwrapped(schema);
  if (bare instanceof z.ZodObject && isTable(value)) {
    const table: Record<string, unknown> = {};
    for (const [key, child] of Object.entries(bare.shape)) {
      table[key] = part(child, Object.hasOwn(value, key) ? value[key] : undefined);
    }
    return table;
  }
  if (bare instanceof z.ZodArray && Array.isArray(value) && unwrapped(bare.element) instanceof z.ZodObject) {
    return value.map((item) => part(bare.element, item) ?? {});
  }
  return undefined;
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  let bare = schema;
  while (bare instanceof z.ZodDefault || bare instanceof z.ZodPrefault || bare instanceof z.ZodOptional) {
    bare = bare.unwrap();
  }
  return bare;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
