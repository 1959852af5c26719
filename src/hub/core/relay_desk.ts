import { randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import { getLogger } from "@logtape/logtape";
import { canonicalText } from "../../mesh/canonical.ts";
import { meshTime } from "../../mesh/encoding.ts";
import type { StateRelay } from "../../mesh/state.ts";
import type { Relay } from "../hub_core.ts";
import type { RelayRow } from "../store/hub_rows.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange } from "./mesh_change.ts";
import type { MeshNode } from "./mesh_node.ts";

const log = getLogger(["edgekeep", "hub"]);

/** Both ends say for so long that no direct way works. */
const noneMs = 20_000;
/** Both ends go direct for so long: the session is not needed any more. */
const directMs = 600_000;
const lifeUs = 24 * 3_600_000_000;
/** A session in use gets a new end when it has less than this left. */
const renewUs = 12 * 3_600_000_000;
/** A pair that got no session is tried again after this. */
const againMs = 60_000;
/** By then both ends of a session have told how it goes, µs. */
const provenUs = 120_000_000;
/** A pair that had to give way is not relayed again before, ms. */
const gaveWayMs = 600_000;
/** Pairs that are looked at, at most; the others have their turn after them. */
const mostTroubled = 4096;

/**
 * Decides which pairs are relayed.
 *
 * A pair gets a session when both nodes' streams are open and both tell the path `none` for 20 s, or when one of them is
 * behind a symmetric NAT and one tells `none` while the other tells no way that works: then no direct way can be
 * expected. A session ends when both have gone direct for 10 min, when a node of it is gone, and after 24 h unless one of
 * its nodes is there and tells the path `relay`. When all are taken, one that does not carry its tunnel gives way to a
 * pair whose nodes have fewer: no node can keep the others from the relay.
 */
export class RelayDesk {
  readonly #book: MeshBook;
  readonly #relay: () => Relay | null;
  readonly #address: string | null;
  readonly #nowUs: () => number;
  readonly #sessions = new Map<string, RelayRow>();
  /** Pairs of which somebody told that they have no path. */
  readonly #troubled = new Map<string, readonly [MeshNode, MeshNode]>();
  readonly #notBefore = new Map<string, number>();
  #opened: Relay | null = null;

  /** @param address IP address of the hub, as nodes reach the relay; `null`: nobody is relayed */
  constructor(book: MeshBook, relay: () => Relay | null, address: string | null, nowUs: () => number) {
    this.#book = book;
    this.#relay = relay;
    this.#address = address;
    this.#nowUs = nowUs;
    for (const row of address === null ? [] : book.store.load().relays) {
      const [a, b] = [book.byNo(row.a), book.byNo(row.b)];
      if (a === undefined || b === undefined) continue;
      this.#sessions.set(pairOf(a, b), row);
      a.relays.set(b.no, this.#stateOf(row, row.portOfA));
      b.relays.set(a.no, this.#stateOf(row, row.portOfB));
    }
  }

  /** A heartbeat told that there is no path between the two. */
  trouble(a: MeshNode, b: MeshNode): void {
    if (this.#address === null || this.#troubled.size >= mostTroubled) return;
    this.#troubled.set(pairOf(a, b), a.no < b.no ? [a, b] : [b, a]);
  }

  /** Opens, renews and ends what is due. Call it every second or so. */
  look(): void {
    const relay = this.#relay();
    if (relay === null) return;
    if (relay !== this.#opened) this.#takeUp(relay);
    const nowMs = this.#nowUs() / 1000;
    for (const [pair, [a, b]] of this.#troubled) {
      // who is away cannot be helped now, and must not take the place of others
      const away = a.streams === 0 || b.streams === 0;
      if (away || !this.#isTroubled(a, b) || this.#sessions.has(pair)) this.#troubled.delete(pair);
      else if (this.#isHopeless(a, b, nowMs) && nowMs >= (this.#notBefore.get(pair) ?? 0)) {
        this.#open(relay, pair, a, b);
      }
    }
    for (const [pair, atMs] of this.#notBefore) if (atMs <= nowMs) this.#notBefore.delete(pair);
    for (const row of this.#sessions.values()) this.#lookAt(relay, row);
  }

  /** Within a change that takes a node away: its sessions end. The peers hear of the node itself. */
  dropOf(change: MeshChange, node: MeshNode): void {
    for (const [pair, row] of this.#sessions) {
      if (row.a === node.no || row.b === node.no) this.#drop(change, pair, row, false);
    }
    for (const [pair, [a, b]] of this.#troubled) if (a === node || b === node) this.#troubled.delete(pair);
  }

  /** Other keys of a node count. */
  keysChanged(node: MeshNode): void {
    this.#relay()?.keysChanged(node.id);
  }

  /** After a restart, or when the relay was started anew: the sessions go on, with their ports when those are free. */
  #takeUp(relay: Relay): void {
    this.#opened = relay;
    for (const [pair, row] of this.#sessions) {
      const [a, b] = [this.#book.byNo(row.a), this.#book.byNo(row.b)];
      try {
        if (a === undefined || b === undefined || row.expiresUs <= this.#nowUs() || this.#address === null) {
          throw new RangeError("The session is not needed any more");
        }
        const { portOfA, portOfB } = row;
        const { sessionId, expiresUs } = row;
        const ports = relay.open({ sessionId, a: a.id, b: b.id, expiresUs, ports: { portOfA, portOfB } });
        if (ports.portOfA === portOfA && ports.portOfB === portOfB) continue;
        this.#book.change((change) => this.#assign(change, pair, { ...row, ...ports }, a, b));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        this.#book.change((change) => this.#drop(change, pair, row, true));
      }
    }
  }

  #open(relay: Relay, pair: string, a: MeshNode, b: MeshNode): void {
    this.#troubled.delete(pair);
    const sessionId = `r_${randomBytes(8).toString("hex")}`;
    const nowUs = this.#nowUs();
    const expiresUs = nowUs + lifeUs;
    let ports: { readonly portOfA: number; readonly portOfB: number };
    try {
      ports = relay.open({ sessionId, a: a.id, b: b.id, expiresUs });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      if (this.#makeRoom(a, b)) return;
      this.#notBefore.set(pair, nowUs / 1000 + againMs);
      log.warning("{a} and {b} have no direct way and cannot be relayed: {reason}", {
        event: "hub_relay_refused",
        a: a.row.name,
        b: b.row.name,
        reason: error.message,
      });
      return;
    }
    try {
      const row = { sessionId, a: a.no, b: b.no, ...ports, expiresUs, openedUs: nowUs };
      this.#book.change((change) => this.#assign(change, pair, row, a, b));
    } catch (error) {
      relay.close(sessionId);
      throw error;
    }
  }

  /** Ends a session that is of no use, of the node that has most of them: the pair gets its place with the next heartbeat. */
  #makeRoom(a: MeshNode, b: MeshNode): boolean {
    const counts = new Map<number, number>();
    for (const row of this.#sessions.values()) {
      for (const no of [row.a, row.b]) counts.set(no, (counts.get(no) ?? 0) + 1);
    }
    const shareOf = (one: number, other: number) => Math.max(counts.get(one) ?? 0, counts.get(other) ?? 0);
    const wanted = shareOf(a.no, b.no) + 1;
    const nowUs = this.#nowUs();
    const [worst] = [...this.#sessions]
      .filter(([, row]) => nowUs - row.openedUs >= provenUs && shareOf(row.a, row.b) > wanted && !this.#carries(row))
      .toSorted(([, one], [, other]) => shareOf(other.a, other.b) - shareOf(one.a, one.b));
    if (worst === undefined) return false;
    const [pair, row] = worst;
    this.#book.change((change) => this.#drop(change, pair, row, true));
    this.#notBefore.set(pair, nowUs / 1000 + gaveWayMs);
    return true;
  }

  /** Both ends tell that their tunnel goes this way: one alone may lie. */
  #carries({ a: noOfA, b: noOfB }: RelayRow): boolean {
    const [a, b] = [this.#book.byNo(noOfA), this.#book.byNo(noOfB)];
    if (a === undefined || b === undefined) return false;
    return a.links.get(b.slot)?.path === "relay" && b.links.get(a.slot)?.path === "relay";
  }

  #lookAt(relay: Relay, row: RelayRow): void {
    const [a, b] = [this.#book.byNo(row.a), this.#book.byNo(row.b)];
    if (a === undefined || b === undefined) return;
    const [ab, ba] = [a.links.get(b.slot), b.links.get(a.slot)];
    const nowMs = this.#nowUs() / 1000;
    const direct = [ab, ba].every((report) =>
      report !== null && report.directSinceMs > 0 && nowMs - report.directSinceMs >= directMs
    );
    const pair = pairOf(a, b);
    if (direct || row.expiresUs <= this.#nowUs()) {
      this.#book.change((change) => this.#drop(change, pair, row, true));
    } else if (
      row.expiresUs - this.#nowUs() < renewUs &&
      ((a.streams > 0 && ab?.path === "relay") || (b.streams > 0 && ba?.path === "relay"))
    ) {
      const expiresUs = this.#nowUs() + lifeUs;
      this.#book.change((change) => this.#assign(change, pair, { ...row, expiresUs }, a, b));
      relay.renew(row.sessionId, expiresUs);
    }
  }

  #assign(change: MeshChange, pair: string, row: RelayRow, a: MeshNode, b: MeshNode): void {
    this.#book.store.putRelay(row);
    setIn(change, this.#sessions, pair, row);
    const ends = [[a, b, row.portOfA], [b, a, row.portOfB]] as const;
    for (const [node, peer, port] of ends) {
      const relay = this.#stateOf(row, port);
      setIn(change, node.relays, peer.no, relay);
      change.tell(node, { type: "relay_session_assigned", body: canonicalText({ peer_id: peer.id, relay }) });
    }
    change.topics.add("links");
  }

  #drop(change: MeshChange, pair: string, row: RelayRow, tell: boolean): void {
    this.#book.store.deleteRelay(row.sessionId);
    setIn(change, this.#sessions, pair, undefined);
    const [a, b] = [this.#book.byNo(row.a), this.#book.byNo(row.b)];
    for (const [node, peer] of [[a, b], [b, a]] as const) {
      if (node === undefined || peer === undefined) continue;
      setIn(change, node.relays, peer.no, undefined);
      if (!tell || node.row.state !== "active") continue;
      change.tell(node, { type: "relay_session_revoked", body: canonicalText({ peer_id: peer.id }) });
    }
    change.topics.add("links");
    change.after(() => this.#relay()?.close(row.sessionId));
  }

  /** Neither tells of a way that works. */
  #isTroubled(a: MeshNode, b: MeshNode): boolean {
    if (a.row.state !== "active" || b.row.state !== "active") return false;
    const [ab, ba] = [a.links.get(b.slot)?.path, b.links.get(a.slot)?.path];
    const works = (path: string | undefined) => path !== undefined && path !== "none";
    return !works(ab) && !works(ba) && (ab === "none" || ba === "none");
  }

  /** No direct way is to be expected. */
  #isHopeless(a: MeshNode, b: MeshNode, nowMs: number): boolean {
    if (a.row.nat === "symmetric" || b.row.nat === "symmetric") return true;
    return [a.links.get(b.slot), b.links.get(a.slot)].every((report) =>
      report !== null && report.noneSinceMs > 0 && nowMs - report.noneSinceMs >= noneMs
    );
  }

  #stateOf({ sessionId, expiresUs }: RelayRow, port: number): StateRelay {
    const host = this.#address ?? "0.0.0.0";
    return {
      address: `${isIPv6(host) ? `[${host}]` : host}:${port}`,
      expires_at: meshTime(expiresUs),
      session_id: sessionId,
    };
  }
}

/** The two nodes, whichever comes first. */
function pairOf(a: MeshNode, b: MeshNode): string {
  return a.no < b.no ? `${a.no} ${b.no}` : `${b.no} ${a.no}`;
}

/** Sets or, with `undefined`, deletes an entry for as long as the transaction holds. */
function setIn<K, V>(change: MeshChange, map: Map<K, V>, key: K, value: V | undefined): void {
  const before = map.get(key);
  const put = (one: V | undefined) => one === undefined ? map.delete(key) : map.set(key, one);
  put(value);
  change.undo(() => put(before));
}
