import type { Context } from "hono";
import type { Audit, AuditValue } from "../audit/audit.ts";
import type { WebEnv } from "./api_context.ts";
import { originOf } from "./peer.ts";

/** Writes the audit record of a request that was refused before any operation saw it. Gives the record's id. */
export function auditRefusal(
  audit: Audit,
  context: Context<WebEnv>,
  event: string,
  { rule, outcome }: { readonly rule: string; readonly outcome: string },
  fields: Readonly<Record<string, AuditValue>>,
): string {
  const { peer, identity } = context.var;
  // absent where the refusal comes before anybody asked who it is
  const principal = (identity as typeof identity | undefined)?.principal ?? null;
  return audit.record({
    event,
    principal: principal?.name ?? null,
    role: principal?.role ?? null,
    credential: principal?.credential ?? null,
    ...originOf(peer),
    operation: `${context.req.method.slice(0, 16)} ${pathForRecords(context)}`,
    target: null,
    decision: "denied",
    rule,
    outcome,
    fields: { source_ip: peer.address, path: pathForRecords(context), ...fields },
  });
}

/** The request's path, without its query, short enough for a record. */
export function pathForRecords(context: Context<WebEnv>): string {
  return context.req.path.slice(0, 256);
}
