import type { Severity } from "../config/alarm_definition.ts";
import type { FaultCode, FaultSeverity } from "../telemetry/fault_catalogue.ts";
import type { AlarmKind } from "./alarms.ts";

/** An alarm of the gateway itself: active for as long as one of its faults is there. */
export interface GatewayAlarm {
  /** `Gateway/$alarm/<name>`. */
  readonly id: string;
  readonly kind: Extract<AlarmKind, "source_outage" | "certificate_expiry" | "storage">;
  /** For people. */
  readonly name: string;
  readonly faults: readonly FaultCode[];
}

/** The gateway's own alarms, in the order in which they are listed. */
export const gatewayAlarms: readonly GatewayAlarm[] = [
  {
    id: "Gateway/$alarm/SourceOutage",
    kind: "source_outage",
    name: "Source of field data",
    faults: ["source_unreachable", "source_unauthorized"],
  },
  {
    id: "Gateway/$alarm/OpcUaCertificate",
    kind: "certificate_expiry",
    name: "Certificate of the OPC UA server",
    faults: ["certificate_expiring"],
  },
  {
    id: "Gateway/$alarm/WebCertificate",
    kind: "certificate_expiry",
    name: "Certificate of web and control",
    faults: ["tls_certificate_expiring", "tls_certificate_expired"],
  },
  {
    id: "Gateway/$alarm/HistoryStorage",
    kind: "storage",
    name: "Storage of the history",
    faults: ["history_write_failed", "history_corrupt", "history_damaged", "history_backup_failed"],
  },
  {
    id: "Gateway/$alarm/AuditStorage",
    kind: "storage",
    name: "Storage of the audit",
    faults: ["audit_unwritable", "audit_chain_broken"],
  },
  {
    id: "Gateway/$alarm/UserStorage",
    kind: "storage",
    name: "Storage of users and tokens",
    faults: ["access_store_damaged", "access_store_unwritable"],
  },
  {
    id: "Gateway/$alarm/AlarmStorage",
    kind: "storage",
    name: "Storage of alarms",
    faults: ["alarm_store_damaged", "alarm_store_unwritable"],
  },
  {
    id: "Gateway/$alarm/CommandStorage",
    kind: "storage",
    name: "Storage of commands",
    faults: ["command_store_damaged", "command_store_failed"],
  },
];

/** Severity of an alarm by its fault (OPC 10000-5 §6.4.2). */
export const severityOfFault: { readonly [K in FaultSeverity]: Severity } = { error: 800, warning: 500, note: 200 };
