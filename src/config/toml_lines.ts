import { formatKeyPath, type KeyPath } from "./key_path.ts";
import { scanToml } from "./toml_scan.ts";

/** Where each key and list entry of a TOML text stands: key path as text → line, from 1. */
export type LineIndex = ReadonlyMap<string, number>;

/**
 * Finds the line of every key, table and list entry of a TOML text; a table or list is where it first appears.
 *
 * Expects a text that a parser has accepted; of any other text it indexes what it can. Never throws.
 */
export function indexTomlLines(text: string): LineIndex {
  const lines = new Map<string, number>();
  let line = 1;
  let counted = 0;
  for (const { path, at } of scanToml(text).notes) {
    for (; counted < at; counted++) if (text[counted] === "\n") line++;
    const key = formatKeyPath(path);
    if (!lines.has(key)) lines.set(key, line);
  }
  return lines;
}

/** The line of a key path, or of the closest table around it; `null` when none of its keys stands in the text. */
export function lineOf(index: LineIndex, path: KeyPath): number | null {
  for (let length = path.length; length > 0; length--) {
    const line = index.get(formatKeyPath(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return null;
}
