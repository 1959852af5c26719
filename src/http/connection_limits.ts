import { addressKey } from "../config/address_key.ts";

/** How many connections may be open at once, and how fast they may come. */
export interface ConnectionCaps {
  readonly perAddress: number;
  readonly total: number;
  /** New ones of one address, however short they are: a TLS handshake costs milliseconds. Absent: any. */
  readonly newPerMinute?: number;
  /** How many of them may come at once. */
  readonly newAtOnce?: number;
}

/**
 * What a connection is doing. `fresh`: no request has arrived as a whole, handshakes and half-sent requests included;
 * `idle`: kept alive after an answer; `busy`: a request that arrived as a whole is being answered.
 */
export type ConnectionState = "fresh" | "idle" | "busy";

/** A connection as the limits see it. */
export interface LimitedConnection {
  /** The peer's IP address. */
  readonly address: string;
  state(): ConnectionState;
  /** Cuts it at once. */
  cut(): void;
}

/**
 * Keeps the number of connections within the caps. At a cap a newcomer takes the place of another: of the oldest one
 * that has brought no request yet, else of the one that has idled longest, so that whoever holds connections open does
 * not lock others out. Connections that are being answered are never cut; when there is nothing else, the newcomer is
 * refused.
 */
export class ConnectionLimits<C extends LimitedConnection> {
  readonly #caps: ConnectionCaps;
  /** By address, oldest first. */
  readonly #open = new Map<string, Set<C>>();
  #size = 0;

  constructor(caps: ConnectionCaps) {
    this.#caps = caps;
  }

  /** Connections that are open. */
  get size(): number {
    return this.#size;
  }

  /** Lets a new connection in, at the cost of another where it must be. False: it is refused. */
  admit(connection: C): boolean {
    const key = addressKey(connection.address);
    const own = this.#open.get(key) ?? new Set<C>();
    if (own.size >= this.#caps.perAddress && !this.#cutOneOf(own)) return false;
    if (this.#size >= this.#caps.total && !this.#makeRoom()) return false;
    own.add(connection);
    this.#open.set(key, own);
    this.#size++;
    return true;
  }

  /** A connection ended. */
  remove(connection: C): void {
    const key = addressKey(connection.address);
    const own = this.#open.get(key);
    if (own === undefined || !own.delete(connection)) return;
    this.#size--;
    if (own.size === 0) this.#open.delete(key);
  }

  /** Notes that a connection begins to idle: it moves behind those that idle already. */
  idles(connection: C): void {
    const own = this.#open.get(addressKey(connection.address));
    if (own?.delete(connection) === true) own.add(connection);
  }

  /** All connections. */
  *all(): Generator<C> {
    for (const own of this.#open.values()) yield* own;
  }

  /** Takes from the address that holds most; where that one is only busy, from the next. */
  #makeRoom(): boolean {
    const crowds = [...this.#open.values()].toSorted((a, b) => b.size - a.size);
    return crowds.some((own) => this.#cutOneOf(own));
  }

  #cutOneOf(own: ReadonlySet<C>): boolean {
    let idle: C | null = null;
    for (const connection of own) {
      const state = connection.state();
      if (state === "fresh") {
        this.#cut(connection);
        return true;
      }
      if (state === "idle") idle ??= connection;
    }
    if (idle === null) return false;
    this.#cut(idle);
    return true;
  }

  #cut(connection: C): void {
    // its end is reported later, when its place has long been taken
    this.remove(connection);
    connection.cut();
  }
}
