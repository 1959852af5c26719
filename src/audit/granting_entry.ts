import type { AuditEntry } from "./audit.ts";

const grantingOperations: ReadonlySet<string> = new Set([
  "users.add",
  "users.set",
  "tokens.create",
  "tokens.renew",
  "pair.start",
  "pair.claim",
  "setup.claim",
  "pki.trust",
  "pki.add",
  "debug.unlock",
]);

/** Whether the entry tells that somebody was given something: such a record is on disk before the answer goes out. */
export function isGranting({ event, decision, operation }: AuditEntry): boolean {
  return decision === "allowed" && (event === "login" || (operation !== null && grantingOperations.has(operation)));
}
