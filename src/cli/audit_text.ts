import type { AuditRecord } from "../audit/audit.ts";
import { visible } from "./visible.ts";

/** A record of the audit on one line. What the gateway does of itself has nobody behind it. */
export function recordText(record: AuditRecord): string {
  const { sequence, time, event, principal, role, address, transport, operation, target, decision, rule, outcome } =
    record;
  const named = role === null ? principal : `${principal} (${role})`;
  const who = event.startsWith("process_") ? "" : `, by ${principal === null ? "somebody unknown" : named}`;
  const what = operation === null ? "" : ` ${operation}${target === null ? "" : ` ${target}`}`;
  const how = decision === "denied" ? `denied${rule === null ? "" : ` by ${rule}`}: ${outcome}` : outcome;
  const fields = Object.entries(record.fields ?? {}).map(([key, value]) =>
    ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`
  ).join("");
  return visible(`${time} ${sequence} ${event}${what}: ${how}${who} from ${address} (${transport})${fields}`);
}
