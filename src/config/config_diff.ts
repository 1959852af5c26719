import { isDeepStrictEqual } from "node:util";
import { formatKey, formatKeyPath, type KeyPath } from "./key_path.ts";
import { isTable } from "./origin.ts";
import type { Config } from "./schema.ts";
import { toml, valueAt } from "./schema_problems.ts";
import { type SchemaNode, schemaTree, type TableNode } from "./schema_tree.ts";

/** One key, or one entry of a list of tables, that two configurations do not have in common. */
export interface KeyDifference {
  /** Where it stands in the configuration that has it; in the later one when both do. */
  readonly path: KeyPath;
  /** The path's names alone. */
  readonly keys: readonly string[];
  /** As TOML; `null`: not set. Secrets are masked. */
  readonly before: string | null;
  readonly after: string | null;
}

/** What stands in place of a secret where it is only shown. */
export const maskedValue = '"***"';

/** By what an entry of a list is known, so that one that moves is not a change of all behind it. */
const identities: Readonly<Record<string, string>> = {
  application: "application_id",
  device: "device_id",
  read_metric: "metric_name",
  command: "command_name",
};
/** Most characters of a value in a difference. */
const longest = 300;

/** Everything that differs, defaults included, in the schema's order. */
export function diffConfig(before: Config, after: Config): KeyDifference[] {
  return [...tableDifferences(schemaTree(), before, after, [], [])];
}

/** A value of a configuration as TOML, masked when it is a secret; `null` when it is not set. */
export function shownValue(value: unknown, secret: boolean): string | null {
  if (value === undefined || value === null) return null;
  if (secret) return maskedValue;
  const text = written(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** Every value of a configuration that is set, with its path, in the schema's order. */
export function* configValues(config: Config): Iterable<{ path: KeyPath; value: unknown; secret: boolean }> {
  yield* valuesBelow(schemaTree(), config, []);
}

function* valuesBelow(
  table: TableNode,
  value: unknown,
  path: KeyPath,
): Iterable<{ path: KeyPath; value: unknown; secret: boolean }> {
  for (const node of table.children.values()) {
    const at = [...path, node.key];
    const item = valueAt(value, [node.key]);
    if (item === undefined) continue;
    if (node.kind === "value") yield { path: at, value: item, secret: node.secret };
    else if (!node.many) yield* valuesBelow(node, item, at);
    else for (const [entry, each] of entriesOf(item).entries()) yield* valuesBelow(node, each, [...at, entry]);
  }
}

function* tableDifferences(
  table: TableNode,
  before: unknown,
  after: unknown,
  pathBefore: KeyPath,
  pathAfter: KeyPath,
): Iterable<KeyDifference> {
  for (const node of table.children.values()) {
    yield* nodeDifferences(
      node,
      valueAt(before, [node.key]),
      valueAt(after, [node.key]),
      [...pathBefore, node.key],
      [...pathAfter, node.key],
    );
  }
}

function* nodeDifferences(
  node: SchemaNode,
  before: unknown,
  after: unknown,
  pathBefore: KeyPath,
  pathAfter: KeyPath,
): Iterable<KeyDifference> {
  if (node.kind === "table") {
    yield* node.many
      ? listDifferences(node, entriesOf(before), entriesOf(after), pathBefore, pathAfter)
      : tableDifferences(node, before, after, pathBefore, pathAfter);
    return;
  }
  if (isDeepStrictEqual(before, after)) return;
  yield difference(
    after === undefined ? pathBefore : pathAfter,
    shownValue(before, node.secret),
    shownValue(after, node.secret),
  );
}

function* listDifferences(
  node: TableNode,
  before: readonly unknown[],
  after: readonly unknown[],
  pathBefore: KeyPath,
  pathAfter: KeyPath,
): Iterable<KeyDifference> {
  const names = (entries: readonly unknown[]) => entries.map((entry) => identityOf(node, entry));
  const [namesBefore, namesAfter] = [names(before), names(after)];
  for (const [entry, name] of namesBefore.entries()) {
    if (namesAfter.includes(name)) continue;
    yield difference([...pathBefore, entry], shownValue(before[entry], false), null);
  }
  for (const [entry, name] of namesAfter.entries()) {
    const was = namesBefore.indexOf(name);
    if (was < 0) yield difference([...pathAfter, entry], null, shownValue(after[entry], false));
    else yield* tableDifferences(node, before[was], after[entry], [...pathBefore, was], [...pathAfter, entry]);
  }
  const common = (own: readonly string[], other: readonly string[]) => own.filter((name) => other.includes(name));
  const [orderBefore, orderAfter] = [common(namesBefore, namesAfter), common(namesAfter, namesBefore)];
  if (!isDeepStrictEqual(orderBefore, orderAfter)) {
    yield difference(pathAfter, shownValue(orderBefore, false), shownValue(orderAfter, false));
  }
}

function difference(path: KeyPath, before: string | null, after: string | null): KeyDifference {
  return { path, keys: path.filter((segment) => typeof segment === "string"), before, after };
}

function identityOf(node: TableNode, entry: unknown): string {
  const key = identities[node.key];
  return key === undefined ? JSON.stringify(entry) : String(valueAt(entry, [key]));
}

function entriesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A value as TOML on one line. No list of tables holds a secret. */
function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  if (!isTable(value)) return toml(value);
  const pairs = Object.entries(value).filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${formatKey(key)} = ${written(item)}`);
  return `{ ${pairs.join(", ")} }`;
}

/** The section that a key belongs to, for counts: `opcua`, `runtime.web`, `application`. */
export function sectionOf(keys: readonly string[]): string {
  return formatKeyPath(keys[0] === "runtime" ? keys.slice(0, 2) : keys.slice(0, 1));
}
