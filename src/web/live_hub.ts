import type { Alarms } from "../alarms/alarms.ts";
import type { Tag } from "../tags/tag.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import type { DeviceDirectory } from "./device_directory.ts";
import { LiveStream, type LiveStreamOptions } from "./live_stream.ts";
import { Problem } from "./problem.ts";
import { TagChangeRing } from "./tag_change_ring.ts";

/** Times and bounds of the live streams; tests make them short. */
export interface LiveTimings {
  /** Changes within this time are sent together, ms. */
  readonly tickMs: number;
  /** The first change after a quiet time waits only so long for its companions, ms. */
  readonly firstMs: number;
  /** A stream that has nothing to say says so after this time, ms. */
  readonly heartbeatMs: number;
  /** Time between two status events, ms. */
  readonly statusMs: number;
  /** A client that takes nothing for so long is cut off, ms. */
  readonly stallMs: number;
  /** Streams at one time. */
  readonly maxStreams: number;
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
  readonly #streams = new Set<LiveStream>();
  readonly #unsubscribe: readonly (() => void)[];
  #definitions = 0;
  #alarmChanges = 0;
  #newestEvent: number;
  #tick: ReturnType<typeof setTimeout> | undefined;
  #tickedMs = -Infinity;
  #stallCheck: ReturnType<typeof setInterval> | undefined;
  #stopped = false;
  #sentBytes = 0;

  constructor(options: LiveHubOptions) {
    this.tags = options.tags;
    this.feed = options.feed;
    this.alarms = options.alarms;
    this.devices = options.devices;
    this.status = options.status;
    this.timings = { ...defaultLiveTimings, ...options.timings };
    this.#unsubscribe = [
      this.tags.subscribe((batch) => {
        for (const { kind, tag } of batch) {
          if (kind === "live" || kind === "status") this.#note(tag);
        }
      }),
      this.tags.onDefinitions(() => {
        this.#definitions++;
        this.ring.clear();
        this.#wake();
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
    return this.#streams.size;
  }

  /** Bytes that streams have handed out since the start. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Used by a stream that hands out a message. */
  countSent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  /** A new stream; it counts from its first read on. Throws a {@link Problem} when there are too many. */
  open(options: LiveStreamOptions): LiveStream {
    if (this.#stopped) {
      throw new Problem(503, "stopping", "The gateway is stopping", { headers: { "retry-after": "5" } });
    }
    if (this.#streams.size >= this.timings.maxStreams) {
      throw new Problem(503, "too_many_streams", `All ${this.timings.maxStreams} live streams are in use`, {
        fix: "Close pages or programs that you no longer need",
        headers: { "retry-after": "5" },
      });
    }
    // half stays for others: nobody takes the live view from everybody else, or all connections of a shared address
    const most = Math.ceil(this.timings.maxStreams / 2);
    const held = (holder: string) => [...this.#streams].filter((stream) => stream.isOf(holder)).length;
    if (options.holders.some((holder) => held(holder) >= most)) {
      throw new Problem(503, "too_many_streams", `Nobody has more than ${most} live streams, and no address has`, {
        fix: "Close pages or programs that you no longer need",
        headers: { "retry-after": "5" },
      });
    }
    return new LiveStream(this, options);
  }

  /** Used by a stream when its client begins to read. */
  join(stream: LiveStream): void {
    this.#streams.add(stream);
    this.#stallCheck ??= setInterval(() => this.#cutStalled(), Math.max(10, this.timings.stallMs / 4));
  }

  /** Used by a stream that ended. */
  leave(stream: LiveStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) {
      clearInterval(this.#stallCheck);
      this.#stallCheck = undefined;
    }
  }

  /** Ends all streams and listens to nothing any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#tick);
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const stream of [...this.#streams]) stream.end();
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
      this.#wake();
    }, Math.max(Math.min(firstMs, tickMs), tickMs - quietMs));
  }

  #wake(): void {
    for (const stream of this.#streams) stream.wake();
  }

  #cutStalled(): void {
    const now = performance.now();
    for (const stream of [...this.#streams]) {
      if (stream.waitsForClientSince !== null && now - stream.waitsForClientSince > this.timings.stallMs) stream.cut();
    }
  }
}
