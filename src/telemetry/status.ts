import type { ActiveFault } from "./fault_board.ts";

/** One sentence for the person on the ladder, with what made it so. */
export type Verdict = "ok" | "attention" | "failed" | "not_set_up";

/** How a source of field data is doing. */
export interface SourceStatus {
  readonly name: string;
  readonly mode: string;
  readonly address: string;
  readonly state: "connecting" | "connected" | "degraded" | "disconnected" | "stopped";
  /** Since when it is in that state, µs. */
  readonly sinceUs: number;
  readonly devices: number;
  readonly devicesStreaming: number;
  readonly events: number;
  readonly decodingErrors: number;
  readonly reconnects: number;
  readonly lastEventUs: number | null;
  readonly lastError: string | null;
}

/** How the OPC UA server is doing. */
export interface OpcUaStatus {
  readonly endpoints: readonly string[];
  readonly securityPolicies: readonly string[];
  readonly sessions: number;
  readonly maxSessions: number;
  readonly subscriptions: number;
  readonly monitoredItems: number;
  readonly variables: number;
  readonly rejectedLogins: number;
  readonly certificateNotAfterUs: number;
}

/** How the history is doing. */
export interface HistoryStatus {
  readonly path: string;
  readonly fileBytes: number;
  readonly series: number;
  readonly rowsWritten: number;
  readonly rowsPending: number;
  readonly rowsPruned: number;
  readonly lastWriteUs: number | null;
  readonly lastBackupUs: number | null;
  /** Result of the last integrity check: `unknown` until one ran. */
  readonly integrity: "unknown" | "ok" | "failed";
}

/** How the tags are doing. */
export interface TagsStatus {
  readonly total: number;
  readonly good: number;
  readonly uncertain: number;
  readonly bad: number;
  readonly waiting: number;
  readonly samplesLive: number;
  readonly samplesBackfill: number;
  readonly samplesPerSecond: number;
}

/** How the commands to devices are doing. */
export interface CommandsStatus {
  /** That have not ended. */
  readonly open: number;
  /** That ended within a day without anybody knowing whether they were sent. */
  readonly unknown: number;
}

/** How the alarms are doing. */
export interface AlarmsStatus {
  readonly total: number;
  readonly active: number;
  /** Active or not, waiting for somebody. */
  readonly unacknowledged: number;
  readonly shelved: number;
}

/** What every role tells of itself. */
export interface RoleStatus {
  readonly id: string;
  readonly name: string;
  readonly site: string;
  readonly version: string;
  readonly startedUs: number;
  readonly nowUs: number;
  readonly verdict: Verdict;
  /** The verdict as a sentence. */
  readonly summary: string;
  readonly faults: readonly ActiveFault[];
  readonly process: { readonly rssBytes: number; readonly heapUsedBytes: number };
}

/** All that the overview page, `/api/v1/status` and the OPC UA health nodes show of a gateway. */
export interface GatewayStatus extends RoleStatus {
  readonly sources: readonly SourceStatus[];
  readonly tags: TagsStatus;
  readonly opcua: OpcUaStatus | null;
  readonly history: HistoryStatus;
  readonly alarms: AlarmsStatus;
  readonly commands: CommandsStatus;
}
