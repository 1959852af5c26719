import { getLogger } from "@logtape/logtape";
import type { Audit, AuditEntry, AuditValue } from "../audit/audit.ts";
import type { Caller } from "../access/principal.ts";

const log = getLogger(["edgekeep", "operations"]);

/** What the audit is told of a call. */
export interface CallRecord {
  readonly operation: string;
  readonly caller: Caller;
  readonly target: string | null;
  readonly decision: AuditEntry["decision"];
  readonly rule: string | null;
  /** `ok` or the code of the refusal. */
  readonly outcome: string;
  readonly fields?: Readonly<Record<string, AuditValue>>;
}

/** Writes the record of a call. Gives its id, or nothing when it was only counted. */
export function recordCall(audit: Audit, record: CallRecord): { readonly auditId?: string } {
  const { operation, caller, target, decision, rule, outcome } = record;
  const { principal, address, transport, requestId } = caller;
  const fields = { ...record.fields, ...(requestId === undefined ? {} : { request_id: requestId }) };
  const claim = operation === "pair.claim" && decision === "denied";
  const event = claim ? "pair_claim_failed" : "operation";
  if (claim) {
    log.warning("A pairing code from {address} was refused: {outcome}", { event, address, transport, outcome });
  }
  const id = audit.record({
    event,
    principal: principal?.name ?? null,
    role: principal?.role ?? null,
    credential: principal?.credential ?? null,
    address,
    transport,
    operation,
    target,
    decision,
    rule,
    outcome,
    ...(Object.keys(fields).length === 0 ? {} : { fields }),
  });
  return /^\d+$/.test(id) ? { auditId: id } : {};
}
