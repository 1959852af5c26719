import { getLogger } from "@logtape/logtape";
import { Backoff, type BackoffOptions } from "../telemetry/backoff.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";

const log = getLogger(["edgekeep", "gateway"]);

/** Something that runs and can be stopped. */
export interface Stoppable {
  stop(): Promise<void>;
}

/** What a {@link RestartablePart} is made from. */
export interface RestartablePartOptions<T extends Stoppable> {
  /** For people and as subject of the fault: `web`, `control`, `opcua`, `source`. */
  readonly name: string;
  /** Starts the part with the configuration of that moment; `null` when it is switched off. */
  readonly start: () => Promise<T | null>;
  readonly faults: FaultBoard;
  readonly backoff?: BackoffOptions;
}

/**
 * A part of the gateway that can be restarted alone. Its first start fails loudly; one that fails later is tried again
 * with growing waits, and the fault `part_down` stands meanwhile.
 */
export class RestartablePart<T extends Stoppable> {
  readonly name: string;
  readonly #options: RestartablePartOptions<T>;
  readonly #backoff: Backoff;
  #running: T | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  /** Starts and stops one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: RestartablePartOptions<T>) {
    this.name = options.name;
    this.#options = options;
    this.#backoff = new Backoff(options.backoff ?? {});
  }

  /** What runs now; `null` while the part is off or down. */
  get running(): T | null {
    return this.#running;
  }

  /** Starts it. Rejects with the part's own error. */
  start(): Promise<void> {
    return this.#inOrder(() => this.#begin());
  }

  /** Stops it and starts it again. Rejects with the part's own error; it is down then. */
  restart(): Promise<void> {
    return this.#inOrder(async () => {
      await this.#end();
      await this.#begin();
    });
  }

  /** As {@link restart}; a failure does not reject, but is reported as a fault and tried again. */
  async revive(): Promise<void> {
    try {
      await this.restart();
    } catch (error) {
      this.#tryLater(error);
    }
  }

  /** Stops it for good. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#inOrder(() => this.#end());
  }

  async #begin(): Promise<void> {
    if (this.#stopped) return;
    this.#running = await this.#options.start();
    this.#backoff.succeeded(performance.now());
    this.#options.faults.clear("part_down", this.name);
  }

  async #end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const running = this.#running;
    this.#running = null;
    await running?.stop();
  }

  #tryLater(error: unknown): void {
    if (this.#stopped) return;
    const reason = error instanceof Error ? error.message : String(error);
    const delayMs = Math.round(this.#backoff.next(performance.now()));
    log.error("The {part} part cannot start: {reason}. It is tried again in {delayMs} ms", {
      event: "part_down",
      part: this.name,
      reason,
      delayMs,
    });
    this.#options.faults.raise("part_down", reason, this.name);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.revive(), delayMs);
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }
}
