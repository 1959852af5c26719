/** One server-sent event. */
export interface ServerSentEvent {
  readonly event: string;
  readonly id: string | null;
  // deno-lint-ignore no-explicit-any -- tests look into answers of every shape
  readonly data: any;
}

/** Reads server-sent events from an answer, one after the other. */
export class EventStreamReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(answer: Response) {
    if (answer.status !== 200 || answer.body === null) {
      throw new Error(`Cannot read a stream of status ${answer.status}`);
    }
    this.#reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next event; `null` when the stream ended. */
  async next(): Promise<ServerSentEvent | null> {
    let end = this.#rest.indexOf("\n\n");
    while (end < 0) {
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#rest += value;
      end = this.#rest.indexOf("\n\n");
    }
    const lines = this.#rest.slice(0, end).split("\n");
    this.#rest = this.#rest.slice(end + 2);
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    return { event: field("event") ?? "message", id: field("id") ?? null, data: JSON.parse(field("data") ?? "null") };
  }

  /** The next event of this name; events of other names before it are passed over. */
  async until(name: string): Promise<ServerSentEvent> {
    for (;;) {
      const event = await this.next();
      if (event === null) throw new Error(`The stream ended before an event '${name}'`);
      if (event.event === name) return event;
    }
  }

  /** Reads on until the stream is over, whether it ended or its connection broke. */
  async over(): Promise<void> {
    try {
      while (await this.next() !== null);
    } catch (error) {
      // what fetch makes of a connection that breaks
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Goes away, as a closed browser does. */
  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}
