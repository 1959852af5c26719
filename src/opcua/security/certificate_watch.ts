import { getLogger } from "@logtape/logtape";
import type { EventFeed } from "../../telemetry/event_feed.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import type { OwnIdentity } from "./own_identity.ts";

const log = getLogger(["edgekeep", "opcua"]);

const DAY_US = 86_400_000_000;
/** Days before the end at which it is told: time to order a new one, time for a maintenance window, now. */
const ANNOUNCE_DAYS = [60, 30, 7];
/** The fault is raised so long before the end, µs. */
export const WARN_BEFORE_US = 30 * DAY_US;
const CHECK_EVERY_MS = 60_000;

/** What the watch looks at and reports to. */
export interface CertificateWatchOptions {
  /** The server's certificate as it is now. */
  readonly identity: () => OwnIdentity;
  /** Where it differs from what is needed now, in words: the machine's addresses change under a running server. */
  readonly mismatches: () => readonly string[];
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
}

/** A running watch. */
export interface CertificateWatch {
  /** Looks now, as after a renewal. */
  check(): void;
  stop(): void;
}

/**
 * Reports what a person should know about the server's certificate: that it was made, that it does not fit the
 * configuration or the machine's addresses any more, that it ends in 60, 30 or 7 days, and that it has ended. From 30 days
 * before the end on it is the fault `certificate_expiring`. It is never replaced here: clients trust this one.
 */
export function watchCertificate(
  { identity, mismatches, faults, feed, nowUs }: CertificateWatchOptions,
): CertificateWatch {
  let toldMismatches = "";
  /** Which end was announced, and how near it was: 60, 30, 7, or 0 once it has ended. */
  let announced = { notAfterUs: 0, days: Infinity };

  function tellMismatches(): void {
    const found = mismatches();
    const key = found.join("\n");
    if (key === toldMismatches) return;
    toldMismatches = key;
    const certificate = identity().certificateFile;
    for (const mismatch of found) {
      log.warning("The OPC UA certificate {certificate} does not fit: {mismatch}", {
        event: "opcua_certificate_mismatch",
        certificate,
        mismatch,
      });
      feed.add(
        "warning",
        "opcua_certificate_mismatch",
        "gateway",
        `The OPC UA certificate does not fit: ${mismatch}. Strict clients refuse it until it is renewed: ` +
          "edgekeep pki renew-opcua",
      );
    }
  }

  function announce(leftUs: number): void {
    const { certificateFile, notAfterUs } = identity();
    const days = leftUs <= 0 ? 0 : ANNOUNCE_DAYS.findLast((one) => leftUs <= one * DAY_US) ?? Infinity;
    if (announced.notAfterUs !== notAfterUs) announced = { notAfterUs, days: Infinity };
    if (days >= announced.days) return;
    announced.days = days;
    const until = new Date(notAfterUs / 1000).toISOString().slice(0, 10);
    const left = Math.ceil(leftUs / DAY_US);
    const text = days === 0
      ? `The OPC UA certificate ended on ${until}; clients refuse to connect`
      : `The OPC UA certificate is valid for ${left} more days, until ${until}`;
    const fields = { event: "opcua_certificate_expiring", certificate: certificateFile, left, until };
    if (days <= 7) log.warning("The OPC UA certificate {certificate} ends on {until}: {left} days are left", fields);
    else log.info("The OPC UA certificate {certificate} ends on {until}: {left} days are left", fields);
    const severity = days === 0 ? "error" : days <= 30 ? "warning" : "info";
    feed.add(severity, "opcua_certificate_expiring", "gateway", `${text}. Renew it: edgekeep pki renew-opcua`);
  }

  function check(): void {
    const { certificateFile, notAfterUs, notBeforeUs } = identity();
    tellMismatches();
    const leftUs = notAfterUs - nowUs();
    announce(leftUs);
    if (leftUs > WARN_BEFORE_US) {
      faults.clear("certificate_expiring", certificateFile);
      return;
    }
    const day = new Date(notAfterUs / 1000).toISOString().slice(0, 10);
    const began = new Date(notBeforeUs / 1000).toISOString().slice(0, 10);
    faults.raise(
      "certificate_expiring",
      leftUs > 0
        ? `The OPC UA certificate ${certificateFile} is valid until ${day}`
        : `The OPC UA certificate ${certificateFile} of ${began} ended on ${day}`,
      certificateFile,
    );
  }

  const { created, certificateFile, subject } = identity();
  if (created) {
    log.info("Made the OPC UA certificate {certificate}", {
      event: "opcua_certificate_created",
      certificate: certificateFile,
      subject,
    });
    feed.add(
      "info",
      "opcua_certificate_created",
      "gateway",
      `A certificate for the OPC UA server was made: ${certificateFile}`,
    );
  }
  check();
  const timer = setInterval(check, CHECK_EVERY_MS);
  return { check, stop: () => clearInterval(timer) };
}
