import type { DataTypeName, TagDefinition, TagId, Value } from "./tag.ts";

/** A value that somebody serves in place of the field's. */
export interface ForcedTag {
  readonly id: TagId;
  readonly value: Exclude<Value, null>;
  /** Who forced it. */
  readonly by: string;
  readonly sinceUs: number;
}

const ranges: Partial<Record<DataTypeName, readonly [low: number, high: number]>> = {
  Int16: [-32_768, 32_767],
  UInt16: [0, 65_535],
  Int32: [-2_147_483_648, 2_147_483_647],
  UInt32: [0, 4_294_967_295],
  Int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  Float: [-(2 - 2 ** -23) * 2 ** 127, (2 - 2 ** -23) * 2 ** 127],
};

/**
 * Why a value cannot be forced on a tag, or `null` when it can: it must be of the tag's type, and what the tag's OPC UA
 * data type can hold. The engineering range does not bind: forcing is for trying what lies outside too.
 */
export function forceProblem({ id, type, dataType, enabled }: TagDefinition, value: unknown): string | null {
  if (!enabled) return `Cannot force '${id}' as the tag is switched off in the configuration`;
  const wanted = type === "Bool" ? "boolean" : type === "String" ? "string" : "number";
  const shown = typeof value === "string" ? `'${value.slice(0, 64)}'` : String(value);
  const kind: string = typeof value;
  if (kind !== wanted) return `Cannot force '${id}' as its type is ${type}: current value is ${shown}`;
  if (typeof value !== "number") return null;
  if (!Number.isFinite(value)) return `Cannot force '${id}' as the value must be finite: current value is ${shown}`;
  if (type === "Int" && !Number.isSafeInteger(value)) {
    return `Cannot force '${id}' as the value must be a whole number: current value is ${shown}`;
  }
  const [low, high] = ranges[dataType] ?? [-Infinity, Infinity];
  if (value >= low && value <= high) return null;
  return `Cannot force '${id}' as ${dataType} holds ${low} to ${high}: current value is ${shown}`;
}
