import { viewHub } from "../operations/handlers/hub_operations.ts";
import type { HubRoleStatus } from "../operations/operation_parts.ts";
import * as plain from "../operations/views.ts";
import type { FeedEntry } from "../telemetry/event_feed.ts";
import type { ActiveFault } from "../telemetry/fault_board.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import type { SubjectNames } from "./api_context.ts";
import type { EventAnswer, FaultAnswer, HubStatusAnswer, StatusAnswer } from "./api_schema.ts";

/** The gateway's status as the API shows it: as operations answer it, with the names of the devices that faults concern. */
export function viewStatus(status: GatewayStatus, names: SubjectNames): StatusAnswer {
  return { ...plain.viewStatus(status), faults: status.faults.map((fault) => viewFault(fault, names)) };
}

/** The hub's status as the API shows it. */
export function viewHubStatus(status: HubRoleStatus, names: SubjectNames): HubStatusAnswer {
  return {
    role: "hub",
    ...plain.viewRoleStatus(status),
    faults: status.faults.map((fault) => viewFault(fault, names)),
    hub: viewHub(status.hub),
  };
}

/** A present fault as the API shows it. */
export function viewFault(fault: ActiveFault, names: SubjectNames): FaultAnswer {
  return { ...plain.viewFault(fault), subjectName: names.nameOf(fault.subject) };
}

/** An entry of the event feed as the API shows it. */
export function viewEvent(entry: FeedEntry, names: SubjectNames): EventAnswer {
  return { ...plain.viewEvent(entry), subjectName: names.nameOf(entry.subject) };
}
