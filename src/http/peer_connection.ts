import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ConnectionState, LimitedConnection } from "./connection_limits.ts";

/** One client's connection, from its first byte to its end: what it does, and how long it may take for that. */
export class PeerConnection implements LimitedConnection {
  readonly address: string;
  /** Names the connection among all that are open. */
  readonly key: string;
  readonly #raw: Socket;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #request: IncomingMessage | null = null;
  #answered = false;
  /** Bytes of the answer that the system had taken at the last look, and since when it is that many. */
  #written = -1;
  #writtenMs = 0;

  constructor(raw: Socket) {
    this.#raw = raw;
    this.address = raw.remoteAddress ?? "";
    this.key = peerKey(raw);
    raw.once("close", () => clearTimeout(this.#deadline));
  }

  state(): ConnectionState {
    if (this.#request !== null) return this.#request.complete ? "busy" : "fresh";
    return this.#answered ? "idle" : "fresh";
  }

  cut(): void {
    clearTimeout(this.#deadline);
    this.#raw.destroy();
  }

  /** Gives the client this long, ms, for its next step. Takes the place of the time that it had. */
  allow(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.cut(), ms);
  }

  /**
   * A request's headers have arrived.
   *
   * @param nextMs time that the next request may take to come, ms from the end of the answer
   * @param onIdle called when the answer has ended and the connection stays
   */
  begin(request: IncomingMessage, answer: ServerResponse, nextMs: number, onIdle: () => void): void {
    clearTimeout(this.#deadline);
    this.#request = request;
    this.#written = -1;
    answer.once("close", () => {
      // a client that sends the next request before it has this answer is at that one already
      if (this.#request !== request) return;
      this.#request = null;
      this.#answered = true;
      if (this.#raw.destroyed) return;
      this.allow(nextMs);
      onIdle();
    });
  }

  /** Cuts the connection when the client has taken nothing of an answer that waits for it, for `limitMs`. */
  cutIfStalled(nowMs: number, limitMs: number): void {
    const socket = this.#request?.socket;
    if (socket === undefined || socket.writableLength === 0) {
      this.#written = -1;
      return;
    }
    const written = socket.bytesWritten;
    if (written !== this.#written) {
      this.#written = written;
      this.#writtenMs = nowMs;
    } else if (nowMs - this.#writtenMs >= limitMs) {
      this.cut();
    }
  }
}

/** The same text for a connection and for the TLS session on it. */
export function peerKey({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress} ${remotePort}`;
}
