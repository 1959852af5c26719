import type { Tag } from "../tags/tag.ts";
import { formatTime } from "../telemetry/time_text.ts";
import type { LiveHub } from "./live_hub.ts";
import { viewEvent, viewStatus } from "./status_view.ts";
import { viewTagChange } from "./tag_view.ts";

/** One message never holds more tags than this, so that a message stays well below the socket's buffers. */
const TAGS_A_MESSAGE = 500;

/** What a client asked for. */
export interface LiveStreamOptions {
  readonly wants: (tag: Tag) => boolean;
  /** The id of the last message that the client has, to go on from. */
  readonly lastEventId: string | null;
  readonly withStatus: boolean;
  readonly withEvents: boolean;
  readonly withAlarms: boolean;
  /** Whom the stream counts for: who asks, and the address that it comes from. */
  readonly holders: readonly string[];
  /** Breaks the connection of a client that takes nothing any more. */
  readonly breakConnection: () => void;
}

/**
 * One client's stream of server-sent events. It makes a message only when the client is ready to take it (the
 * `ReadableStream` asks), from what the hub knows at that moment, so it holds nothing but its position.
 */
export class LiveStream {
  readonly readable: ReadableStream<Uint8Array>;
  /** Since when a message waits to be taken (monotonic ms); `null` while the stream itself has nothing to send. */
  waitsForClientSince: number | null = null;
  readonly #hub: LiveHub;
  readonly #options: LiveStreamOptions;
  readonly #encoder = new TextEncoder();
  readonly #messages: AsyncGenerator<string, void>;
  #joined = false;
  #ended = false;
  #cancelled = false;
  #wake: (() => void) | undefined;

  constructor(hub: LiveHub, options: LiveStreamOptions) {
    this.#hub = hub;
    this.#options = options;
    this.#messages = this.#run();
    this.readable = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (!this.#joined) {
          this.#joined = true;
          hub.join(this);
        }
        this.waitsForClientSince = null;
        const { value, done } = await this.#messages.next();
        if (this.#cancelled) return;
        if (done) {
          hub.leave(this);
          controller.close();
        } else {
          this.waitsForClientSince = performance.now();
          const bytes = this.#encoder.encode(value);
          hub.countSent(bytes.length);
          controller.enqueue(bytes);
        }
      },
      cancel: () => {
        this.#cancelled = true;
        this.end();
      },
    }, { highWaterMark: 0 });
  }

  /** Whether the stream counts for this holder. */
  isOf(holder: string): boolean {
    return this.#options.holders.includes(holder);
  }

  /** Tells the stream that there may be something to send. */
  wake(): void {
    this.#wake?.();
  }

  /** Ends the stream after the message that is under way. */
  end(): void {
    this.#ended = true;
    this.#hub.leave(this);
    this.#wake?.();
  }

  /** Ends the stream of a client that does not read. */
  cut(): void {
    this.end();
    this.#options.breakConnection();
  }

  async *#run(): AsyncGenerator<string, void> {
    const { timings, instance, ring, feed, devices } = this.#hub;
    const { withStatus, withEvents, withAlarms, wants } = this.#options;
    let position = this.#resumePosition();
    let definitions = this.#hub.definitions;
    let eventSequence = withEvents ? this.#hub.newestEvent : 0;
    let alarmChanges = withAlarms ? -1 : null;
    let statusDueMs = 0;
    let heartbeatDueMs = performance.now() + timings.heartbeatMs;
    const sent = () => heartbeatDueMs = performance.now() + timings.heartbeatMs;

    yield `retry: 2000\n${message("hello", { instance, now: this.#now() })}`;
    if (withStatus) {
      // before the tags: the overview waits for nothing else
      statusDueMs = performance.now() + timings.statusMs;
      yield message("status", viewStatus(this.#hub.status(), devices));
    }
    while (!this.#ended) {
      if (definitions !== this.#hub.definitions) {
        definitions = this.#hub.definitions;
        position = null;
        yield message("definitions", { count: this.#hub.tags.size });
        sent();
      }
      const known = position === null ? null : ring.since(position);
      const tags = (known ?? [...this.#hub.tags.list()]).filter(wants);
      const upTo = ring.sequence;
      if (known === null) yield message("reset", { count: tags.length });
      for (let index = 0; index < tags.length && !this.#ended; index += TAGS_A_MESSAGE) {
        const last = index + TAGS_A_MESSAGE >= tags.length;
        const id = last ? `${instance}.${definitions}.${upTo}` : null;
        yield message("tags", tags.slice(index, index + TAGS_A_MESSAGE).map(viewTagChange), id);
        sent();
      }
      position = upTo;
      if (withEvents && eventSequence !== this.#hub.newestEvent) {
        for (const entry of feed.since(eventSequence)) {
          eventSequence = entry.sequence;
          yield message("event", viewEvent(entry, devices));
          sent();
        }
      }
      if (alarmChanges !== null && alarmChanges !== this.#hub.alarmChanges) {
        alarmChanges = this.#hub.alarmChanges;
        yield message("alarms", { counts: this.#hub.alarms.counts() });
        sent();
      }
      const now = performance.now();
      if (withStatus && now >= statusDueMs) {
        statusDueMs = now + timings.statusMs;
        yield message("status", viewStatus(this.#hub.status(), devices));
        sent();
      } else if (now >= heartbeatDueMs) {
        yield message("heartbeat", { now: this.#now() });
        sent();
      }
      if (!this.#ended && this.#nothingNew(position, definitions, withEvents ? eventSequence : null, alarmChanges)) {
        const dueMs = withStatus ? Math.min(statusDueMs, heartbeatDueMs) : heartbeatDueMs;
        await this.#waitUntil(dueMs);
      }
    }
  }

  /** The tick that the client has seen; `null` when it must get everything. */
  #resumePosition(): number | null {
    const match = /^([0-9a-f]+)\.(\d{1,15})\.(\d{1,15})$/.exec(this.#options.lastEventId ?? "");
    if (match === null) return null;
    const [, instance, definitions, sequence] = match;
    if (instance !== this.#hub.instance || Number(definitions) !== this.#hub.definitions) return null;
    return Number(sequence);
  }

  #now(): string {
    return formatTime(this.#hub.status().nowUs);
  }

  #nothingNew(
    position: number,
    definitions: number,
    eventSequence: number | null,
    alarmChanges: number | null,
  ): boolean {
    return (alarmChanges === null || alarmChanges === this.#hub.alarmChanges) && position === this.#hub.ring.sequence &&
      definitions === this.#hub.definitions &&
      (eventSequence === null || eventSequence === this.#hub.newestEvent);
  }

  #waitUntil(dueMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, dueMs - performance.now()));
      this.#wake = done;
    });
  }
}

function message(event: string, data: unknown, id: string | null = null): string {
  return `${id === null ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
