import type { z } from "zod";
import type { Problem } from "./finding.ts";
import { formatKey, formatKeyPath, type KeyPath, variableOf } from "./key_path.ts";
import { nodeAt, type SchemaNode, type ValueNode } from "./schema_tree.ts";
import { closest } from "./suggest.ts";
import { notInThisVersion } from "./wider_product.ts";

/** Texts that people write for a value that has another name here, or that is no longer safe to offer. */
const otherValues: Readonly<Record<string, Readonly<Record<string, { readonly text: string; readonly fix: string }>>>> =
  {
    "chirpstack.mode": {
      mqtt: { text: '"mqtt" is not available in this version', fix: 'Write "stream" or "poll"' },
    },
    "opcua.security_policies": {
      Basic256: { text: "Basic256 is broken and not offered", fix: 'Write "Basic256Sha256"' },
      Basic128Rsa15: { text: "Basic128Rsa15 is broken and not offered", fix: 'Write "Basic256Sha256"' },
    },
    "logging.level": {
      warn: { text: 'the level is called "warning"', fix: 'Write "warning"' },
    },
  };

/**
 * What the schema found wrong, in words for the person who wrote the file. Values are not repeated, except numbers and
 * booleans at keys that are no secrets: a text can be a secret that was pasted into the wrong line.
 *
 * @param document what the schema was given
 */
export function schemaProblems(issues: readonly z.core.$ZodIssue[], document: unknown): Problem[] {
  return issues.flatMap((issue) => {
    const at = issue.path.filter((segment) => typeof segment !== "symbol");
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(at, key));
    return [valueProblem(issue, at, valueAt(document, at))];
  });
}

/** The finding for a key that the schema does not have, with what was probably meant. */
export function unknownKey(table: KeyPath, key: string): Problem {
  const at = [...table, key];
  const missing = notInThisVersion(at);
  if (missing !== null) {
    return { rule: "not_in_this_version", severity: "error", at, text: missing.text, fix: missing.fix };
  }
  const known = knownKeys(table);
  const meant = closest(key, known);
  const place = table.length === 0 ? "The configuration" : `[${formatKeyPath(names(table))}]`;
  return {
    rule: "unknown_key",
    severity: "error",
    at,
    text: `${place} has no key ${formatKey(key)}`,
    fix: meant === null ? `Remove it; known keys: ${known.join(", ")}` : `Did you mean ${meant}?`,
  };
}

/** What stands at a key path of a parsed document. */
export function valueAt(document: unknown, at: KeyPath): unknown {
  let current = document;
  for (const segment of at) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, segment)) return undefined;
    current = (current as Record<string | number, unknown>)[segment];
  }
  return current;
}

/** The keys that a table takes; none where there is no table. */
export function knownKeys(path: KeyPath): string[] {
  const table = nodeAt(path);
  if (table?.kind !== "table") return [];
  return [...table.children.values()].flatMap((node) =>
    node.kind === "value" && node.secret ? [node.key, `${node.key}_file`] : [node.key]
  );
}

function names(path: KeyPath): KeyPath {
  return path.filter((segment) => typeof segment === "string");
}

function valueProblem(issue: z.core.$ZodIssue, at: KeyPath, value: unknown): Problem {
  const node = nodeAt(at) ?? nodeAt(at.slice(0, -1));
  const name = formatKeyPath(at);
  if (node === null || node.kind === "table") return tableProblem(at, node);
  if (value === undefined) return missingValue(at, node);
  const entry = typeof at.at(-1) === "number" && node.type === "texts";
  if (typeof value === "string") {
    const known = otherValues[formatKeyPath(names(at))];
    const other = known !== undefined && Object.hasOwn(known, value) ? known[value] : undefined;
    if (other !== undefined) {
      return {
        rule: "not_allowed",
        severity: "error",
        at,
        text: `Cannot use this ${name}: ${other.text}`,
        fix: other.fix,
      };
    }
  }
  const expected = issue.code === "custom"
    ? issue.message
    : `must be ${entry && node.choices.length > 0 ? `one of ${node.choices.join(", ")}` : node.expected}`;
  return {
    rule: ruleOf(issue),
    severity: "error",
    at,
    text: `${name} ${expected}${found(value, node)}`,
    fix: fixOf(at, node, value),
  };
}

function tableProblem(at: KeyPath, node: SchemaNode | null): Problem {
  const name = formatKeyPath(at);
  const header = formatKeyPath(names(at));
  const many = node?.kind === "table" && node.many;
  return {
    rule: "wrong_type",
    severity: "error",
    at,
    text: `${name} must be ${many ? "a list of tables" : "a table"}`,
    fix: many ? `Write [[${header}]] and the keys below it` : `Write [${header}] and the keys below it`,
  };
}

function missingValue(at: KeyPath, node: ValueNode): Problem {
  const variable = variableOf(at);
  return {
    rule: "missing",
    severity: "error",
    at,
    text: `${formatKeyPath(at)} is missing`,
    fix: node.secret && variable !== null
      ? `Set ${variable}, or ${node.key}_file to the path of a file that holds it`
      : `Add ${node.key} = ${example(node)}: it must be ${node.expected}`,
  };
}

function ruleOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return "wrong_type";
    case "too_big":
    case "too_small":
      return "out_of_range";
    case "invalid_value":
      return "not_allowed";
    default:
      return "wrong_format";
  }
}

/** What stands there now, as far as that says more than that it does not fit. */
function found(value: unknown, node: ValueNode): string {
  if (value === "") return ": current value is empty";
  if (node.secret || (typeof value === "string" && (node.type === "text" || node.type === "texts"))) return "";
  return `: current value is ${shown(value)}`;
}

function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "string") return "a text";
  return value instanceof Date ? "a date" : "a table";
}

function fixOf(at: KeyPath, node: ValueNode, value: unknown): string {
  const unquoted = typeof value === "string" && /^(true|false|[+-]?\d+(\.\d+)?)$/.test(value.trim());
  if (unquoted && (node.type === "whole" || node.type === "number" || node.type === "boolean")) {
    return "Remove the quotes";
  }
  if (node.type === "texts" && typeof value === "string" && typeof at.at(-1) !== "number") {
    return `Write a list: ${node.key} = ["…"]`;
  }
  const meant = typeof value === "string" ? closest(value, node.choices) : null;
  if (meant !== null) return `Write "${meant}"`;
  if (node.preset !== undefined) {
    return `Write ${node.expected}, or remove the key: its default is ${toml(node.preset)}`;
  }
  return `Write ${node.expected}`;
}

function example(node: ValueNode): string {
  if (node.choices[0] !== undefined) return `"${node.choices[0]}"`;
  return node.type === "text" ? '"…"' : "…";
}

/** A default as TOML writes it. */
export function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value).map(([key, item]) => `${key} = ${toml(item)}`).join(", ")} }`;
}
