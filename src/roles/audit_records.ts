import type { AuditEntry, AuditValue } from "../audit/audit.ts";
import type { Principal } from "../access/principal.ts";
import type { LoginRefusal, SessionNews } from "../opcua/sessions/session_watch.ts";

/** A record of the gateway's own life: nobody asked for it. */
export function lifeRecord(event: string, fields: Readonly<Record<string, AuditValue>> = {}): AuditEntry {
  return {
    event,
    principal: null,
    role: null,
    credential: null,
    address: "local",
    transport: "cli",
    operation: null,
    target: null,
    decision: "allowed",
    rule: null,
    outcome: "ok",
    fields,
  };
}

/** The record of a session of OPC UA that was opened or ended. */
export function opcuaSessionRecord({ what, user, address }: SessionNews, principal: Principal | null): AuditEntry {
  return {
    event: what === "closed" ? "opcua_session_closed" : "opcua_session_opened",
    principal: principal?.name ?? null,
    role: principal?.role ?? null,
    credential: principal?.credential ?? null,
    address,
    transport: "opcua",
    operation: null,
    target: null,
    decision: "allowed",
    rule: null,
    outcome: what,
    fields: { user, source_ip: address },
  };
}

/** The record of a refused login to OPC UA. */
export function opcuaAuthRecord({ user, address, endpoint, reason }: LoginRefusal): AuditEntry {
  return {
    event: "opcua_auth_failed",
    principal: null,
    role: null,
    credential: null,
    address,
    transport: "opcua",
    operation: null,
    target: null,
    decision: "denied",
    rule: reason === "throttled" ? "throttled" : "credential",
    outcome: "unauthenticated",
    fields: { user, source_ip: address, endpoint, reason },
  };
}
