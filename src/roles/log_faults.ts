import { getLogger } from "@logtape/logtape";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";

/** Every fault that appears or goes is a log line and a feed entry with the catalogue's words. */
export function logFaults(faults: FaultBoard, feed: EventFeed, category: string): void {
  const log = getLogger(["edgekeep", category]);
  faults.subscribe((fault, active) => {
    const fields = { code: fault.code, subject: fault.subject, detail: fault.detail, remedy: fault.remedy };
    if (active) {
      const text = `${fault.title}: {detail}. {remedy}`;
      if (fault.severity === "error") log.error(text, { event: "fault_raised", ...fields });
      else log.warning(text, { event: "fault_raised", ...fields });
      feed.add(
        fault.severity === "error" ? "error" : "warning",
        "fault_raised",
        fault.subject,
        `${fault.title}: ${fault.detail}`,
      );
    } else {
      log.info(`No longer: ${fault.title}`, { event: "fault_cleared", ...fields });
      feed.add("info", "fault_cleared", fault.subject, `No longer: ${fault.title}`);
    }
  });
}
