import { z } from "zod";
import { configSchema } from "./schema.ts";
import type { KeyPath } from "./key_path.ts";

/** A single value of the configuration. */
export interface ValueNode {
  readonly kind: "value";
  readonly key: string;
  readonly type: "text" | "number" | "whole" | "boolean" | "texts" | "numbers";
  readonly description: string;
  /** What it takes, in words that follow "must be". */
  readonly expected: string;
  /** The only texts it takes, itself or in its list. */
  readonly choices: readonly string[];
  /** `undefined` when there is none. */
  readonly preset: unknown;
  /** What happens without a value, where there is no default. */
  readonly unset: string;
  /** What files show where there is no default; of a secret, the name of the file that holds it. */
  readonly example: unknown;
  readonly required: boolean;
  /** Never shown; can also come from `<key>_file` and from a credential. */
  readonly secret: boolean;
}

/** A table, or with `many` a list of tables. */
export interface TableNode {
  readonly kind: "table";
  readonly key: string;
  readonly many: boolean;
  readonly description: string;
  readonly required: boolean;
  readonly children: ReadonlyMap<string, SchemaNode>;
}

export type SchemaNode = ValueNode | TableNode;

/** What the JSON Schema of the configuration holds for one key (draft 2020-12, plus the metadata of schema.ts). */
interface JsonNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonNode>>;
  readonly required?: readonly string[];
  readonly items?: JsonNode | false;
  readonly prefixItems?: readonly JsonNode[];
  readonly enum?: readonly string[];
  readonly anyOf?: readonly JsonNode[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly default?: unknown;
  readonly description?: string;
  readonly expected?: string;
  readonly unset?: string;
  readonly example?: unknown;
  readonly secret?: boolean;
}

let root: TableNode | undefined;

/** The whole schema as a tree, made once. */
export function schemaTree(): TableNode {
  root ??= tableNode("", z.toJSONSchema(configSchema, { io: "input" }) as JsonNode, false, true);
  return root;
}

/** The node that a key path leads to, or `null` where the schema has nothing. A position needs a list of tables. */
export function nodeAt(path: KeyPath): SchemaNode | null {
  let node: SchemaNode = schemaTree();
  for (const segment of path) {
    if (node.kind !== "table") return null;
    if (typeof segment === "number") {
      if (!node.many) return null;
      continue;
    }
    const child = node.children.get(segment);
    if (child === undefined) return null;
    node = child;
  }
  return node;
}

/** A value of the schema with the keys that lead to it; lists of tables count as one step. */
export interface PlacedValue {
  readonly path: readonly string[];
  readonly node: ValueNode;
  /** Whether a list of tables lies on the way. */
  readonly repeated: boolean;
}

/** Every value that the schema knows, in its order. */
export function allValues(): PlacedValue[] {
  const found: PlacedValue[] = [];
  const walk = (table: TableNode, path: readonly string[], repeated: boolean) => {
    for (const node of table.children.values()) {
      const at = [...path, node.key];
      if (node.kind === "value") found.push({ path: at, node, repeated });
      else walk(node, at, repeated || node.many);
    }
  };
  walk(schemaTree(), [], false);
  return found;
}

function tableNode(key: string, json: JsonNode, many: boolean, required: boolean): TableNode {
  const children = new Map<string, SchemaNode>();
  for (const [childKey, child] of Object.entries(json.properties ?? {})) {
    children.set(childKey, schemaNode(childKey, child, json.required?.includes(childKey) ?? false));
  }
  return { kind: "table", key, many, description: json.description ?? "", required, children };
}

function schemaNode(key: string, json: JsonNode, required: boolean): SchemaNode {
  if (json.properties !== undefined) return tableNode(key, json, false, required);
  const items = json.items === false ? undefined : json.items;
  if (items?.properties !== undefined) {
    return { ...tableNode(key, items, true, required), description: json.description ?? "" };
  }
  return {
    kind: "value",
    key,
    type: typeOf(json),
    description: json.description ?? "",
    expected: expectedOf(json),
    choices: json.enum ?? items?.enum ?? [],
    preset: json.default,
    unset: json.unset ?? "",
    example: json.example,
    required,
    secret: json.secret ?? false,
  };
}

function typeOf(json: JsonNode): ValueNode["type"] {
  switch (json.type ?? json.anyOf?.[0]?.type) {
    case "boolean":
      return "boolean";
    case "integer":
      return "whole";
    case "number":
      return "number";
    case "array":
      return json.prefixItems === undefined ? "texts" : "numbers";
    default:
      return "text";
  }
}

function expectedOf(json: JsonNode): string {
  if (json.expected !== undefined) return json.expected;
  if (json.enum !== undefined) return choiceOf(json.enum);
  switch (json.type) {
    case "boolean":
      return "true or false";
    case "integer":
      return `a whole number${rangeOf(json)}`;
    case "number":
      return `a number${rangeOf(json)}`;
    case "array":
      if (json.prefixItems !== undefined) return "[low, high], two numbers with low < high";
      return `a list${json.minItems === 1 ? " of at least one entry" : ""}, each ${expectedOf(json.items || {})}`;
    default:
      return textOf(json);
  }
}

function choiceOf(choices: readonly string[]): string {
  const quoted = choices.map((choice) => `"${choice}"`);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
}

function rangeOf({ minimum, maximum }: JsonNode): string {
  // z.int() bounds itself by ±(2^53 − 1), which says nothing to a reader
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  return minimum === undefined ? "" : ` of at least ${minimum}`;
}

function textOf({ minLength = 0, maxLength }: JsonNode): string {
  if (maxLength === undefined) return minLength > 0 ? "a text that is not empty" : "a text";
  return minLength > 0
    ? `a text of ${minLength} to ${maxLength} characters`
    : `a text of at most ${maxLength} characters`;
}
