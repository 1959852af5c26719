/** A JSON value, as codecs hand it over. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object, as codecs hand it over. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Whether a value is an object and not a list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A new object or list with every value that is neither replaced by what `change` makes of it. */
export function mapLeaves(
  value: Json,
  change: (leaf: null | boolean | number | string, key: string) => Json,
  key = "",
): Json {
  if (Array.isArray(value)) return value.map((item: Json) => mapLeaves(item, change, key));
  if (isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapLeaves(item, change, name)]));
  }
  return change(value as null | boolean | number | string, key);
}

/** Calls `visit` for every value that is neither an object nor a list, with the keys and positions that lead to it. */
export function eachLeaf(
  value: Json,
  visit: (path: readonly (string | number)[], leaf: null | boolean | number | string) => void,
  path: readonly (string | number)[] = [],
): void {
  if (Array.isArray(value)) value.forEach((item: Json, index) => eachLeaf(item, visit, [...path, index]));
  else if (isJsonObject(value)) {
    for (const [name, item] of Object.entries(value)) eachLeaf(item, visit, [...path, name]);
  } else visit(path, value as null | boolean | number | string);
}
