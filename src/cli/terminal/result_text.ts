import { visible } from "../visible.ts";

const WIDEST_CELL = 60;
type Row = Readonly<Record<string, unknown>>;

/**
 * An operation's result for people: single values as `name: value`, lists of objects as tables, longer texts as they
 * are. Control characters are shown, never sent to the terminal.
 */
export function resultText(result: unknown): string {
  const lines = linesOf(result, "");
  return lines.length === 0 ? "done\n" : `${lines.join("\n")}\n`;
}

/** One item of a stream, on one line. */
export function itemText(item: unknown): string {
  if (!isRow(item)) return `${scalarText(item)}\n`;
  if (typeof item["event"] === "string" && typeof item["text"] === "string") {
    const { time, level, subject, text } = item;
    return `${[time, String(level).padEnd(7), subject, text].map(scalarText).join("  ")}\n`;
  }
  if (typeof item["message"] === "string") {
    const { time, level, category, message } = item;
    return `${[time, String(level).padEnd(7), category, message].map(scalarText).join("  ")}\n`;
  }
  if (Array.isArray(item["changes"])) {
    const changes = item["changes"].filter(isRow).map(({ id, value, quality, sourceTime }) =>
      [sourceTime, id, value, isRow(quality) ? quality["name"] : quality].map(scalarText).join("  ")
    );
    const removed = Array.isArray(item["removed"]) ? item["removed"].map((id) => `removed  ${scalarText(id)}`) : [];
    return [...changes, ...removed].map((line) => `${line}\n`).join("");
  }
  return `${Object.entries(item).map(([key, value]) => `${visible(key)}=${scalarText(value)}`).join(" ")}\n`;
}

function linesOf(value: unknown, indent: string): string[] {
  if (!isRow(value)) return Array.isArray(value) ? listLines(value, indent) : [`${indent}${scalarText(value)}`];
  const simple = Object.entries(value).filter(([, inner]) => isSimple(inner));
  const width = Math.max(0, ...simple.map(([key]) => key.length));
  const lines: string[] = [];
  for (const [key, inner] of Object.entries(value)) {
    const name = visible(key);
    if (isSimple(inner)) lines.push(...simpleLines(name, inner, width, indent));
    else if (Array.isArray(inner) && inner.length === 0) lines.push(`${indent}${name}: none`);
    else lines.push(`${indent}${name}:`, ...linesOf(inner, `${indent}  `));
  }
  return lines;
}

function simpleLines(name: string, value: unknown, width: number, indent: string): string[] {
  if (typeof value === "string" && value.includes("\n")) {
    return [`${indent}${name}:`, ...value.trimEnd().split("\n").map((line) => `${indent}  ${visible(line)}`)];
  }
  return [`${indent}${`${name}:`.padEnd(width + 1)} ${scalarText(value)}`];
}

function listLines(list: readonly unknown[], indent: string): string[] {
  return list.every(isRow) ? tableLines(list, indent) : list.map((item) => `${indent}${scalarText(item)}`);
}

function tableLines(rows: readonly Row[], indent: string): string[] {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => columns.map((column) => shortened(scalarText(row[column]))));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((row) => [...(row[index] ?? "")].length))
  );
  const line = (row: readonly string[]) =>
    `${indent}${
      row.map((cell, index) => cell + " ".repeat((widths[index] ?? 0) - [...cell].length)).join("  ").trimEnd()
    }`;
  return [line(columns.map((column) => visible(column).toUpperCase())), ...cells.map(line)];
}

function isSimple(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every((item) => !isRow(item) && !Array.isArray(item));
  return !isRow(value);
}

function scalarText(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (Array.isArray(value) && value.every((item) => !isRow(item))) {
    return value.length === 0 ? "-" : value.map(scalarText).join(", ");
  }
  if (isRow(value) && typeof value["name"] === "string" && "severity" in value) return visible(value["name"]);
  return visible(typeof value === "object" ? JSON.stringify(value) : String(value));
}

function shortened(text: string): string {
  const signs = [...text];
  return signs.length <= WIDEST_CELL ? text : `${signs.slice(0, WIDEST_CELL - 1).join("")}…`;
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
