import type { Access } from "../access/access.ts";
import type { Alarms } from "../alarms/alarms.ts";
import type { Audit } from "../audit/audit.ts";
import type { Commands } from "../commands/commands.ts";
import type { Problem } from "../config/finding.ts";
import type { Config } from "../config/schema.ts";
import type { DeviceDefinition } from "../config/topology.ts";
import type { Backups, HistoryQueries } from "../history/history.ts";
import type { Exposure } from "../policy/exposure.ts";
import type { HubAdmin, HubStatus } from "../mesh/hub_admin.ts";
import type { Host } from "../supervisor/role_protocol.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { GatewayStatus, RoleStatus } from "../telemetry/status.ts";
import type { ServerCertificate } from "../tls/server_certificate.ts";
import type { ClientCertificates } from "./client_certificates.ts";
import type { DebugGate } from "./debug_gate.ts";
import type { SessionSource } from "./session_source.ts";

/** The parts of every role that operations act on. Functions are asked anew at each call: parts come and go. */
export interface RoleParts {
  readonly config: () => Config;
  /** Whose operations these are. */
  readonly gateway: { readonly id: string; readonly name: string; readonly version: string };
  readonly status: () => Pick<GatewayStatus, "verdict" | "summary">;
  readonly isReady: () => boolean;
  readonly feed: EventFeed;
  readonly faults: FaultBoard;
  readonly access: Access;
  readonly audit: Audit;
  readonly host: Host;
  readonly debug: DebugGate;
  /** May grow after the operations are made: listeners come later. */
  readonly sessions: readonly SessionSource[];
  /** The OPC UA trust list; `null` while no OPC UA server runs. */
  readonly clientCertificates: () => ClientCertificates | null;
  /** Certificate of web and control; `null` without TLS. */
  readonly serverCertificate: () => ServerCertificate | null;
  /** What the policy says about the running configuration. */
  readonly exposure: () => Promise<{ readonly exposures: readonly Exposure[]; readonly findings: readonly Problem[] }>;
  /** Addresses of the web page for a browser, the best first, without a slash at the end; empty while none is served. */
  readonly pageUrls: () => readonly string[];
  readonly nowUs: () => number;
}

/** The gateway's parts that operations act on. */
export interface OperationParts extends RoleParts {
  readonly status: () => GatewayStatus;
  readonly tags: TagStore;
  readonly devices: () => readonly DeviceDefinition[];
  readonly history: HistoryQueries;
  readonly backups: Backups;
  readonly alarms: Alarms;
  readonly commands: Commands;
}

/** The hub's parts that operations act on. */
export interface HubParts extends RoleParts {
  readonly status: () => HubRoleStatus;
  readonly hub: HubAdmin;
}

/** How a hub is doing, with what every role tells of itself. */
export interface HubRoleStatus extends RoleStatus {
  readonly hub: HubStatus;
}
