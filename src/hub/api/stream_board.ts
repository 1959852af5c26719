import type { ServerResponse } from "node:http";
import type { StreamPosition } from "../../mesh/api_messages.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { HubCore } from "../hub_core.ts";
import type { HubApiLimits, HubApiTimings } from "./api_limits.ts";
import { NodeStream } from "./node_stream.ts";

/** What the board is made from. */
export interface StreamBoardOptions {
  readonly core: HubCore;
  readonly limits: Pick<HubApiLimits, "streamBufferBytes" | "allStreamBufferBytes">;
  readonly timings: Pick<HubApiTimings, "tickMs" | "sliceMs" | "closeGraceMs">;
  /** Told when a stream ended because the core could not say what to send. */
  readonly onFailed: (node: NodeId, error: unknown) => void;
  /** 0 to 1, for the first tick. */
  readonly random?: () => number;
}

/** How a stream is opened. */
export interface StreamOpening {
  readonly node: NodeId;
  /** Nonce of the request, base64. */
  readonly nonce: string;
  readonly position: StreamPosition | null;
  readonly outgoing: ServerResponse;
}

/**
 * All streams, at most one of each node. An event for many nodes is made and signed one stream after the other, in short
 * turns between which everything else goes on.
 */
export class StreamBoard {
  readonly #options: StreamBoardOptions;
  readonly #streams = new Map<NodeId, NodeStream>();
  readonly #ticks = new Map<NodeStream, ReturnType<typeof setTimeout>>();
  /** Those that may have something to send, in the order of their turns. */
  readonly #due = new Set<NodeStream>();
  /** Those whose readers have to read first. */
  readonly #full = new Set<NodeStream>();
  /** Those that need a state, while too much waits for all readers together. */
  readonly #waiting = new Set<NodeStream>();
  readonly #unsubscribe: readonly (() => void)[];
  #turn: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(options: StreamBoardOptions) {
    this.#options = options;
    this.#unsubscribe = [
      options.core.onEvent((node) => this.#toDo(this.#streams.get(node))),
      options.core.onClosed((node) => this.#streams.get(node)?.end(options.timings.closeGraceMs)),
    ];
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** Opens a node's stream, and ends the one that it has. */
  open({ node, nonce, position, outgoing }: StreamOpening): void {
    const { core, limits, timings, random = Math.random } = this.#options;
    const stream = new NodeStream({
      core,
      node,
      nonce,
      position,
      outgoing,
      bufferBytes: limits.streamBufferBytes,
      onRoom: (ready) => this.#room(ready),
    });
    outgoing.once("close", () => this.#closed(stream));
    const before = this.#streams.get(node);
    this.#streams.set(node, stream);
    if (before === undefined) core.streamOpened(node);
    else before.end(timings.closeGraceMs);
    stream.begin();
    // so that the ticks of nodes that came together do not come together for ever
    this.#tickAfter(stream, random() * timings.tickMs);
    this.#toDo(stream);
  }

  /** Ends every stream. */
  stop(): void {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    clearTimeout(this.#turn);
    for (const stream of [...this.#streams.values()]) {
      stream.end(this.#options.timings.closeGraceMs);
      this.#closed(stream);
    }
  }

  #tickAfter(stream: NodeStream, ms: number): void {
    const { tickMs } = this.#options.timings;
    const timer = setTimeout(() => {
      stream.tickIsDue();
      this.#toDo(stream);
      this.#tickAfter(stream, tickMs);
    }, ms);
    this.#ticks.set(stream, timer);
  }

  #toDo(stream: NodeStream | undefined): void {
    if (stream === undefined || this.#stopped) return;
    this.#due.add(stream);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#due.size === 0) return;
    this.#turn ??= setTimeout(() => {
      this.#turn = undefined;
      this.#takeTurn();
      this.#schedule();
    }, 0);
  }

  #takeTurn(): void {
    const endMs = performance.now() + this.#options.timings.sliceMs;
    for (const stream of this.#due) {
      this.#due.delete(stream);
      this.#send(stream);
      if (performance.now() >= endMs) return;
    }
  }

  #send(stream: NodeStream): void {
    try {
      const progress = stream.send(() => this.#mayMakeState());
      if (progress === "more") this.#due.add(stream);
      if (progress !== "full") return;
      if (stream.full) this.#full.add(stream);
      else this.#waiting.add(stream);
    } catch (error) {
      stream.end(this.#options.timings.closeGraceMs);
      this.#options.onFailed(stream.node, error);
    }
  }

  /** States are large: slow readers together do not get more of them than fit. */
  #mayMakeState(): boolean {
    let waitingBytes = 0;
    for (const stream of this.#full) waitingBytes += stream.waitingBytes;
    return waitingBytes < this.#options.limits.allStreamBufferBytes;
  }

  #room(stream: NodeStream): void {
    this.#full.delete(stream);
    this.#letWaitingOn();
    this.#toDo(stream);
  }

  #letWaitingOn(): void {
    for (const stream of this.#waiting) this.#due.add(stream);
    this.#waiting.clear();
    if (!this.#stopped) this.#schedule();
  }

  #closed(stream: NodeStream): void {
    clearTimeout(this.#ticks.get(stream));
    if (!this.#ticks.delete(stream)) return;
    for (const set of [this.#due, this.#full, this.#waiting]) set.delete(stream);
    this.#letWaitingOn();
    if (this.#streams.get(stream.node) !== stream) return;
    this.#streams.delete(stream.node);
    this.#options.core.streamClosed(stream.node);
  }
}
