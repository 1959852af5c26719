import { getLogger } from "@logtape/logtape";
import type { EventFeed } from "../../telemetry/event_feed.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import type { OwnIdentity } from "./own_identity.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** The fault is raised so long before the end, µs: time for a maintenance window. */
export const WARN_BEFORE_US = 30 * 86_400_000_000;
const CHECK_EVERY_MS = 3_600_000;

/** What the watch reports to. */
export interface CertificateWatchOptions {
  readonly identity: OwnIdentity;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
}

/**
 * Reports what a person should know about the server's certificate: that it was made, that it does not fit the
 * configuration, and (as the fault `certificate_expiring`) that it ends soon or has ended. It is never replaced here:
 * clients trust this one.
 *
 * @returns ends the watch
 */
export function watchCertificate({ identity, faults, feed, nowUs }: CertificateWatchOptions): () => void {
  const { certificateFile } = identity;
  if (identity.created) {
    log.info("Made the OPC UA certificate {certificate}", {
      event: "opcua_certificate_created",
      certificate: certificateFile,
      subject: identity.subject,
    });
    feed.add(
      "info",
      "opcua_certificate_created",
      "gateway",
      `A certificate for the OPC UA server was made: ${certificateFile}`,
    );
  }
  for (const mismatch of identity.mismatches) {
    log.warning("The OPC UA certificate {certificate} does not fit the configuration: {mismatch}", {
      event: "opcua_certificate_mismatch",
      certificate: certificateFile,
      mismatch,
    });
    feed.add(
      "warning",
      "opcua_certificate_mismatch",
      "gateway",
      `The OPC UA certificate does not fit the configuration: ${mismatch}. Strict clients refuse it until it is renewed`,
    );
  }
  const check = () => {
    const leftUs = identity.notAfterUs - nowUs();
    if (leftUs > WARN_BEFORE_US) {
      faults.clear("certificate_expiring", certificateFile);
      return;
    }
    const day = new Date(identity.notAfterUs / 1000).toISOString().slice(0, 10);
    faults.raise(
      "certificate_expiring",
      leftUs > 0
        ? `The OPC UA certificate ${certificateFile} is valid until ${day}`
        : `The OPC UA certificate ${certificateFile} ended on ${day}`,
      certificateFile,
    );
  };
  check();
  const timer = setInterval(check, CHECK_EVERY_MS);
  return () => clearInterval(timer);
}
