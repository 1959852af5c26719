import type { AuditRecord } from "../../audit/audit.ts";
import { recordText } from "../audit_text.ts";
import { visible } from "../visible.ts";

const WIDEST_CELL = 60;
/** Where there is no terminal that says how wide it is. */
const PLAIN_COLUMNS = 160;
/** Links of the audit's chain say nothing to people; `--json` has them. */
const machineColumns: readonly string[] = ["hash", "previous"];
const firstColumns: readonly string[] = ["sequence", "id", "severity", "name", "time", "event", "path", "level"];
/** What people want of a tag in a list; `--json` and a call for it alone have the rest. */
const tagColumns: readonly string[] = ["id", "value", "unit", "quality", "sourceTime"];
type Row = Readonly<Record<string, unknown>>;

/**
 * An operation's result for people: single values as `name: value`, lists of objects as tables, longer texts as they
 * are. A table that is wider than the terminal becomes a list. What has a form of its own keeps it: tags, alarms and their
 * journal, findings, records of the audit. Control characters are shown, never sent to the terminal.
 */
export function resultText(result: unknown, columns: number = PLAIN_COLUMNS): string {
  const lines = linesOf(result, "", columns);
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

function linesOf(value: unknown, indent: string, columns: number): string[] {
  if (!isRow(value)) {
    return Array.isArray(value) ? listLines(value, indent, columns) : [`${indent}${scalarText(value)}`];
  }
  const simple = Object.entries(value).filter(([, inner]) => isSimple(inner));
  const width = Math.max(0, ...simple.map(([key]) => key.length));
  const lines: string[] = [];
  for (const [key, inner] of Object.entries(value)) {
    const name = visible(key);
    if (isSimple(inner)) lines.push(...simpleLines(name, inner, width, indent));
    else if (Array.isArray(inner) && inner.length === 0) lines.push(`${indent}${name}: none`);
    else lines.push(`${indent}${name}:`, ...linesOf(inner, `${indent}  `, columns));
  }
  return lines;
}

function simpleLines(name: string, value: unknown, width: number, indent: string): string[] {
  if (typeof value === "string" && value.includes("\n")) {
    return [`${indent}${name}:`, ...value.trimEnd().split("\n").map((line) => `${indent}  ${visible(line)}`)];
  }
  return [`${indent}${`${name}:`.padEnd(width + 1)} ${scalarText(value)}`];
}

function listLines(list: readonly unknown[], indent: string, columns: number): string[] {
  if (!list.every(isRow)) return list.map((item) => `${indent}${scalarText(item)}`);
  if (list.every(isFinding)) return list.flatMap((finding) => findingLines(finding, indent));
  if (list.every(isAuditRecord)) return list.map((record) => `${indent}${recordText(record)}`);
  if (list.length > 1 && list.every(isTag)) return tableLines(list.map(briefTag), indent);
  if (list.every(isAlarm)) return tableLines(list.map(briefAlarm), indent, Infinity);
  if (list.every(isAlarmEvent)) return tableLines(list.map(briefAlarmEvent), indent, Infinity);
  const table = tableLines(list, indent);
  return Math.max(...table.map((line) => [...line].length)) <= columns ? table : recordLines(list, indent, columns);
}

function tableLines(rows: readonly Row[], indent: string, widest: number = WIDEST_CELL): string[] {
  const columns = columnsOf(rows);
  const cells = rows.map((row) => columns.map((column) => shortened(scalarText(row[column]), widest)));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((row) => [...(row[index] ?? "")].length))
  );
  const line = (row: readonly string[]) =>
    `${indent}${
      row.map((cell, index) => cell + " ".repeat((widths[index] ?? 0) - [...cell].length)).join("  ").trimEnd()
    }`;
  return [line(columns.map((column) => visible(column).toUpperCase())), ...cells.map(line)];
}

interface FindingRow extends Row {
  readonly severity: string;
  readonly text: string;
  readonly fix: string;
}

function isFinding(row: Row): row is FindingRow {
  return ["severity", "rule", "text", "fix"].every((key) => typeof row[key] === "string");
}

/** As `edgekeep validate` shows it. */
function findingLines({ severity, text, fix, file, line, path, rule }: FindingRow, indent: string): string[] {
  const place = typeof file === "string" ? `${file}${typeof line === "number" ? `:${line}` : ""}` : "";
  const head = [`${severity}:`, place, path, `[${scalarText(rule)}]`].filter((part) =>
    part !== "" && part !== undefined
  );
  return [head.map(scalarText).join("  "), `  ${visible(text)}`, `  → ${visible(fix)}`].map((each) => indent + each);
}

function isAuditRecord(row: Row): row is Row & AuditRecord {
  return ["time", "event", "transport", "decision", "outcome"].every((key) => typeof row[key] === "string") &&
    typeof row["sequence"] === "number";
}

function isTag(row: Row): boolean {
  return typeof row["id"] === "string" && isRow(row["quality"]) && "sourceTime" in row && "value" in row;
}

function briefTag(row: Row): Row {
  return Object.fromEntries(tagColumns.filter((column) => column in row).map((column) => [column, row[column]]));
}

function isAlarm(row: Row): boolean {
  return typeof row["id"] === "string" && typeof row["retain"] === "boolean" && isRow(row["shelving"]);
}

/** What people want of an alarm in a list. */
function briefAlarm(row: Row): Row {
  const { id, severity, time, message } = row;
  return { severity, id, time, state: alarmState(row), message };
}

function alarmState({ enabled, active, acknowledged, confirmed, shelving }: Row): string {
  const parts = [active === true ? "active" : "inactive"];
  if (acknowledged === false) parts.push("not acknowledged");
  else if (confirmed === false) parts.push("not confirmed");
  if (isRow(shelving) && shelving["kind"] !== "unshelved") parts.push("shelved");
  return enabled === false ? "disabled" : parts.join(", ");
}

function isAlarmEvent(row: Row): boolean {
  return typeof row["sequence"] === "number" && typeof row["cause"] === "string" && isRow(row["alarm"]) &&
    isAlarm(row["alarm"]);
}

/** An event of the journal, with what its alarm said then. */
function briefAlarmEvent({ sequence, cause, by, alarm }: Row): Row {
  const { id, time, message, comment } = isRow(alarm) ? alarm : {};
  return { sequence, time, cause, by, alarm: id, message, comment };
}

/** Each row as names and values, set off by a dash. */
function recordLines(rows: readonly Row[], indent: string, columns: number): string[] {
  return rows.flatMap((row) => {
    const kept = Object.fromEntries(columnsOf([row]).map((column) => [column, row[column]]));
    return linesOf(kept, `${indent}  `, columns).map((line, index) =>
      index === 0 ? `${indent}- ${line.slice(indent.length + 2)}` : line
    );
  });
}

/** What every row lacks is left out; what tells rows apart comes first. */
function columnsOf(rows: readonly Row[]): string[] {
  const rank = (column: string) => firstColumns.includes(column) ? firstColumns.indexOf(column) : firstColumns.length;
  return [...new Set(rows.flatMap((row) => Object.keys(row)))]
    .filter((column) => !machineColumns.includes(column) && rows.some((row) => !isEmpty(row[column])))
    .toSorted((a, b) => rank(a) - rank(b));
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
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
  if (Array.isArray(value) && value.every(isChange)) {
    return value.map(({ path, before, after }) => `${scalarText(path)} ${scalarText(before)} → ${scalarText(after)}`)
      .join(", ");
  }
  if (isRow(value) && typeof value["name"] === "string" && "severity" in value) return visible(value["name"]);
  return visible(typeof value === "object" ? JSON.stringify(value) : String(value));
}

/** Of the configuration. */
function isChange(value: unknown): value is Row {
  return isRow(value) && ["path", "before", "after"].every((key) => key in value);
}

function shortened(text: string, widest: number): string {
  const signs = [...text];
  return signs.length <= widest ? text : `${signs.slice(0, widest - 1).join("")}…`;
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
