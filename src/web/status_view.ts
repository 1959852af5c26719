import type { FeedEntry } from "../telemetry/event_feed.ts";
import type { ActiveFault } from "../telemetry/fault_board.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import type { EventAnswer, FaultAnswer, StatusAnswer } from "./api_schema.ts";
import { formatTime, formatTimeOrNull } from "../telemetry/time_text.ts";
import type { DeviceDirectory } from "./device_directory.ts";

/** The gateway's status as the API shows it: times as text, and no paths of the machine. */
export function viewStatus(status: GatewayStatus, devices: DeviceDirectory): StatusAnswer {
  const { opcua, history } = status;
  return {
    id: status.id,
    name: status.name,
    site: status.site,
    version: status.version,
    started: formatTime(status.startedUs),
    now: formatTime(status.nowUs),
    verdict: status.verdict,
    summary: status.summary,
    faults: status.faults.map((fault) => viewFault(fault, devices)),
    sources: status.sources.map(({ sinceUs, lastEventUs, ...source }) => ({
      ...source,
      since: formatTime(sinceUs),
      lastEvent: formatTimeOrNull(lastEventUs),
    })),
    tags: { ...status.tags },
    opcua: opcua === null ? null : {
      endpoints: [...opcua.endpoints],
      securityPolicies: [...opcua.securityPolicies],
      sessions: opcua.sessions,
      maxSessions: opcua.maxSessions,
      subscriptions: opcua.subscriptions,
      monitoredItems: opcua.monitoredItems,
      variables: opcua.variables,
      rejectedLogins: opcua.rejectedLogins,
      certificateNotAfter: formatTimeOrNull(opcua.certificateNotAfterUs),
    },
    history: {
      fileBytes: history.fileBytes,
      series: history.series,
      rowsWritten: history.rowsWritten,
      rowsPending: history.rowsPending,
      rowsPruned: history.rowsPruned,
      lastWrite: formatTimeOrNull(history.lastWriteUs),
      lastBackup: formatTimeOrNull(history.lastBackupUs),
      integrity: history.integrity,
    },
    process: { ...status.process },
  };
}

/** A present fault as the API shows it. */
export function viewFault(fault: ActiveFault, devices: DeviceDirectory): FaultAnswer {
  const { sinceUs, ...rest } = fault;
  return { ...rest, subjectName: devices.nameOf(fault.subject), since: formatTime(sinceUs) };
}

/** An entry of the event feed as the API shows it. */
export function viewEvent(entry: FeedEntry, devices: DeviceDirectory): EventAnswer {
  const { timeUs, ...rest } = entry;
  return { ...rest, subjectName: devices.nameOf(entry.subject), time: formatTime(timeUs) };
}
