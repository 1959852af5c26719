import { parse } from "smol-toml";
import type { Finding } from "./finding.ts";
import { formatKey, formatKeyPath, variableOf } from "./key_path.ts";
import type { Layers } from "./origin.ts";
import { knownKeys } from "./schema_problems.ts";
import { nodeAt, schemaTree, type ValueNode } from "./schema_tree.ts";
import { closest } from "./suggest.ts";
import { notInThisVersion } from "./wider_product.ts";

const prefix = "EDGEKEEP_";
const shortForms: Readonly<Record<string, string>> = {
  EDGEKEEP_LOG_DIR: "EDGEKEEP_LOGGING__DIR",
  EDGEKEEP_LOG_LEVEL: "EDGEKEEP_LOGGING__LEVEL",
};

/**
 * Lays `EDGEKEEP_<SECTION>__<FIELD>` over the document; `__` goes one table deeper. Numbers, booleans and lists are read
 * as the schema's type; a text that is none stays a text, for the schema to refuse. Lists are `a,b` or a TOML list. A
 * secret's `<FIELD>_FILE` is laid over as the key that it is.
 *
 * Variables without `__` belong to other purposes and are left alone; one that spells a key with a single `_` is warned
 * about. Lists of tables (applications, devices) are set in the file only.
 */
export function overlayEnvironment(layers: Layers, env: Readonly<Record<string, string>>): Finding[] {
  const findings: Finding[] = [];
  for (const [variable, text] of Object.entries(env).sort(([a], [b]) => a < b ? -1 : 1)) {
    if (!variable.startsWith(prefix)) continue;
    const remark = overlayOne(layers, variable, text, env);
    if (remark !== null) findings.push({ ...remark, path: variable, line: null, file: null });
  }
  return findings;
}

type Remark = Pick<Finding, "rule" | "severity" | "text" | "fix">;

function overlayOne(
  layers: Layers,
  variable: string,
  text: string,
  env: Readonly<Record<string, string>>,
): Remark | null {
  const long = shortForms[variable];
  if (long !== undefined && env[long] !== undefined) {
    if (env[long] === text) return null;
    const both = `${variable} and ${long} are both set; ${long} counts`;
    return { rule: "env_twice", severity: "warning", text: both, fix: `Unset ${variable}` };
  }
  const path = (long ?? variable).slice(prefix.length).toLowerCase().split("__");
  if (path.length < 2) {
    const meant = singleUnderscore(variable);
    if (meant === null) return null;
    const fix = `Did you mean ${meant}? Two underscores follow the section`;
    return { rule: "env_unknown", severity: "warning", text: `${variable} sets nothing`, fix };
  }
  const target = targetOf(path);
  if (target === null) return misfit(variable, path);
  if (layers.set(path, parseVariable(text, target), "env")) return null;
  const blocked = `${variable} cannot be applied: the file has a value where [${
    path.slice(0, -1).join(".")
  }] should be`;
  return { rule: "env_unknown", severity: "error", text: blocked, fix: "Correct the file" };
}

/** Why a variable with a section sets nothing. */
function misfit(variable: string, path: readonly string[]): Remark {
  const refused = (text: string, fix: string): Remark => (
    { rule: "env_unknown", severity: "error", text: `${variable}: ${text}`, fix }
  );
  for (const [position, key] of path.entries()) {
    const table = path.slice(0, position);
    const node = nodeAt(table);
    if (node?.kind === "value") return refused(`${formatKeyPath(table)} is a value and no table`, `Unset ${variable}`);
    if (node?.many) return refused("lists of tables cannot be set by a variable", "Write it in the configuration file");
    if (node?.children.has(key)) continue;
    const missing = notInThisVersion(path.slice(0, position + 1));
    if (missing !== null) return { ...refused(missing.text, `Unset ${variable}`), rule: "not_in_this_version" };
    const meant = closest(key, knownKeys(table));
    const fix = meant === null
      ? `Unset ${variable}`
      : `Did you mean ${variableOf([...table, meant, ...path.slice(position + 1)])}?`;
    return refused(
      `${table.length === 0 ? "the configuration" : `[${formatKeyPath(table)}]`} has no key ${formatKey(key)}`,
      fix,
    );
  }
  return refused(`${formatKeyPath(path)} is a table and no value`, `Unset ${variable}`);
}

/** Reads a variable's text as a value of the node's type; a text that is none comes back as it is. */
export function parseVariable(text: string, node: Pick<ValueNode, "type">): unknown {
  const trimmed = text.trim();
  switch (node.type) {
    case "boolean":
      return trimmed === "true" ? true : trimmed === "false" ? false : text;
    case "whole":
      return /^[+-]?\d{1,15}$/.test(trimmed) ? Number(trimmed) : text;
    case "number":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) ? Number(trimmed) : text;
    case "numbers":
    case "texts":
      return parseList(trimmed, node.type === "numbers");
    default:
      return text;
  }
}

function parseList(text: string, numbers: boolean): unknown {
  if (text.startsWith("[")) {
    try {
      return parse(`list = ${text}`)["list"];
    } catch {
      return text;
    }
  }
  if (text === "") return [];
  const entries = text.split(",").map((entry) => entry.trim());
  return numbers ? entries.map((entry) => parseVariable(entry, { type: "number" })) : entries;
}

/** The value that a variable sets, or `null`: there is none, or it lies in a list of tables. */
function targetOf(path: readonly string[]): ValueNode | null {
  for (let length = 1; length < path.length; length++) {
    const node = nodeAt(path.slice(0, length));
    if (node?.kind !== "table" || node.many) return null;
  }
  const node = nodeAt(path);
  if (node !== null) return node.kind === "value" ? node : null;
  const key = path.at(-1) ?? "";
  if (!key.endsWith("_file")) return null;
  const secret = nodeAt([...path.slice(0, -1), key.slice(0, -"_file".length)]);
  return secret?.kind === "value" && secret.secret ? secret : null;
}

/** The variable that a name with a single underscore after its section was probably meant to be. */
function singleUnderscore(variable: string): string | null {
  const rest = variable.slice(prefix.length).toLowerCase();
  for (const section of schemaTree().children.values()) {
    if (section.kind !== "table" || section.many || !rest.startsWith(`${section.key}_`)) continue;
    const key = rest.slice(section.key.length + 1);
    if (section.children.get(key)?.kind === "value") return `${prefix}${section.key}__${key}`.toUpperCase();
  }
  return null;
}
