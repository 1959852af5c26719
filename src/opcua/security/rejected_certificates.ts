import { getLogger } from "@logtape/logtape";
import type { EventFeed } from "../../telemetry/event_feed.ts";
import { type AggregatedEvents, aggregatedEvents } from "../sessions/aggregated_event.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** A certificate that was put into `rejected/` instead of being let in. */
export interface RejectedCertificate {
  readonly subject: string;
  readonly folder: string;
}

/** Reports refused certificates in the log and the feed, with what to do; a client that keeps trying only now and then. */
export function rejectedCertificates(feed: EventFeed): AggregatedEvents<RejectedCertificate> {
  return aggregatedEvents(({ subject, folder }, count) => {
    log.warning("OPC UA certificate of {subject} is not trusted: to trust it, move it from {folder} to trusted/certs", {
      event: "opcua_certificate_rejected",
      subject,
      folder,
      count,
    });
    feed.add(
      "warning",
      "opcua_certificate_rejected",
      "gateway",
      `The OPC UA certificate of ${subject} is not trusted. To trust it, move its file from ${folder} to trusted/certs`,
    );
  }, 60_000);
}
