import { getLogger } from "@logtape/logtape";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { CertificateFacts } from "./server_certificate.ts";

const log = getLogger(["edgekeep", "tls"]);
const DAY_US = 86_400_000_000;
/** A line in log and event feed: time to order a new one. */
const ANNOUNCE_DAYS = 60;
/** A fault: time for a maintenance window. */
const WARN_DAYS = 30;
/** The days are counted down; each is news on the fault board. */
const URGENT_DAYS = 7;

/** What the watch reports to. */
export interface ExpiryWatchOptions {
  /** The certificate's path: what the faults concern. */
  readonly subject: string;
  readonly faults: FaultBoard;
  readonly feed?: EventFeed | undefined;
  readonly nowUs: () => number;
}

/**
 * Reports that a certificate nears its end: announced 60 days before, a fault from 30 days on that counts the last seven
 * down, and another fault once the certificate is not valid, which is also so on a machine whose clock is wrong.
 */
export class ExpiryWatch {
  readonly #options: ExpiryWatchOptions;
  /** Fingerprint of the certificate that was announced. */
  #announced: string | null = null;

  constructor(options: ExpiryWatchOptions) {
    this.#options = options;
  }

  /** Compares the certificate's time with the clock. */
  check({ fingerprint, notBeforeUs, notAfterUs }: CertificateFacts): void {
    const { faults, subject, nowUs } = this.#options;
    const now = nowUs();
    const invalid = now < notBeforeUs
      ? `${subject} is not valid before ${day(notBeforeUs)}, and this machine's clock says ${day(now)}`
      : now > notAfterUs
      ? `${subject} ended on ${day(notAfterUs)}; clients warn or refuse to connect`
      : null;
    if (invalid === null) faults.clear("tls_certificate_expired", subject);
    else faults.raise("tls_certificate_expired", invalid, subject);
    const left = Math.ceil((notAfterUs - now) / DAY_US);
    if (invalid !== null || left > WARN_DAYS) {
      faults.clear("tls_certificate_expiring", subject);
    } else {
      const rest = left > URGENT_DAYS ? "" : left <= 1 ? ": this is its last day" : `: ${left} days are left`;
      faults.raise("tls_certificate_expiring", `${subject} is valid until ${day(notAfterUs)}${rest}`, subject);
    }
    if (invalid === null && left <= ANNOUNCE_DAYS && this.#announced !== fingerprint) {
      this.#announced = fingerprint;
      this.#announce(notAfterUs, left);
    }
  }

  /** Takes the faults off the board. */
  stop(): void {
    this.#options.faults.clear("tls_certificate_expiring", this.#options.subject);
    this.#options.faults.clear("tls_certificate_expired", this.#options.subject);
  }

  #announce(notAfterUs: number, left: number): void {
    const until = day(notAfterUs);
    log.info("The certificate {certificate} is valid for {left} more days, until {until}", {
      event: "tls_certificate_expiring",
      certificate: this.#options.subject,
      left,
      until,
    });
    const text = `The certificate of web and control is valid for ${left} more days, until ${until}`;
    this.#options.feed?.add("info", "tls_certificate_expiring", "gateway", text);
  }
}

function day(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString().slice(0, 10);
}
