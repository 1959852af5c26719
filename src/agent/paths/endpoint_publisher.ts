import { getLogger } from "@logtape/logtape";
import type { EndpointReport } from "../../mesh/api_messages.ts";
import { Backoff } from "../../telemetry/backoff.ts";
import { pause } from "../../telemetry/pause.ts";

const log = getLogger(["edgekeep", "agent"]);

/** What a publisher is made with. */
export interface EndpointPublisherOptions {
  /** `PUT /v1/nodes/{id}/endpoints` */
  readonly put: (report: EndpointReport) => Promise<void>;
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly random?: () => number;
}

/** Keeps what the hub knows of this node's endpoints equal to what they are, also over times without the hub. */
export class EndpointPublisher {
  readonly #options: EndpointPublisherOptions;
  readonly #stopping = new AbortController();
  #wanted: EndpointReport | null = null;
  /** RFC 8259 text of what the hub has taken. */
  #taken: string | null = null;
  #running: Promise<void> | null = null;

  constructor(options: EndpointPublisherOptions) {
    this.#options = options;
  }

  /** Tells the hub, at once or as soon as it can be reached; does nothing when it knows already. */
  publish(endpoints: EndpointReport["endpoints"]): void {
    this.#wanted = { endpoints };
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run().finally(() => this.#running = null);
  }

  /** Tells the hub again though it took the same before: it may have forgotten. */
  republish(): void {
    this.#taken = null;
    if (this.#wanted !== null) this.publish(this.#wanted.endpoints);
  }

  /** Gives up what is not told yet. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const backoff = new Backoff({ maxMs: 300_000, ...this.#options.random && { random: this.#options.random } });
    const wait = this.#options.pause ?? pause;
    while (!signal.aborted && this.#wanted !== null) {
      const report = this.#wanted;
      const text = JSON.stringify(report);
      if (text === this.#taken) return;
      try {
        await this.#options.put(report);
        this.#taken = text;
      } catch (error) {
        log.debug("The hub does not know this node's endpoints yet: {reason}", {
          event: "endpoints_not_told",
          reason: error instanceof Error ? error.message : String(error),
        });
        await wait(backoff.next(performance.now()), signal);
      }
    }
  }
}
