import { getLogger } from "@logtape/logtape";
import { HistoryUnavailableError } from "./history.ts";
import type { FromReader, ReaderCalls, ReaderKind, SalvagePart, ToReader } from "./reader_protocol.ts";

const log = getLogger(["edgekeep", "history"]);

const FIRST_RESTART_MS = 250;
const LAST_RESTART_MS = 30_000;
/** A worker that ran for so long was healthy: the next crash begins with the first wait again. */
const HEALTHY_MS = 60_000;
const CLOSE_MS = 2000;
/** A worker that runs on call ends when nothing was asked of it for so long. */
const IDLE_MS = 10_000;

/** How a lane is set up. */
export interface LaneOptions {
  /** Worker entry `reader.ts`. */
  readonly url: URL;
  readonly name: string;
  /** The history file. */
  readonly path: string;
  /** Folders that the worker may read and write. */
  readonly folders: readonly string[];
  /** `always`: runs from the start and is restarted; `on_call`: runs while it has something to do, and a little longer. */
  readonly runs: "always" | "on_call";
  readonly onUp?: () => void;
  readonly onDown?: (reason: string) => void;
  readonly onDamaged: (what: string, message: string) => void;
}

/** Somebody who reads the file. */
export interface Lane {
  /**
   * Asks for something. Rejects with {@link HistoryUnavailableError} while the reader is away or when it crashes, with
   * the signal's reason when aborted. `onPart` takes the parts of a salvage, one after the other.
   */
  call<K extends ReaderKind>(
    request: ReaderCalls[K]["request"],
    signal?: AbortSignal,
    onPart?: (part: SalvagePart) => Promise<void>,
  ): Promise<ReaderCalls[K]["result"]>;
  /** Another file took the place of the one that is open. */
  reopen(): void;
  /** Ends. What is under way rejects. */
  stop(): Promise<void>;
}

interface Call {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onPart: ((part: SalvagePart) => Promise<void>) | undefined;
}

/** One reader worker: calls to it by message, and its life cycle. */
export class ReaderLane implements Lane {
  readonly #options: LaneOptions;
  readonly #calls = new Map<number, Call>();
  #worker: Worker | null = null;
  #nextId = 1;
  #restartMs = FIRST_RESTART_MS;
  #startedAtMs = 0;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #onClosed: (() => void) | null = null;
  #stopped = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    if (options.runs === "always") this.#start();
  }

  call<K extends ReaderKind>(
    request: ReaderCalls[K]["request"],
    signal?: AbortSignal,
    onPart?: (part: SalvagePart) => Promise<void>,
  ): Promise<ReaderCalls[K]["result"]> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#stopped) return Promise.reject(new HistoryUnavailableError("Cannot read the history as it is stopping"));
    if (this.#worker === null && this.#options.runs === "on_call") this.#start();
    clearTimeout(this.#idleTimer);
    const worker = this.#worker;
    if (worker === null) {
      return Promise.reject(new HistoryUnavailableError("Cannot read the history as its reader is being restarted"));
    }
    const id = this.#nextId++;
    return new Promise<ReaderCalls[K]["result"]>((resolve, reject) => {
      const abort = () => {
        this.#calls.delete(id);
        if (this.#options.runs === "on_call") this.#kill();
        else post(worker, { type: "abort", id });
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const settle = <T>(how: (value: T) => void) => (value: T) => {
        signal?.removeEventListener("abort", abort);
        how(value);
      };
      this.#calls.set(id, {
        resolve: settle((result) => resolve(result as ReaderCalls[K]["result"])),
        reject: settle(reject),
        onPart,
      });
      post(worker, { type: "call", id, request });
    });
  }

  reopen(): void {
    if (this.#options.runs === "on_call") this.#kill();
    else if (this.#worker !== null) post(this.#worker, { type: "open", path: this.#options.path });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restartTimer);
    const worker = this.#worker;
    if (worker === null) return;
    // a closed connection is what lets the last one tidy up the log
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#onClosed = resolve;
      timer = setTimeout(resolve, CLOSE_MS);
      post(worker, { type: "close" });
    });
    clearTimeout(timer);
    this.#kill();
  }

  #start(): void {
    const { url, name, folders, path } = this.#options;
    this.#startedAtMs = performance.now();
    const worker = new Worker(url, {
      type: "module",
      name,
      deno: {
        permissions: {
          read: [...folders],
          write: [...folders],
          net: false,
          env: false,
          run: false,
          ffi: false,
          sys: false,
          import: false,
        },
      },
    });
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromReader>) => {
      if (worker === this.#worker) this.#receive(worker, data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.#crashed(event.message);
    };
    post(worker, { type: "open", path });
  }

  #receive(worker: Worker, message: FromReader): void {
    switch (message.type) {
      case "ready":
        this.#options.onUp?.();
        return;
      case "closed":
        this.#onClosed?.();
        return;
      case "damaged":
        this.#options.onDamaged(message.what, message.message);
        return;
      case "part": {
        const taken = () => post(worker, { type: "taken", id: message.id });
        const onPart = this.#calls.get(message.id)?.onPart;
        onPart?.(message.part).then(taken, (error) => this.#settle(message.id, (call) => call.reject(error)));
        return;
      }
      case "result":
        this.#settle(message.id, (call) => call.resolve(message.result));
        return;
      case "failed":
        this.#settle(message.id, (call) => call.reject(new Error(message.message)));
    }
  }

  #settle(id: number, how: (call: Call) => void): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    how(call);
    if (this.#options.runs !== "on_call" || this.#calls.size > 0) return;
    // starting a worker holds the thread for some milliseconds: jobs often come in a row
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#kill(), IDLE_MS);
  }

  #crashed(reason: string): void {
    const { name, runs } = this.#options;
    const ranMs = performance.now() - this.#startedAtMs;
    log.error("The worker {name} ended unexpectedly: {reason}", { event: "history_reader_crashed", name, reason });
    this.#kill();
    if (runs === "on_call" || this.#stopped) return;
    this.#options.onDown?.(reason);
    if (ranMs > HEALTHY_MS) this.#restartMs = FIRST_RESTART_MS;
    this.#restartTimer = setTimeout(() => this.#start(), this.#restartMs);
    this.#restartMs = Math.min(LAST_RESTART_MS, this.#restartMs * 2);
  }

  #kill(): void {
    clearTimeout(this.#idleTimer);
    const worker = this.#worker;
    this.#worker = null;
    worker?.terminate();
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.reject(new HistoryUnavailableError("Cannot read the history as its reader ended"));
    this.#onClosed?.();
  }
}

function post(worker: Worker, message: ToReader): void {
  worker.postMessage(message);
}
