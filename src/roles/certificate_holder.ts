import { parseEndpoint } from "../config/address.ts";
import type { Config } from "../config/schema.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { openServerCertificate } from "../tls/open_server_certificate.ts";
import type { ServerCertificate } from "../tls/server_certificate.ts";

/** The server certificate that web and control share, or none, as the configuration of the moment has it. */
export class CertificateHolder {
  readonly #faults: FaultBoard;
  readonly #feed: EventFeed;
  readonly #nowUs: () => number;
  #current: ServerCertificate | null = null;
  #settings = "";

  constructor(faults: FaultBoard, feed: EventFeed, nowUs: () => number) {
    this.#faults = faults;
    this.#feed = feed;
    this.#nowUs = nowUs;
  }

  /** What servers serve with now; `null` without TLS. */
  get current(): ServerCertificate | null {
    return this.#current;
  }

  /**
   * Opens what the configuration names. The one from before keeps serving until the returned function is called, when
   * every listener has the new one; on an error nothing has changed.
   */
  async take(config: Config): Promise<() => void> {
    const { tls } = config.runtime;
    const wanted = servesTls(config);
    const settings = JSON.stringify([wanted, tls]);
    if (settings === this.#settings) {
      // whoever reloads after replacing the files means them
      await this.#current?.check();
      return () => {};
    }
    const before = this.#current;
    this.#current = wanted
      ? await openServerCertificate({ config: tls, faults: this.#faults, feed: this.#feed, nowUs: this.#nowUs })
      : null;
    this.#settings = settings;
    return () => {
      before?.stop();
      // the end of a watch takes its faults along, and the new one may have the same
      if (before !== null) void this.#current?.check();
    };
  }

  /** Ends the watch over the files. */
  stop(): void {
    this.#current?.stop();
    this.#current = null;
    this.#settings = "";
  }
}

function servesTls({ runtime: { tls, web, control } }: Config): boolean {
  if (tls.mode === "disabled") return false;
  return (web.enabled && web.tls) || (control.enabled && parseEndpoint(control.endpoint)?.kind === "tcp");
}
