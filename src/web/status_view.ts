import * as plain from "../operations/views.ts";
import type { FeedEntry } from "../telemetry/event_feed.ts";
import type { ActiveFault } from "../telemetry/fault_board.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import type { EventAnswer, FaultAnswer, StatusAnswer } from "./api_schema.ts";
import type { DeviceDirectory } from "./device_directory.ts";

/** The gateway's status as the API shows it: as operations answer it, with the names of the devices that faults concern. */
export function viewStatus(status: GatewayStatus, devices: DeviceDirectory): StatusAnswer {
  return { ...plain.viewStatus(status), faults: status.faults.map((fault) => viewFault(fault, devices)) };
}

/** A present fault as the API shows it. */
export function viewFault(fault: ActiveFault, devices: DeviceDirectory): FaultAnswer {
  return { ...plain.viewFault(fault), subjectName: devices.nameOf(fault.subject) };
}

/** An entry of the event feed as the API shows it. */
export function viewEvent(entry: FeedEntry, devices: DeviceDirectory): EventAnswer {
  return { ...plain.viewEvent(entry), subjectName: devices.nameOf(entry.subject) };
}
