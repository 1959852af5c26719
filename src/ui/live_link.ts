/** How the link to the gateway is. */
export type LinkState = "connecting" | "live" | "lost";

/** What the link tells. */
export interface LinkHandlers {
  /** A message came: its event name and parsed data. */
  readonly onMessage: (event: string, data: unknown) => void;
  /** The state changed. `sinceMs` is when the last message came (this browser's clock), for `lost`. */
  readonly onState: (state: LinkState, sinceMs: number) => void;
  /**
   * The stream was refused or ended: whether the gateway still lets this browser have one. `false` keeps the link
   * closed without calling it lost; a rejection means that the gateway cannot be asked.
   */
  readonly mayListen: () => Promise<boolean>;
}

/** Events of the stream. EventSource wants each name announced. */
const names = ["hello", "reset", "tags", "definitions", "mesh", "status", "event", "heartbeat"] as const;

/** Silence after which the link counts as lost although nothing broke: a cable was pulled. The gateway speaks each 2 s. */
const SILENCE_MS = 12_000;
/** A page that nobody sees gives its connection back: browsers have six for each server, over all tabs. */
const HIDDEN_MS = 60_000;
const RETRY_MS = [500, 1_000, 2_000, 3_000, 5_000] as const;

/**
 * Keeps one event stream open: notices when it breaks or falls silent, says so, tries again with growing pauses, and
 * goes on behind the last message.
 */
export class LiveLink {
  readonly #url: string;
  readonly #handlers: LinkHandlers;
  #source: EventSource | null = null;
  #lastId: string | null = null;
  #lastMessageMs = Date.now();
  #attempts = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #hide: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #state: LinkState = "connecting";

  /** @param url of the stream, with a query */
  constructor(url: string, handlers: LinkHandlers) {
    this.#url = url;
    this.#handlers = handlers;
  }

  /** Opens the stream and keeps it. */
  start(): void {
    this.#open();
    this.#watch = setInterval(() => {
      if (this.#source !== null && Date.now() - this.#lastMessageMs > SILENCE_MS) this.#broke();
    }, 1_000);
    document.addEventListener("visibilitychange", this.#onVisibility);
    addEventListener("online", this.#onOnline);
  }

  /** Tries at once, without waiting for the pause to end. */
  tryNow(): void {
    if (this.#source !== null && this.#state === "live") return;
    this.#open();
  }

  /** Closes the stream for good. */
  stop(): void {
    clearInterval(this.#watch);
    clearTimeout(this.#hide);
    this.#close();
    document.removeEventListener("visibilitychange", this.#onVisibility);
    removeEventListener("online", this.#onOnline);
  }

  readonly #onOnline = () => this.tryNow();

  readonly #onVisibility = () => {
    clearTimeout(this.#hide);
    if (document.visibilityState === "hidden") {
      this.#hide = setTimeout(() => {
        this.#close();
        // what is seen first on coming back is old until the stream is open again
        this.#setState("connecting");
      }, HIDDEN_MS);
    } else if (this.#source === null) {
      this.#attempts = 0;
      this.#open();
    }
  };

  #open(): void {
    this.#close();
    // while connecting, silence counts from now
    const openedMs = Date.now();
    const resume = this.#lastId === null ? "" : `&last_event_id=${encodeURIComponent(this.#lastId)}`;
    const source = new EventSource(`${this.#url}${resume}`);
    this.#source = source;
    const lastMessageMs = this.#lastMessageMs;
    this.#lastMessageMs = openedMs;
    source.onerror = () => {
      if (this.#source !== source) return;
      if (this.#state !== "live") this.#lastMessageMs = lastMessageMs;
      this.#refused(source);
    };
    for (const name of names) {
      source.addEventListener(name, (message: MessageEvent<string>) => {
        if (this.#source !== source) return;
        this.#lastMessageMs = Date.now();
        if (message.lastEventId !== "") this.#lastId = message.lastEventId;
        this.#attempts = 0;
        this.#setState("live");
        this.#handlers.onMessage(name, JSON.parse(message.data));
      });
    }
  }

  /** EventSource does not tell a refusal from a break, so who this browser is must be asked. */
  #refused(source: EventSource): void {
    source.close();
    this.#handlers.mayListen().then((may): LinkState | null => {
      if (!may) return null;
      // the gateway answers: a stream that ended once is opened anew before anybody is alarmed
      return this.#attempts === 0 ? "connecting" : "lost";
    }, () => "lost" as const).then((state) => {
      if (this.#source !== source) return;
      if (state === null) this.#close();
      else this.#broke(state);
    });
  }

  #broke(state: LinkState = "lost"): void {
    this.#close();
    this.#setState(state);
    const pause = RETRY_MS[Math.min(this.#attempts++, RETRY_MS.length - 1)];
    this.#retry = setTimeout(() => this.#open(), pause);
  }

  #close(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  #setState(state: LinkState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#handlers.onState(state, this.#lastMessageMs);
  }
}
