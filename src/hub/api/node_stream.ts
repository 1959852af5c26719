import type { ServerResponse } from "node:http";
import { formatStreamPosition, type StreamPosition } from "../../mesh/api_messages.ts";
import { maxReplayedEvents } from "../../mesh/constants.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { HubCore } from "../hub_core.ts";

/** What a stream is made from. */
export interface NodeStreamOptions {
  readonly core: HubCore;
  readonly node: NodeId;
  /** Nonce of the request that opened it, base64. */
  readonly nonce: string;
  /** Where the node says it stands; `null`: nowhere, it needs its state. */
  readonly position: StreamPosition | null;
  readonly outgoing: ServerResponse;
  /** Bytes that may wait for the reader before nothing more is made for it. */
  readonly bufferBytes: number;
  /** Called when the reader has taken what waited for it. */
  readonly onRoom: (stream: NodeStream) => void;
}

/** Whether a stream has sent all that there is. `more`: there is, and room for it; `full`: its reader has to read first. */
export type Progress = "done" | "more" | "full";

/** Messages of one stream in one go, so that others come to their turn. */
const MESSAGES_AT_ONCE = 32;

/**
 * The events of one node as server-sent events: each has the position behind it as its id and one data line, an envelope
 * that answers the request which opened the stream. What is sent is read from the store when there is room for it: a
 * slow reader costs no memory, and nothing is missed or sent twice.
 */
export class NodeStream {
  readonly node: NodeId;
  readonly #options: NodeStreamOptions;
  #position: StreamPosition | null;
  #tickDue = false;
  #opened = false;
  #full = false;
  #ended = false;

  constructor(options: NodeStreamOptions) {
    this.#options = options;
    this.node = options.node;
    this.#position = options.position;
  }

  /** Bytes that wait for the reader. */
  get waitingBytes(): number {
    return this.#options.outgoing.writableLength;
  }

  /** Whether it waits for its reader. */
  get full(): boolean {
    return this.#full;
  }

  get ended(): boolean {
    return this.#ended || this.#options.outgoing.destroyed;
  }

  /** Begins the answer; what it says comes with {@link send}. */
  begin(): void {
    const { outgoing } = this.#options;
    outgoing.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      // a stream that ends takes its connection along
      "connection": "close",
      "x-accel-buffering": "no",
    });
    outgoing.flushHeaders();
  }

  /** The next {@link send} ends with a tick. */
  tickIsDue(): void {
    this.#tickDue = true;
  }

  /**
   * Sends what is there, up to a number of messages.
   *
   * @param mayState asked before a state is made; false: it is as if there were no room
   * @throws what the core throws when it cannot sign for the node
   */
  send(mayState: () => boolean): Progress {
    if (this.ended) return "done";
    if (this.#full) return "full";
    // what is sent in one go is one TLS record and one call of the system
    this.#options.outgoing.cork();
    try {
      return this.#sendSome(mayState);
    } finally {
      this.#options.outgoing.uncork();
    }
  }

  #sendSome(mayState: () => boolean): Progress {
    const { core, node, nonce } = this.#options;
    if (!this.#opened) {
      this.#opened = true;
      this.#openWithTick();
    }
    const from = this.#position;
    const events = from === null ? null : core.eventsAfter(node, from.epoch, from.sequence, maxReplayedEvents);
    if (events === null) {
      if (!mayState()) return "full";
      const text = core.stateEnvelope(node, nonce);
      this.#position = positionOf(text);
      this.#write(text, this.#position);
      return this.#full ? "full" : "more";
    }
    let sent = 0;
    for (const event of events) {
      if (sent >= MESSAGES_AT_ONCE) return "more";
      const { epoch, sequence } = event;
      this.#write(core.eventEnvelope(node, event, nonce), this.#position = { epoch, sequence });
      sent++;
      if (this.#full) return "full";
    }
    // behind the events: a tick that names an event which was not sent yet would send the node for its state
    if (this.#tickDue) {
      this.#tickDue = false;
      const text = core.tickEnvelope(node, nonce);
      this.#write(text, positionOf(text));
    }
    return this.#full ? "full" : "done";
  }

  /** Ends it; its connection is cut when it does not end by itself. */
  end(graceMs: number): void {
    if (this.#ended) return;
    this.#ended = true;
    const { outgoing } = this.#options;
    const { socket } = outgoing;
    outgoing.end();
    if (socket === null || socket.destroyed) return;
    const cut = setTimeout(() => socket.destroy(), graceMs);
    socket.once("close", () => clearTimeout(cut));
  }

  #openWithTick(): void {
    const { core, node, nonce } = this.#options;
    const text = core.tickEnvelope(node, nonce);
    const now = positionOf(text);
    const from = this.#position;
    if (from !== null && (from.epoch > now.epoch || (from.epoch === now.epoch && from.sequence > now.sequence))) {
      // the node is ahead of this hub: it sees so from the tick, and nothing that follows would convince it
      this.#position = now;
    }
    // the id is where the reader stands, and one that is behind has not got to the tick's position by getting the tick
    this.#write(text, from !== null && from.epoch === now.epoch && from.sequence === now.sequence ? now : null);
  }

  #write(text: string, id: StreamPosition | null): void {
    const { outgoing, bufferBytes, onRoom } = this.#options;
    outgoing.write(`${id === null ? "" : `id: ${formatStreamPosition(id)}\n`}data: ${text}\n\n`);
    if (this.#full || outgoing.writableLength < bufferBytes) return;
    this.#full = true;
    outgoing.once("drain", () => {
      this.#full = false;
      onRoom(this);
    });
  }
}

/** Epoch and sequence of an envelope of ours, whose members stand in the order of RFC 8785. */
function positionOf(envelope: string): StreamPosition {
  // payload and everything else that others have written lie between the two
  const epoch = /^\{"audience":"[^"]*","epoch":(\d+),/.exec(envelope.slice(0, 128))?.[1];
  const sequence = /"sequence":(\d+),"signature":"[^"]*","typ":"ek\.event","v":1\}$/.exec(envelope.slice(-256))?.[1];
  if (epoch === undefined || sequence === undefined) throw new Error("Cannot find the position in an own envelope");
  return { epoch: Number(epoch), sequence: Number(sequence) };
}
