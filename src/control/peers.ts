import type { Socket } from "node:net";
import { getLogger } from "@logtape/logtape";
import type { Principal, Transport } from "../access/principal.ts";
import { peerAddress } from "../config/address.ts";
import type { SessionEntry } from "../operations/session_source.ts";
import { admit, type Seat } from "./admission.ts";
import { Connection, type ConnectionParts } from "./connection.ts";
import type { TlsDoor } from "./tls_door.ts";

const log = getLogger(["edgekeep", "control"]);
const KEEP_ALIVE_MS = 30_000;
/**
 * Time that calls have to notice that their peer was cut, ms. One that waits for whatever stops the endpoint, as a change
 * of the configuration that restarts it, would otherwise never let it stop.
 */
const SETTLE_MS = 2_000;
/** Time that a peer has to take the line that says why it is not let in, ms. */
const REFUSAL_MS = 1_000;

/** A peer from the moment it is accepted. */
interface Peer {
  readonly id: string;
  readonly address: string;
  readonly transport: Transport;
  readonly raw: Socket;
  readonly openedMs: number;
  readonly createdUs: number;
  /** `null` while TLS is being agreed on. */
  connection: Connection | null;
}

/** What the peers of one endpoint have in common. */
export interface PeersOptions extends Omit<ConnectionParts, "enter"> {
  /** Who a peer is without a token: `local` on a unix socket that asks for none, else `null`. */
  readonly principal: Principal | null;
  readonly unix: boolean;
  /** `null`: plain text. */
  readonly tls: TlsDoor | null;
}

/** All connections of the control endpoint, within its limits. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #leaving = new Set<Connection>();
  /** Sockets that only read why they are closed. */
  readonly #dismissed = new Set<Socket>();
  #count = 0;
  #stopped = false;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#peers.size;
  }

  /** Takes a connection that was accepted. */
  accept(raw: Socket): void {
    const { unix, tls, nowUs } = this.#options;
    // an error without a listener would end the process
    raw.on("error", () => {});
    if (this.#stopped) {
      raw.destroy();
      return;
    }
    const address = unix ? "local" : peerAddress(raw.remoteAddress);
    const openedMs = performance.now();
    if (!this.#makeRoom(false, address)) return this.#turnAway(raw);
    const transport = unix ? "unix" : tls === null ? "tcp" : "tls";
    const id = `control-${++this.#count}`;
    const peer: Peer = { id, address, transport, raw, openedMs, createdUs: nowUs(), connection: null };
    this.#peers.set(id, peer);
    raw.once("close", () => this.#remove(peer));
    if (!unix) raw.setKeepAlive(true, KEEP_ALIVE_MS);
    if (tls === null) return this.#open(peer, raw);
    tls.open(raw, {
      onSecure: (socket) => this.#open(peer, socket),
      onPlain: () => this.#refuse(raw, "bad_request", "This port speaks TLS: connect with TLS 1.2 or newer"),
    });
  }

  list(): SessionEntry[] {
    return [...this.#peers.values()].map(({ id, address, transport, createdUs, connection }) => {
      const principal = connection?.principal ?? null;
      return {
        id,
        kind: "control",
        name: principal?.name ?? null,
        role: principal?.role ?? null,
        address,
        client: transport,
        createdUs,
        lastUsedUs: connection?.lastUsedUs ?? null,
        expiresUs: principal?.expiresUs ?? null,
      };
    });
  }

  /** Ends one; `false` when there is none with this id. */
  close(id: string): boolean {
    const peer = this.#peers.get(id);
    if (peer === undefined) return false;
    this.#dismiss(peer, "unavailable", "Closed by an admin");
    return true;
  }

  /** Closes who was idle, or took its time, for too long. Called about every second. */
  sweep(): void {
    const nowMs = performance.now();
    for (const { connection, raw, openedMs } of this.#peers.values()) {
      if (connection !== null) connection.sweep(nowMs);
      else if (nowMs - openedMs > this.#options.limits.handshakeMs) raw.destroy();
    }
  }

  /** Cuts all and waits, not for ever, until nothing runs for them any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const connections = [...this.#peers.values()].flatMap(({ connection }) => connection ?? []);
    for (const { raw, connection } of this.#peers.values()) {
      connection?.destroy();
      raw.destroy();
    }
    for (const raw of this.#dismissed) raw.destroy();
    const settled = Promise.all([...connections, ...this.#leaving].map((connection) => connection.settled()));
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, SETTLE_MS);
    await Promise.race([settled, late]);
    clearTimeout(timer);
    this.#peers.clear();
  }

  #open(peer: Peer, socket: Socket): void {
    if (!this.#peers.has(peer.id)) {
      socket.destroy();
      return;
    }
    const { address, transport } = peer;
    peer.connection = new Connection(socket, { address, transport }, this.#options.principal, {
      ...this.#options,
      enter: () => {
        const free = this.#makeRoom(true, address);
        if (!free) this.#tellFull();
        return free;
      },
    });
    // with TLS, the end of either is the end of both
    if (socket !== peer.raw) socket.once("close", () => peer.raw.destroy());
  }

  #remove(peer: Peer): void {
    this.#peers.delete(peer.id);
    const { connection } = peer;
    if (connection === null) return;
    connection.destroy();
    this.#leaving.add(connection);
    // settled never rejects: calls catch what they throw
    void connection.settled().finally(() => this.#leaving.delete(connection));
  }

  /**
   * Whether there is a place for one more from the address, among those that have sent a line or among those that have
   * not. The silent have places of their own: they can keep out nobody who shows a token with the first line.
   */
  #makeRoom(speaking: boolean, address: string): boolean {
    const { limits } = this.#options;
    const places = speaking
      ? { all: limits.maxConnections, perAddress: limits.maxPerAddress, evictIdleMs: limits.evictIdleMs }
      : { all: limits.maxSilent, perAddress: limits.maxSilentPerAddress, evictIdleMs: limits.evictIdleMs };
    const seats = [...this.#peers.values()]
      .filter((peer) => hasSpoken(peer) === speaking && peer.connection?.ended !== true).map(seatOf);
    const admission = admit(seats, address, places, performance.now());
    const leaves = admission.kind === "instead_of" ? this.#peers.get(admission.id) : undefined;
    if (leaves !== undefined) this.#dismiss(leaves, "too_many", "Closed to make room for another connection");
    return admission.kind !== "full";
  }

  /** Its place is free at once, even while it still reads why. */
  #dismiss(peer: Peer, code: "too_many" | "unavailable", message: string): void {
    this.#peers.delete(peer.id);
    if (peer.connection === null) return void peer.raw.destroy();
    this.#track(peer.raw);
    peer.connection.hangUp(code, message);
  }

  #turnAway(raw: Socket): void {
    this.#tellFull();
    if (this.#options.tls === null) this.#refuse(raw, "too_many", "All connections are in use: try again later");
    else raw.destroy();
  }

  #tellFull(): void {
    log.warn("Control endpoint is full: {connections} connections are in use", {
      event: "control_full",
      connections: this.#peers.size,
    });
  }

  /** Says one line to somebody who is no peer, and closes. */
  #refuse(raw: Socket, code: string, message: string): void {
    this.#track(raw);
    const timer = setTimeout(() => raw.destroy(), REFUSAL_MS);
    raw.once("close", () => clearTimeout(timer));
    raw.resume();
    raw.end(`${JSON.stringify({ id: null, ok: false, error: message, error_code: code })}\n`);
  }

  #track(raw: Socket): void {
    this.#dismissed.add(raw);
    raw.once("close", () => this.#dismissed.delete(raw));
  }
}

function hasSpoken({ connection }: Peer): boolean {
  return connection?.entered === true;
}

function seatOf({ id, address, openedMs, connection }: Peer): Seat {
  return {
    id,
    address,
    known: connection?.entered === true && connection.principal !== null,
    busy: connection?.busy ?? false,
    openedMs,
    activeMs: connection?.activeMs ?? openedMs,
  };
}
