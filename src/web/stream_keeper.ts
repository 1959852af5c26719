import { EventStream, type StreamHolder, type StreamOwner } from "./event_stream.ts";
import { Problem } from "./problem.ts";

/** Bounds of live streams. */
export interface StreamBounds {
  /** A client that takes nothing for so long is cut off, ms. */
  readonly stallMs: number;
  /** Streams at one time. */
  readonly maxStreams: number;
}

/** Keeps the open streams: how many there may be, who waits for whom, and what they sent. */
export class StreamKeeper implements StreamOwner {
  readonly #bounds: StreamBounds;
  readonly #streams = new Set<EventStream>();
  #stallCheck: ReturnType<typeof setInterval> | undefined;
  #stopped = false;
  #sentBytes = 0;

  constructor(bounds: StreamBounds) {
    this.#bounds = bounds;
  }

  /** Streams that are open now. */
  get size(): number {
    return this.#streams.size;
  }

  /** Bytes that streams have handed out since the start. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** A new stream; it counts from its first read on. Throws a {@link Problem} when there are too many. */
  open(holder: StreamHolder, messages: (stream: EventStream) => AsyncGenerator<string, void>): EventStream {
    const { maxStreams } = this.#bounds;
    if (this.#stopped) {
      throw new Problem(503, "stopping", "The gateway is stopping", { headers: { "retry-after": "5" } });
    }
    if (this.#streams.size >= maxStreams) {
      throw new Problem(503, "too_many_streams", `All ${maxStreams} live streams are in use`, {
        fix: "Close pages or programs that you no longer need",
        headers: { "retry-after": "5" },
      });
    }
    // half stays for others: nobody takes the live view from everybody else, or all connections of a shared address
    const most = Math.ceil(maxStreams / 2);
    const held = (one: string) => [...this.#streams].filter((stream) => stream.isOf(one)).length;
    if (holder.holders.some((one) => held(one) >= most)) {
      throw new Problem(503, "too_many_streams", `Nobody has more than ${most} live streams, and no address has`, {
        fix: "Close pages or programs that you no longer need",
        headers: { "retry-after": "5" },
      });
    }
    return new EventStream(this, holder, messages);
  }

  join(stream: EventStream): void {
    this.#streams.add(stream);
    this.#stallCheck ??= setInterval(() => this.#cutStalled(), Math.max(10, this.#bounds.stallMs / 4));
  }

  leave(stream: EventStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) {
      clearInterval(this.#stallCheck);
      this.#stallCheck = undefined;
    }
  }

  countSent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  /** Tells every stream that there may be something to send. */
  wake(): void {
    for (const stream of this.#streams) stream.wake();
  }

  /** Ends all streams, and opens none any more. */
  stop(): void {
    this.#stopped = true;
    for (const stream of [...this.#streams]) stream.end();
  }

  #cutStalled(): void {
    const now = performance.now();
    for (const stream of [...this.#streams]) {
      if (stream.waitsForClientSince !== null && now - stream.waitsForClientSince > this.#bounds.stallMs) stream.cut();
    }
  }
}
