import { parse } from "smol-toml";
import type { Finding } from "./finding.ts";
import { formatKeyPath } from "./key_path.ts";
import type { Layers } from "./origin.ts";
import { unknownKey } from "./schema_problems.ts";
import { nodeAt, schemaTree, type ValueNode } from "./schema_tree.ts";

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
  const report = (name: string, rule: string, severity: Finding["severity"], text: string, fix: string) => {
    findings.push({ rule, severity, path: name, line: null, file: null, text, fix });
  };
  for (const [variable, text] of Object.entries(env).sort(([a], [b]) => a < b ? -1 : 1)) {
    if (!variable.startsWith(prefix)) continue;
    const long = shortForms[variable];
    if (long !== undefined && env[long] !== undefined) {
      if (env[long] !== text) {
        report(
          variable,
          "env_twice",
          "warning",
          `${variable} and ${long} are both set; ${long} counts`,
          `Unset ${variable}`,
        );
      }
      continue;
    }
    const name = long ?? variable;
    const path = name.slice(prefix.length).toLowerCase().split("__");
    if (path.length < 2) {
      const meant = singleUnderscore(variable);
      if (meant !== null) {
        report(
          variable,
          "env_unknown",
          "warning",
          `${variable} sets nothing`,
          `Did you mean ${meant}? Two underscores follow the section`,
        );
      }
      continue;
    }
    const target = targetOf(path);
    if (target === "table_list") {
      const fix = "Write it in the configuration file";
      report(variable, "env_unknown", "error", `${variable}: lists of tables cannot be set by a variable`, fix);
    } else if (target === null) {
      const depth = path.findIndex((_, position) => nodeAt(path.slice(0, position + 1)) === null);
      const table = depth < 0 ? path : path.slice(0, depth);
      const known = nodeAt(table);
      if (depth < 0 || known?.kind === "value") {
        const what = known?.kind === "value" ? "a value and no table" : "a table and no value";
        report(
          variable,
          "env_unknown",
          "error",
          `${variable}: ${formatKeyPath(table)} is ${what}`,
          `Unset ${variable}`,
        );
      } else {
        const problem = unknownKey(table, path[depth] ?? "");
        report(
          variable,
          problem.rule === "unknown_key" ? "env_unknown" : problem.rule,
          "error",
          `${variable}: ${problem.text}`,
          problem.rule === "unknown_key" ? problem.fix : `Unset ${variable}`,
        );
      }
    } else if (!layers.set(path, parseVariable(text, target), "env")) {
      report(
        variable,
        "env_unknown",
        "error",
        `${variable} cannot be applied: the file has a value where the section should be`,
        "Correct the file",
      );
    }
  }
  return findings;
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

function targetOf(path: readonly string[]): ValueNode | "table_list" | null {
  for (let length = 1; length <= path.length; length++) {
    const node = nodeAt(path.slice(0, length));
    if (node?.kind === "table" && node.many) return "table_list";
  }
  const node = nodeAt(path);
  if (node !== null) return node.kind === "value" ? node : null;
  const key = path.at(-1) ?? "";
  if (!key.endsWith("_file")) return null;
  const secret = nodeAt([...path.slice(0, -1), key.slice(0, -"_file".length)]);
  return secret?.kind === "value" && secret.secret ? { ...secret, secret: false } : null;
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
