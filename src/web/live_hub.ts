import type { Alarms } from "../alarms/alarms.ts";
import type { Tag } from "../tags/tag.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import type { DeviceDirectory } from "./device_directory.ts";
import type { EventStream } from "./event_stream.ts";
import { liveMessages, type LiveStreamOptions } from "./live_messages.ts";
import { type StreamBounds, StreamKeeper } from "./stream_keeper.ts";
import { TagChangeRing } from "./tag_change_ring.ts";

/** Times and bounds of the live streams; tests make them short. */
export interface LiveTimings extends StreamBounds {
  /** Changes within this time are sent together, ms. */
  readonly tickMs: number;
  /** The first change after a quiet time waits only so long for its companions, ms. */
  readonly firstMs: number;
  /** A stream that has nothing to say says so after this time, ms. */
  readonly heartbeatMs: number;
  /** Time between two status events, ms. */
  readonly statusMs: number;
}

export const defaultLiveTimings: LiveTimings = {
  tickMs: 75,
  firstMs: 10,
  heartbeatMs: 5_000,
  statusMs: 2_000,
  stallMs: 30_000,
  maxStreams: 64,
};

/** What the hub needs from the gateway. */
export interface LiveHubOptions {
  readonly tags: TagStore;
  readonly feed: EventFeed;
  readonly alarms: Pick<Alarms, "subscribe" | "onDefinitions" | "counts">;
  readonly status: () => GatewayStatus;
  readonly devices: DeviceDirectory;
  readonly timings?: Partial<LiveTimings>;
}

/**
 * Tells open event streams what changes. It notes once which tags changed, whoever listens, and each stream reads that
 * at its own pace: a slow client makes itself slow and nobody else.
 */
export class LiveHub {
  /** Changes with each start, so that a position in another process's ring is never taken for one of ours. */
  readonly instance = crypto.randomUUID().slice(0, 8);
  readonly ring = new TagChangeRing();
  readonly tags: TagStore;
  readonly feed: EventFeed;
  readonly alarms: LiveHubOptions["alarms"];
  readonly devices: DeviceDirectory;
  readonly status: () => GatewayStatus;
  readonly timings: LiveTimings;
  readonly #keeper: StreamKeeper;
  readonly #unsubscribe: readonly (() => void)[];
  #definitions = 0;
  #alarmChanges = 0;
  #newestEvent: number;
  #tick: ReturnType<typeof setTimeout> | undefined;
  #tickedMs = -Infinity;

  constructor(options: LiveHubOptions) {
    this.tags = options.tags;
    this.feed = options.feed;
    this.alarms = options.alarms;
    this.devices = options.devices;
    this.status = options.status;
    this.timings = { ...defaultLiveTimings, ...options.timings };
    this.#keeper = new StreamKeeper(this.timings);
    this.#unsubscribe = [
      this.tags.subscribe((batch) => {
        for (const { kind, tag } of batch) {
          if (kind === "live" || kind === "status") this.#note(tag);
        }
      }),
      this.tags.onDefinitions(() => {
        this.#definitions++;
        this.ring.clear();
        this.#keeper.wake();
      }),
      this.feed.subscribe(({ sequence }) => {
        this.#newestEvent = sequence;
        this.#startTick();
      }),
      this.alarms.subscribe(() => this.#noteAlarms()),
      this.alarms.onDefinitions(() => this.#noteAlarms()),
    ];
    this.#newestEvent = this.feed.since().at(-1)?.sequence ?? 0;
  }

  /** How often the set of tags changed. */
  get definitions(): number {
    return this.#definitions;
  }

  /** Sequence of the newest entry of the event feed; 0 before the first. */
  get newestEvent(): number {
    return this.#newestEvent;
  }

  /** How often alarms changed. */
  get alarmChanges(): number {
    return this.#alarmChanges;
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
  open(options: LiveStreamOptions): EventStream {
    return this.#keeper.open(options, (stream) => liveMessages(this, options, stream));
  }

  /** Ends all streams and listens to nothing any more. */
  stop(): void {
    clearTimeout(this.#tick);
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#keeper.stop();
  }

  #note(tag: Tag): void {
    this.ring.note(tag);
    this.#startTick();
  }

  #noteAlarms(): void {
    this.#alarmChanges++;
    this.#startTick();
  }

  #startTick(): void {
    if (this.#tick !== undefined) return;
    const { tickMs, firstMs } = this.timings;
    const quietMs = performance.now() - this.#tickedMs;
    this.#tick = setTimeout(() => {
      this.#tick = undefined;
      this.#tickedMs = performance.now();
      this.ring.commit();
      this.#keeper.wake();
    }, Math.max(Math.min(firstMs, tickMs), tickMs - quietMs));
  }
}
