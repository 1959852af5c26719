import type { NodeId } from "../../mesh/ids.ts";

/** What {@link Outbox} needs. */
export interface OutboxParts {
  /** Brings a message to a node; a rejection counts as lost: whoever waits for an answer sends again. */
  readonly mail: (to: NodeId, message: string) => Promise<void>;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Told of what could not be sent. */
  readonly failed: (to: NodeId, error: unknown) => void;
}

/** The hub takes 10 requests a second of a node, and heartbeats and streams are among them. */
const everyMs = 125;

/**
 * Sends mail one after the other, at a pace that the hub takes from one node. Of each kind the newest for a node waits.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #waiting = new Map<string, { readonly to: NodeId; readonly message: string }>();
  readonly #ended = new AbortController();
  #running: Promise<void> | null = null;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** @param kind the message's `typ` */
  put(to: NodeId, kind: string, message: string): void {
    if (this.#ended.signal.aborted) return;
    const key = `${to} ${kind}`;
    this.#waiting.delete(key);
    this.#waiting.set(key, { to, message });
    this.#running ??= this.#run().finally(() => this.#running = null);
  }

  /** Drops what waits for a node. */
  forget(to: NodeId): void {
    for (const [key, one] of this.#waiting) if (one.to === to) this.#waiting.delete(key);
  }

  /** Ends after the message under way. */
  async stop(): Promise<void> {
    this.#waiting.clear();
    this.#ended.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      const next = this.#waiting.entries().next().value;
      if (next === undefined) return;
      const [key, { to, message }] = next;
      this.#waiting.delete(key);
      await this.#parts.mail(to, message).catch((error) => this.#parts.failed(to, error));
      await this.#parts.pause(everyMs, this.#ended.signal);
    }
  }
}
