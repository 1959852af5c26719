/** Who keeps an eye on open streams. */
export interface StreamOwner {
  /** Called when the client begins to read. */
  join(stream: EventStream): void;
  /** Called when the stream ends. */
  leave(stream: EventStream): void;
  /** Called for each message that is handed out. */
  countSent(bytes: number): void;
}

/** Whose stream it is. */
export interface StreamHolder {
  /** Whom the stream counts for: who asks, and the address that it comes from. */
  readonly holders: readonly string[];
  /** Breaks the connection of a client that takes nothing any more. */
  readonly breakConnection: () => void;
}

/**
 * One client's stream of server-sent events. A message is made only when the client is ready to take it (the
 * `ReadableStream` asks), so the stream holds nothing but its position.
 */
export class EventStream {
  readonly readable: ReadableStream<Uint8Array>;
  /** Since when a message waits to be taken (monotonic ms); `null` while the stream itself has nothing to send. */
  waitsForClientSince: number | null = null;
  readonly #owner: StreamOwner;
  readonly #holder: StreamHolder;
  #joined = false;
  #ended = false;
  #cancelled = false;
  #wake: (() => void) | undefined;

  /** @param messages makes the messages as they are asked for, until {@link ended} */
  constructor(
    owner: StreamOwner,
    holder: StreamHolder,
    messages: (stream: EventStream) => AsyncGenerator<string, void>,
  ) {
    this.#owner = owner;
    this.#holder = holder;
    const encoder = new TextEncoder();
    const source = messages(this);
    this.readable = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (!this.#joined) {
          this.#joined = true;
          owner.join(this);
        }
        this.waitsForClientSince = null;
        const { value, done } = await source.next();
        if (this.#cancelled) return;
        if (done) {
          owner.leave(this);
          controller.close();
        } else {
          this.waitsForClientSince = performance.now();
          const bytes = encoder.encode(value);
          owner.countSent(bytes.length);
          controller.enqueue(bytes);
        }
      },
      cancel: () => {
        this.#cancelled = true;
        this.end();
      },
    }, { highWaterMark: 0 });
  }

  /** Whether no further message is wanted. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the stream counts for this holder. */
  isOf(holder: string): boolean {
    return this.#holder.holders.includes(holder);
  }

  /** Tells the stream that there may be something to send. */
  wake(): void {
    this.#wake?.();
  }

  /** Waits until {@link wake}, or until a monotonic time, ms. */
  waitUntil(dueMs: number): Promise<void> {
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

  /** Ends the stream after the message that is under way. */
  end(): void {
    this.#ended = true;
    this.#owner.leave(this);
    this.#wake?.();
  }

  /** Ends the stream of a client that does not read. */
  cut(): void {
    this.end();
    this.#holder.breakConnection();
  }
}

/** One server-sent event as text. */
export function eventText(event: string, data: unknown, id: string | null = null): string {
  return `${id === null ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
