import { createRedactor } from "../telemetry/redact.ts";
import type { AuditEntry, AuditValue } from "./audit.ts";

const LONGEST_NAME = 256;
const LONGEST_VALUE = 2048;
const MOST_FIELDS = 32;
const MOST_ITEMS = 64;

const redactor = createRedactor();

/**
 * The entry fit for the file: texts of bounded length, since callers choose many of them, and without anything that looks
 * like a secret.
 */
export function boundedEntry(entry: AuditEntry): AuditEntry {
  const { fields, principal, role, credential, operation, target, rule } = entry;
  const bounded: AuditEntry = {
    event: name(entry.event),
    principal: nameOrNull(principal),
    role: nameOrNull(role),
    credential: nameOrNull(credential),
    address: name(entry.address),
    transport: name(entry.transport),
    operation: nameOrNull(operation),
    target: nameOrNull(target),
    decision: entry.decision,
    rule: nameOrNull(rule),
    outcome: name(entry.outcome),
  };
  if (fields === undefined) return bounded;
  const kept = Object.entries(fields).slice(0, MOST_FIELDS).map(([key, item]) => [cut(key, 64), value(item)]);
  return { ...bounded, fields: Object.fromEntries(kept) };
}

function value(item: AuditValue): AuditValue {
  if (typeof item === "string") return cut(redactor.text(item), LONGEST_VALUE);
  if (typeof item === "number") return Number.isFinite(item) ? item : String(item);
  if (Array.isArray(item)) {
    return item.slice(0, MOST_ITEMS).map((one) => cut(redactor.text(String(one)), LONGEST_NAME));
  }
  return item;
}

function name(text: string): string {
  return cut(redactor.text(text), LONGEST_NAME);
}

function nameOrNull(text: string | null): string | null {
  return text === null ? null : name(text);
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
