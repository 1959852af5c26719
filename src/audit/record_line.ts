import { createHash } from "node:crypto";
import { formatTime } from "../telemetry/time_text.ts";
import type { AuditEntry, AuditRecord, AuditValue } from "./audit.ts";

/** `previous` of the first record of a chain. */
export const NO_HASH = "0".repeat(64);

/** A record and the line, without its end, that stands for it in the file. */
export interface RecordLine {
  readonly record: AuditRecord;
  readonly line: string;
}

/** Where a record comes in the chain. */
export interface ChainPlace {
  readonly sequence: number;
  readonly timeUs: number;
  /** Hash of the record before. */
  readonly previous: string;
}

/**
 * Makes the record of an entry.
 *
 * The canonical form is JSON without white space, keys in the order of their UTF-16 code units at every level, text
 * escaped as `JSON.stringify` does. The hash is SHA-256 over the canonical form without `hash`; the line is that form
 * with `hash` as its last key.
 */
export function recordLine(entry: AuditEntry, { sequence, timeUs, previous }: ChainPlace): RecordLine {
  const body = canonical({ ...plainEntry(entry), sequence, time: formatTime(timeUs), previous });
  const line = lineOf(body, hashOf(body));
  return { line, record: JSON.parse(line) as AuditRecord };
}

/** The record that a line stands for, or why it stands for none. Any other text for the same record is refused. */
export function readRecordLine(line: string): AuditRecord | { readonly problem: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return { problem: "The line is not JSON" };
  }
  if (!isRecord(parsed)) return { problem: "The line is not an audit record" };
  const { hash, ...rest } = parsed;
  const body = canonical(rest);
  const wanted = hashOf(body);
  if (wanted !== hash) return { problem: "The hash does not fit the record: it was changed" };
  if (lineOf(body, wanted) !== line) {
    return { problem: "The line is not the canonical form of its record: it was changed" };
  }
  return parsed;
}

function plainEntry({ fields, ...entry }: AuditEntry): Record<string, AuditValue | Record<string, AuditValue>> {
  const more: Record<string, AuditValue> = {};
  for (const [key, value] of Object.entries(fields ?? {})) if (value !== undefined) more[key] = value;
  return Object.keys(more).length === 0 ? { ...entry } : { ...entry, fields: more };
}

function lineOf(body: string, hash: string): string {
  return `${body.slice(0, -1)},"hash":"${hash}"}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const parts = Object.entries(value).filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`);
  return `{${parts.join(",")}}`;
}

function isRecord(value: unknown): value is AuditRecord {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { sequence, previous, hash, event, time } = value as Record<string, unknown>;
  return Number.isSafeInteger(sequence) && typeof previous === "string" && typeof hash === "string" &&
    typeof event === "string" && typeof time === "string";
}
