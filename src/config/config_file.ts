import { variableOf } from "./key_path.ts";
import { toml } from "./schema_problems.ts";
import { type SchemaNode, schemaTree, type ValueNode } from "./schema_tree.ts";

/** What a new configuration file says beyond the schema. */
export interface ConfigFileOptions {
  /** Comment at the top, without `#`. */
  readonly intro: readonly string[];
  /** Keys that are set, as `opcua.host_port`; all others stand there as comments with their defaults. */
  readonly set: Readonly<Record<string, unknown>>;
  /** Sections, and tables in them, that are switched off as a whole: each of their lines starts with one more `#`. */
  readonly off: readonly string[];
  /** Sections that are there; all of them unless told. */
  readonly only?: readonly string[];
}

const WIDTH = 120;

/** Tables of a device that few devices need: off, also where the device is on. */
export const rareTables: readonly string[] = ["application.device.read_metric.alarm", "application.device.command"];

/** Sections of a machine that takes part in a mesh. */
export const meshTables: readonly string[] = ["hub", "agent"];

/** How to read a file that {@link configFile} made, for its intro. */
export const howToRead: readonly string[] = [
  "A key behind a # is not set. What the line shows is its default, or an example where the comment above says what",
  "happens without it. To switch on a section whose lines all start with #, remove the first # of each of its lines.",
  "",
  "EDGEKEEP_<SECTION>__<KEY> in the environment overrules this file, for example EDGEKEEP_OPCUA__HOST_PORT=4841.",
  "Relative paths start at the folder of this file. `edgekeep validate` lists everything that is wrong, all at once.",
];

/** A complete `edgekeep.toml`: every key that the schema knows, with meaning, range and default. */
export function configFile({ intro, set, off, only }: ConfigFileOptions): string {
  const lines = intro.map((line) => line === "" ? "#" : `# ${line}`);
  for (const node of schemaTree().children.values()) {
    if (only === undefined || only.includes(node.key)) lines.push("", ...tableLines(node, [], { set, off }));
  }
  return lines.join("\n") + "\n";
}

function tableLines(
  node: SchemaNode,
  above: readonly string[],
  options: Pick<ConfigFileOptions, "set" | "off">,
): string[] {
  const { set, off } = options;
  if (node.kind === "value") return valueLines(node, above, set);
  const path = [...above, node.key];
  const lines = [...node.description === "" ? [] : comment(node.description)];
  const values = [...node.children.values()].filter((child) => child.kind === "value");
  if (values.length > 0) lines.push(node.many ? `[[${path.join(".")}]]` : `[${path.join(".")}]`);
  for (const child of values) lines.push(...valueLines(child, path, set));
  for (const child of node.children.values()) {
    if (child.kind === "table") lines.push(...lines.length > 0 ? [""] : [], ...tableLines(child, path, options));
  }
  return off.includes(path.join(".")) ? lines.map((line) => `#${line}`) : lines;
}

function valueLines(node: ValueNode, above: readonly string[], set: ConfigFileOptions["set"]): string[] {
  const path = [...above, node.key];
  const name = path.join(".");
  const chosen = set[name];
  const lines = comment([node.description, ...remarks(node, chosen !== undefined || node.secret)].join(" "));
  if (chosen !== undefined) lines.push(`${node.key} = ${toml(chosen)}`);
  else if (node.secret) lines.push(`#${node.key} = ${toml(placeholder(path))}`);
  else lines.push(`${node.required ? "" : "#"}${node.key} = ${toml(node.preset ?? node.example)}`);
  if (node.secret) {
    const file = set[`${name}_file`];
    lines.push(...comment("Better: the name of a file that holds it and that only the gateway can read."));
    lines.push(`${file === undefined ? "#" : ""}${node.key}_file = ${toml(file ?? node.example)}`);
  }
  return lines;
}

/** What a key takes, as far as its line does not show that, and what counts without it. */
function remarks(node: ValueNode, hidesDefault: boolean): string[] {
  const plain = node.type === "boolean" || node.expected === "a text that is not empty" || node.expected === "a number";
  const takes = plain ? [] : [node.expected];
  if (node.required) takes.push("required");
  else if (node.preset === undefined) takes.push(`without it: ${node.unset}`);
  else if (hidesDefault) takes.push(`default ${toml(node.preset)}`);
  const text = takes.join("; ");
  if (text === "") return [];
  // an address keeps its small letters
  return [/^\w+:/.test(text) ? `${text}.` : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`];
}

/** The value that stands for a secret until somebody sets the real one. */
export function placeholder(path: readonly string[]): string {
  return `REPLACE_ME_WITH_${variableOf(path) ?? "THE_VALUE"}`;
}

function comment(text: string): string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    // one column is left for the '#' of a section that is off
    if (line.length + 1 + word.length > WIDTH - 1) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
