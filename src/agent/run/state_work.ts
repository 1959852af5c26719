import { getLogger } from "@logtape/logtape";
import type { EventPayload } from "../../mesh/events.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { NodeState } from "../../mesh/state.ts";

const log = getLogger(["edgekeep", "agent"]);

/** Events that wait at most; each is small, and the hub replays no more. */
const MOST_WAITING = 1024;

/** Who does what the hub says. */
export interface StateWorkParts {
  /** Makes firewall, device and paths follow. */
  readonly follow: (state: NodeState) => Promise<void>;
  /** Takes a peer away at once. */
  readonly removed: (peer: NodeId) => Promise<void>;
  readonly event: (event: EventPayload) => Promise<void>;
}

/**
 * Does what the hub says, in its order, beside the reading of further events: so a slow device never makes the stream
 * look dead. Of several states that wait only the newest is followed; a removed peer does not wait.
 */
export class StateWork {
  readonly #parts: StateWorkParts;
  #waiting: ("state" | EventPayload)[] = [];
  #state: NodeState | null = null;
  /** The newest that was begun with. */
  #followed: NodeState | null = null;
  #running: Promise<void> | null = null;
  #stopped = false;
  /** Since there was nothing to do. */
  #dropped = 0;

  constructor(parts: StateWorkParts) {
    this.#parts = parts;
  }

  /** Another state; `event`: what changed it. */
  state(state: NodeState, event: EventPayload | null): void {
    this.#state = state;
    if (event?.type === "peer_removed") {
      void this.#try("peer_removed", () => this.#parts.removed(event.payload.peer_id));
    }
    if (this.#waiting.at(-1) !== "state") this.#put("state");
  }

  /** Something beside the state. */
  event(event: EventPayload): void {
    this.#put(event);
  }

  /** Has the newest state followed again: something that follows it was begun anew. */
  again(): void {
    this.#followed = null;
    if (this.#waiting.at(-1) !== "state") this.#put("state");
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Begins nothing more; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting = [];
    await this.#running;
  }

  #put(item: "state" | EventPayload): void {
    if (this.#stopped) return;
    if (this.#waiting.length >= MOST_WAITING) {
      const lost = this.#waiting.findIndex((waiting) => waiting !== "state");
      const [dropped] = this.#waiting.splice(Math.max(0, lost), 1);
      // one line for all that is dropped in a row: whoever floods the agent must not flood its log
      if (this.#dropped++ === 0) {
        log.warning("Too much to do: events of the hub are dropped, the first is {type}", {
          event: "agent_event_dropped",
          type: dropped === undefined || dropped === "state" ? "state" : dropped.type,
        });
      }
    }
    this.#waiting.push(item);
    this.#running ??= this.#run().finally(() => this.#running = null);
  }

  async #run(): Promise<void> {
    for (let item = this.#waiting.shift(); item !== undefined; item = this.#waiting.shift()) {
      const next = item;
      if (next !== "state") await this.#try(next.type, () => this.#parts.event(next));
      else if (this.#state !== null && this.#state !== this.#followed) {
        const state = this.#state;
        this.#followed = state;
        await this.#try("state", () => this.#parts.follow(state));
      }
    }
    if (this.#dropped > 0) {
      log.warning("{count} events of the hub were dropped", { event: "agent_events_dropped", count: this.#dropped });
    }
    this.#dropped = 0;
  }

  async #try(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.error("Cannot do what the hub says ({what}): {reason}", {
        event: "agent_work_failed",
        what,
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
