import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ListenAddress } from "../config/address.ts";
import { addressKey } from "../config/address_key.ts";
import { type ConnectionCaps, ConnectionLimits } from "./connection_limits.ts";
import { peekFirstByte, TLS_HANDSHAKE } from "./first_byte.ts";
import { PeerConnection, peerKey } from "./peer_connection.ts";
import { TokenBuckets } from "../telemetry/token_buckets.ts";

/** Connections that are still busy after this time are cut when the server stops, ms. */
const STOP_GRACE_MS = 500;

/** Limits on how slowly a client may be, ms. */
export interface HttpTimings {
  /** From connecting to the first byte, where HTTPS and HTTP are told apart by it. */
  readonly firstByteTimeoutMs: number;
  /** From the first byte to the end of the TLS handshake. */
  readonly handshakeTimeoutMs: number;
  /** From the first byte of a request to the end of its headers; also for a first request to come. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the end of its body. Answers, streams above all, take as long as they take. */
  readonly requestTimeoutMs: number;
  /** Between an answer and the next request. */
  readonly keepAliveTimeoutMs: number;
  /** During which a client takes nothing of an answer that waits for it. */
  readonly stallTimeoutMs: number;
}

/** What a server of `node:http` or `node:https` is guarded with. */
export interface GuardOptions {
  readonly timings: HttpTimings;
  readonly caps: ConnectionCaps;
  /**
   * Takes a connection to a TLS server that begins with something else than a TLS handshake, within
   * `headersTimeoutMs`; `null` where the server speaks plain HTTP.
   */
  readonly onPlain: ((socket: Socket) => void) | null;
  /** Called with its address when a newcomer is refused since nobody can make room for it. */
  readonly onRefused?: (address: string) => void;
  /** Called with its address when a newcomer is cut since too many came from there lately. */
  readonly onHurried?: (address: string) => void;
  /** Called when the server fails while it listens. */
  readonly onError: (error: Error) => void;
}

/** The settings of `createServer` that belong to the timings. */
export function serverOptions(timings: HttpTimings) {
  return {
    headersTimeout: timings.headersTimeoutMs,
    requestTimeout: timings.requestTimeoutMs,
    connectionsCheckingInterval: Math.min(timings.headersTimeoutMs, 5_000),
    keepAliveTimeout: timings.keepAliveTimeoutMs,
  };
}

/**
 * Stands before a server: limits how many connections there are, and cuts the clients that are too slow, from their
 * first byte to their last. Whatever goes wrong with one connection ends that one alone.
 */
export class GuardedServer {
  readonly #server: Server;
  readonly #options: GuardOptions;
  readonly #limits: ConnectionLimits<PeerConnection>;
  readonly #peers = new Map<string, PeerConnection>();
  readonly #newcomers = new TokenBuckets();
  readonly #nextRequestMs: number;
  #stallTimer: ReturnType<typeof setInterval> | undefined;
  #stopping: Promise<void> | null = null;

  /** The server must not listen yet; made with {@link serverOptions}. */
  constructor(server: Server, options: GuardOptions) {
    const { timings, caps, onPlain } = options;
    this.#server = server;
    this.#options = options;
    this.#limits = new ConnectionLimits(caps);
    this.#nextRequestMs = timings.keepAliveTimeoutMs + timings.headersTimeoutMs;
    // the server's own way of taking a connection comes after ours
    const accept = server.listeners("connection");
    server.removeAllListeners("connection");
    const serve = (socket: Socket) => {
      for (const take of accept) take.call(server, socket);
    };
    server.on("connection", (socket: Socket) => {
      const peer = this.#admit(socket);
      if (peer === null) return;
      if (onPlain === null) {
        peer.allow(timings.headersTimeoutMs);
        return serve(socket);
      }
      peer.allow(timings.firstByteTimeoutMs);
      peekFirstByte(socket, (byte) => {
        if (byte === TLS_HANDSHAKE) {
          peer.allow(timings.handshakeTimeoutMs);
          serve(socket);
        } else {
          // all the time that a plain request has, whatever it is
          peer.allow(timings.headersTimeoutMs);
          onPlain(socket);
        }
      });
    });
    if (onPlain === null) return;
    // before the server reads the first request
    server.prependListener("secureConnection", (socket: TLSSocket) => {
      this.#peers.get(peerKey(socket))?.allow(timings.headersTimeoutMs);
    });
  }

  /** Connections that are open. */
  get size(): number {
    return this.#limits.size;
  }

  /** To be called first for each request whose headers have arrived. */
  begin(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const peer = this.#peers.get(peerKey(incoming.socket));
    peer?.begin(incoming, outgoing, this.#nextRequestMs, () => this.#limits.idles(peer));
  }

  /** Cuts every connection. */
  cutAll(): void {
    for (const peer of [...this.#limits.all()]) peer.cut();
  }

  /** Listens; gives the port. Rejects with the system's error (`EADDRINUSE`, …). */
  async listen({ host, port }: ListenAddress): Promise<number> {
    const { stallTimeoutMs } = this.#options.timings;
    const bound = await new Promise<number>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", this.#options.onError);
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
    this.#stallTimer = setInterval(() => {
      const nowMs = performance.now();
      for (const peer of [...this.#limits.all()]) peer.cutIfStalled(nowMs, stallTimeoutMs);
    }, Math.min(stallTimeoutMs, 5_000));
    return bound;
  }

  /** Finishes or cuts what is under way, and closes the listener. */
  stop(): Promise<void> {
    return this.#stopping ??= new Promise((resolve) => {
      clearInterval(this.#stallTimer);
      const cut = setTimeout(() => this.cutAll(), STOP_GRACE_MS);
      this.#server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const peer of [...this.#limits.all()]) {
        if (peer.state() === "idle") peer.cut();
      }
    });
  }

  #admit(socket: Socket): PeerConnection | null {
    socket.on("error", () => socket.destroy());
    const peer = new PeerConnection(socket);
    const { newPerMinute, newAtOnce } = this.#options.caps;
    const hurried = newPerMinute !== undefined &&
      !this.#newcomers.take(addressKey(peer.address), newPerMinute, newAtOnce).ok;
    if (hurried) {
      socket.destroy();
      this.#options.onHurried?.(peer.address);
      return null;
    }
    if (!this.#limits.admit(peer)) {
      socket.destroy();
      this.#options.onRefused?.(peer.address);
      return null;
    }
    this.#peers.set(peer.key, peer);
    socket.once("close", () => {
      this.#limits.remove(peer);
      if (this.#peers.get(peer.key) === peer) this.#peers.delete(peer.key);
    });
    return peer;
  }
}
