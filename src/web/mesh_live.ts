import type { HubAdmin } from "../mesh/hub_admin.ts";
import type { HubRoleStatus } from "../operations/operation_parts.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import { formatTime } from "../telemetry/time_text.ts";
import type { SubjectNames } from "./api_context.ts";
import { type EventStream, eventText, type StreamHolder } from "./event_stream.ts";
import { defaultLiveTimings, type LiveTimings } from "./live_hub.ts";
import { viewEvent, viewHubStatus } from "./status_view.ts";
import { StreamKeeper } from "./stream_keeper.ts";

/** What the live streams of a hub tell of. */
export interface MeshLiveOptions {
  readonly instance: string;
  readonly hub: Pick<HubAdmin, "subscribe">;
  readonly feed: EventFeed;
  readonly names: SubjectNames;
  readonly status: () => HubRoleStatus;
  readonly timings?: Partial<LiveTimings>;
}

/** What a client asked for. */
export interface MeshStreamOptions extends StreamHolder {
  readonly withStatus: boolean;
  readonly withEvents: boolean;
}

const topics = ["nodes", "links", "policy", "tokens", "keys"] as const;

/** Tells open event streams what of a mesh changes: which lists to read anew, not what is in them. */
export class MeshLive {
  readonly #options: MeshLiveOptions;
  readonly #timings: LiveTimings;
  readonly #keeper: StreamKeeper;
  readonly #unsubscribe: readonly (() => void)[];
  /** How often each topic has changed. */
  readonly #changes = new Map<typeof topics[number], number>(topics.map((topic) => [topic, 0]));
  #newestEvent: number;
  #tick: ReturnType<typeof setTimeout> | undefined;

  constructor(options: MeshLiveOptions) {
    this.#options = options;
    this.#timings = { ...defaultLiveTimings, ...options.timings };
    this.#keeper = new StreamKeeper(this.#timings);
    this.#newestEvent = options.feed.since().at(-1)?.sequence ?? 0;
    this.#unsubscribe = [
      options.hub.subscribe((topic) => {
        this.#changes.set(topic, (this.#changes.get(topic) ?? 0) + 1);
        this.#startTick();
      }),
      options.feed.subscribe(({ sequence }) => {
        this.#newestEvent = sequence;
        this.#startTick();
      }),
    ];
  }

  /** Streams that are open now. */
  get size(): number {
    return this.#keeper.size;
  }

  /** Bytes that streams have handed out since the start. */
  get sentBytes(): number {
    return this.#keeper.sentBytes;
  }

  /** A new stream; it counts from its first read on. Throws a `Problem` when there are too many. */
  open(options: MeshStreamOptions): EventStream {
    return this.#keeper.open(options, (stream) => this.#messages(options, stream));
  }

  /** Ends all streams and listens to nothing any more. */
  stop(): void {
    clearTimeout(this.#tick);
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#keeper.stop();
  }

  /** What changes within a tick is told together. */
  #startTick(): void {
    this.#tick ??= setTimeout(() => {
      this.#tick = undefined;
      this.#keeper.wake();
    }, this.#timings.tickMs);
  }

  async *#messages({ withStatus, withEvents }: MeshStreamOptions, stream: EventStream): AsyncGenerator<string, void> {
    const { instance, feed, names, status } = this.#options;
    const { heartbeatMs, statusMs } = this.#timings;
    const now = () => formatTime(status().nowUs);
    const known = new Map<typeof topics[number], number>();
    let eventSequence = this.#newestEvent;
    let statusDueMs = withStatus ? 0 : Infinity;
    let heartbeatDueMs = performance.now() + heartbeatMs;

    yield `retry: 2000\n${eventText("hello", { instance, now: now() })}`;
    while (!stream.ended) {
      const nowMs = performance.now();
      if (nowMs >= statusDueMs) {
        statusDueMs = nowMs + statusMs;
        heartbeatDueMs = nowMs + heartbeatMs;
        yield eventText("status", viewHubStatus(status(), names));
      }
      const changed = topics.filter((topic) => known.get(topic) !== this.#changes.get(topic));
      if (changed.length > 0) {
        for (const topic of changed) known.set(topic, this.#changes.get(topic) ?? 0);
        heartbeatDueMs = performance.now() + heartbeatMs;
        yield eventText("mesh", { topics: changed });
      }
      if (withEvents && eventSequence !== this.#newestEvent) {
        for (const entry of feed.since(eventSequence)) {
          eventSequence = entry.sequence;
          yield eventText("event", viewEvent(entry, names));
        }
      }
      if (performance.now() >= heartbeatDueMs) {
        heartbeatDueMs = performance.now() + heartbeatMs;
        yield eventText("heartbeat", { now: now() });
      }
      const quiet = topics.every((topic) => known.get(topic) === this.#changes.get(topic)) &&
        (!withEvents || eventSequence === this.#newestEvent);
      if (!stream.ended && quiet) await stream.waitUntil(Math.min(statusDueMs, heartbeatDueMs));
    }
  }
}
