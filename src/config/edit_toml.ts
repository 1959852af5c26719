import { isDeepStrictEqual } from "node:util";
import { parse } from "smol-toml";
import { formatKey, formatKeyPath, type KeyPath } from "./key_path.ts";
import { isTable } from "./origin.ts";
import { type Entry, scanToml, type TomlScan } from "./toml_scan.ts";

/** A key that cannot be changed as asked; the message says why and holds no value. */
export class TomlEditError extends Error {
  override readonly name = "TomlEditError";
}

/**
 * Sets one key of a TOML text. Every other byte stays: a value that is there is replaced where it stands, a new key goes
 * behind the comment that shows it (`#key = …`), else behind the last key of its table, else into a new table.
 *
 * @param path as `["runtime", "web", "listen"]`; a position that is one too high begins a new entry of a list of tables
 * @param value as TOML writes it: `"8080"`, `true`, `[1, 2]`
 * @throws {TomlEditError} when the value is no TOML, or the text is written in a way that the key cannot go into
 */
export function setTomlKey(text: string, path: KeyPath, value: string): string {
  const name = formatKeyPath(path);
  const written = value.trim();
  const parsed = parseValue(written, name);
  const expected = parseDocument(text);
  assign(expected, path, parsed, name);
  return checked(insert(text, path, written, name), expected, name);
}

/**
 * Removes a key, a table or an entry of a list, with everything below it. Every other byte stays; a key that is not there
 * changes nothing.
 *
 * @throws {TomlEditError} when the text is written in a way that the key cannot be taken out of
 */
export function removeTomlKey(text: string, path: KeyPath): string {
  const expected = parseDocument(text);
  if (!take(expected, path)) return text;
  return checked(cut(text, path), expected, formatKeyPath(path));
}

function parseDocument(text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch {
    throw new TomlEditError("Cannot change single keys as the file is not TOML now: correct it first");
  }
}

function parseValue(written: string, name: string): unknown {
  let parsed: Record<string, unknown> = {};
  try {
    parsed = parse(`v = ${written}\n`);
  } catch {
    // said below
  }
  if (Object.keys(parsed).length !== 1 || written.startsWith("#") || scanToml(`v = ${written}`).comments.length > 0) {
    throw new TomlEditError(`Cannot set ${name} as its new value is no TOML value: texts stand in quotes`);
  }
  return parsed["v"];
}

/** The edited text, after a look that it means what it should and nothing else. */
function checked(text: string, expected: Record<string, unknown>, name: string): string {
  let same = false;
  try {
    same = isDeepStrictEqual(pruned(parse(text)), pruned(expected));
  } catch {
    // said below
  }
  if (!same) {
    throw new TomlEditError(`Cannot change ${name} in the way that the file is written: change it in the file itself`);
  }
  return text;
}

/** Without empty tables: whether one is written out means nothing here. */
function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => pruned(item) ?? {});
  if (!isTable(value)) return value;
  const kept = Object.entries(value).map(([key, item]) => [key, pruned(item)] as const)
    .filter(([, item]) => item !== undefined && !(Array.isArray(item) && item.length === 0));
  return kept.length === 0 ? undefined : Object.fromEntries(kept.toSorted(([a], [b]) => a < b ? -1 : 1));
}

function assign(document: Record<string, unknown>, path: KeyPath, value: unknown, name: string): void {
  let at: Record<string, unknown> | unknown[] = document;
  for (const [position, segment] of path.entries()) {
    const fits = typeof segment === "number" ? Array.isArray(at) && segment <= at.length : !Array.isArray(at);
    if (!fits) {
      throw new TomlEditError(`Cannot set ${name} as there is no ${formatKeyPath(path.slice(0, position + 1))}`);
    }
    if (position === path.length - 1) {
      define(at, segment, value);
      return;
    }
    if (!Object.hasOwn(at, segment)) define(at, segment, typeof path[position + 1] === "number" ? [] : {});
    const next: unknown = Reflect.get(at, segment);
    if (!isTable(next) && !Array.isArray(next)) {
      throw new TomlEditError(`Cannot set ${name} as ${formatKeyPath(path.slice(0, position + 1))} is no table`);
    }
    at = next;
  }
}

function define(table: object, key: string | number, value: unknown): void {
  Object.defineProperty(table, key, { value, enumerable: true, writable: true, configurable: true });
}

function take(document: unknown, path: KeyPath): boolean {
  const last = path.at(-1);
  const table = path.slice(0, -1).reduce<unknown>(
    (at, key) => typeof at === "object" && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined,
    document,
  );
  if (last === undefined || typeof table !== "object" || table === null || !Object.hasOwn(table, last)) return false;
  if (Array.isArray(table)) table.splice(Number(last), 1);
  else Reflect.deleteProperty(table, last);
  return true;
}

function insert(text: string, path: KeyPath, value: string, name: string): string {
  const scan = scanToml(text);
  const there = scan.entries.find((entry) => same(entry.path, path));
  if (there !== undefined) return splice(text, there.valueStart, there.valueEnd, value);
  const key = path.at(-1);
  if (typeof key !== "string") {
    throw new TomlEditError(`Cannot set ${name} as the list has no such entry: set the whole list`);
  }
  const table = path.slice(0, -1);
  const inline = scan.entries.find((entry) => same(entry.path, table) && text[entry.valueStart] === "{");
  if (inline !== undefined) return insertInline(text, scan, inline, `${formatKey(key)} = ${value}`);
  const section = scan.sections.findIndex((candidate) => same(candidate.path, table));
  if (section >= 0) return insertLine(text, scan, section, key, value);
  const dotted = scan.entries.findLast((entry) => startsWith(entry.path, table) && entry.table.length < table.length);
  if (dotted !== undefined) {
    const keys = path.slice(dotted.table.length).filter((segment) => typeof segment === "string");
    const statement = `${keys.map(formatKey).join(".")} = ${value}`;
    return dotted.inside === null
      ? lineAfter(text, dotted.valueEnd, indentAt(text, dotted.start) + statement)
      : insertInline(text, scan, dotted.inside, statement);
  }
  return insertTable(text, scan, table, `${formatKey(key)} = ${value}`, name);
}

function insertInline(text: string, scan: TomlScan, table: Entry, statement: string): string {
  const last = scan.entries.findLast(({ inside }) => inside === table);
  return last === undefined
    ? splice(text, table.valueStart, table.valueEnd, `{ ${statement} }`)
    : splice(text, last.valueEnd, last.valueEnd, `, ${statement}`);
}

function insertLine(text: string, scan: TomlScan, index: number, key: string, value: string): string {
  const section = scan.sections[index] ?? { start: 0, end: 0, path: [] };
  const end = scan.sections[index + 1]?.start ?? text.length;
  const statement = `${formatKey(key)} = ${value}`;
  const shown = shownBy(text, scan, section.end, end, key);
  if (shown !== null) return lineAfter(text, shown, indentAt(text, shown) + statement);
  const last = scan.entries.findLast((entry) => entry.section === index && entry.inside === null);
  if (last !== undefined) return lineAfter(text, last.valueEnd, indentAt(text, last.start) + statement);
  if (index === 0) return splice(text, 0, 0, statement + newline(text));
  return lineAfter(text, section.end, indentAt(text, section.start) + statement);
}

/** Where in a section a comment shows the key with its default, as shipped files do: `#key = …`. */
function shownBy(text: string, scan: TomlScan, from: number, to: number, key: string): number | null {
  for (const { start, end } of scan.comments) {
    if (start < from || start >= to || text.slice(lineStart(text, start), start).trim() !== "") continue;
    const comment = text.slice(start, end);
    // behind it comes a table that is switched off
    if (/^#+\s*\[/.test(comment)) return null;
    const found = /^#[ \t]*([\w-]+)[ \t]*=/.exec(comment);
    if (found?.[1] === key) return start;
  }
  return null;
}

/** Adds a table with its first key: behind the list entry that it belongs to, else at the end. */
function insertTable(text: string, scan: TomlScan, table: KeyPath, statement: string, name: string): string {
  const many = typeof table.at(-1) === "number";
  const owner = ownerOf(many ? table.slice(0, -1) : table);
  if (owner.length > 0 && !scan.sections.some(({ path }) => same(path, owner))) {
    throw new TomlEditError(`Cannot set ${name} as there is no [[${header(owner)}]] for it`);
  }
  const lastSection = owner.length === 0
    ? scan.sections.length - 1
    : scan.sections.findLastIndex(({ path }) => startsWith(path, owner));
  const indent = indentAt(text, scan.sections[lastSection]?.start ?? 0);
  const line = newline(text);
  const title = many ? `[[${header(table)}]]` : `[${header(table)}]`;
  const block = `${indent}${title}${line}${indent}${statement}`;
  if (lastSection < scan.sections.length - 1) {
    const last = scan.entries.findLast((entry) => entry.section === lastSection && entry.inside === null);
    return lineAfter(text, last?.valueEnd ?? scan.sections[lastSection]?.end ?? 0, `${line}${block}`);
  }
  const separator = text === "" ? "" : text.endsWith("\n") ? line : line + line;
  return `${text}${separator}${block}${line}`;
}

/** The innermost entry of a list of tables that a table lies in; empty when there is none. */
function ownerOf(table: KeyPath): KeyPath {
  return table.slice(0, table.findLastIndex((segment) => typeof segment === "number") + 1);
}

function header(path: KeyPath): string {
  return path.filter((segment) => typeof segment === "string").map(formatKey).join(".");
}

function cut(text: string, path: KeyPath): string {
  const scan = scanToml(text);
  const spans: { start: number; end: number }[] = [];
  const sections = new Set<number>();
  for (const [index, section] of scan.sections.entries()) {
    if (index === 0 || !startsWith(section.path, path)) continue;
    sections.add(index);
    spans.push({ start: lineStart(text, section.start), end: sectionEnd(text, scan, index) });
  }
  for (const entry of scan.entries) {
    const outermost = startsWith(entry.path, path) && (entry.inside === null || !startsWith(entry.inside.path, path));
    if (outermost && !sections.has(entry.section)) spans.push(entrySpan(text, scan, entry));
  }
  return spans.toSorted((a, b) => b.start - a.start).reduce(
    (left, { start, end }) => splice(left, start, end, ""),
    text,
  );
}

/** The end of a section, without the comments right above the next header, which belong to that one. */
function sectionEnd(text: string, scan: TomlScan, index: number): number {
  const next = scan.sections[index + 1];
  if (next === undefined) return text.length;
  let end = lineStart(text, next.start);
  while (end > 0) {
    const above = lineStart(text, end - 1);
    if (!/^[ \t]*#/.test(text.slice(above, end))) break;
    end = above;
  }
  return end;
}

function entrySpan(text: string, scan: TomlScan, entry: Entry): { start: number; end: number } {
  if (entry.inside === null) return { start: lineStart(text, entry.start), end: lineEnd(text, entry.valueEnd) };
  const siblings = scan.entries.filter(({ inside }) => inside === entry.inside);
  const position = siblings.indexOf(entry);
  const next = siblings[position + 1];
  if (next !== undefined) return { start: entry.start, end: next.start };
  const before = siblings[position - 1];
  return { start: before?.valueEnd ?? entry.start, end: entry.valueEnd };
}

function same(a: KeyPath, b: KeyPath): boolean {
  return a.length === b.length && startsWith(a, b);
}

function startsWith(path: KeyPath, beginning: KeyPath): boolean {
  return beginning.every((segment, position) => path[position] === segment);
}

function splice(text: string, start: number, end: number, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** Adds a line behind the one that `at` stands in. */
function lineAfter(text: string, at: number, line: string): string {
  const end = lineEnd(text, at);
  const open = end > 0 && text[end - 1] !== "\n";
  return splice(text, end, end, open ? newline(text) + line : line + newline(text));
}

function lineStart(text: string, at: number): number {
  // a start below 0 would count as 0
  return at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
}

/** Behind the line end. */
function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

function indentAt(text: string, at: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, at), at))?.[0] ?? "";
}

function newline(text: string): string {
  return /\r\n/.test(text.slice(0, text.indexOf("\n") + 1)) ? "\r\n" : "\n";
}
