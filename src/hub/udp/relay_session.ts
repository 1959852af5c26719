import { hasMac1With, mac1Key, packetKind, receiverIndex, senderIndex } from "../../mesh/wireguard_packet.ts";
import { relayBitsPerSecond, relaySourceLifeMs } from "../../mesh/constants.ts";
import { sameAddress, type UdpAddress } from "./endpoint_text.ts";
import { TokenBucket } from "./token_bucket.ts";

/** Which of the two nodes: 0 is A, 1 is B. A datagram of side 0 arrives on A's port. */
export type Side = 0 | 1;

/** Why a packet goes nowhere. */
export type DropReason = "form" | "mac1" | "index" | "source" | "rate" | "ended";

/** What becomes of a packet. */
export type Verdict = { readonly to: UdpAddress } | { readonly dropped: DropReason };

/** A handshake initiation that came in and that nobody has answered yet. */
interface Asked {
  readonly index: number;
  readonly from: UdpAddress;
  readonly atMs: number;
  /** Where it was sent on to; only from there an answer is taken. */
  to: UdpAddress | null;
  /** Bytes that may go to `from` on the strength of it: as many as came. */
  credit: number;
  /** When something went to `from` on the strength of it. */
  usedMs: number;
}

/** Two addresses between which a handshake was completed. */
interface Flow {
  readonly ends: [UdpAddress, UdpAddress];
  /** Indices that each side calls its session by, newest last. */
  readonly keys: (readonly [number, number])[];
  readonly heardMs: [number, number];
  /** Which ends have sent transport messages. Both: WireGuard has confirmed the handshake, it was no copy of an old one. */
  readonly spoke: [boolean, boolean];
  readonly sinceMs: number;
}

/** Handshakes of a flow whose packets still pass: WireGuard keeps the previous, the present and the next session. */
const keysOfFlow = 3;
const maxFlows = 4;
const maxAsked = 8;
/** Of one address. */
const maxAskedOfOne = 2;
/** WireGuard asks every 5 s at most. */
const askedApartMs = 500;
/** An answer that takes longer is too late for WireGuard as well, which asks anew after 5 s. */
const askedLifeMs = 15_000;
/** A flow of which one end was silent so long gives way to a new one: keepalives come every 25 s. */
const flowIdleMs = 60_000;
/** So does one that is not confirmed after this time. */
const confirmMs = 10_000;
/** From addresses that are not of a flow. */
const initiationsPerSecond = 5;
const initiationsAtOnce = 10;
/** With 100 ms one TCP stream got 10 to 15 of 20 Mbit/s through wireguard-go and the relay, with 300 ms 18. */
const burstMs = 300;

/**
 * What the relay knows of one pair of nodes, and its judgement of each packet (mesh protocol, UDP relay). No socket, no
 * timer: packets, addresses and times in, verdicts out.
 *
 * A packet goes to nobody but an address that took part in a handshake through this session, or that has just asked for
 * one, and then no more bytes than came from there. An address becomes part of a flow by a handshake: an initiation
 * and, from the address that it was sent on to, the response with its index; or by a transport message with the index
 * of a session of that flow. Whoever only knows public keys makes neither: it can have initiations delivered, a few a
 * second, which the receiver refuses, but not move, end or read a tunnel that works.
 */
export class RelaySession {
  #mac1Keys: [readonly Uint8Array[], readonly Uint8Array[]] = [[], []];
  readonly #asked: [Asked[], Asked[]] = [[], []];
  #flows: Flow[] = [];
  readonly #bytes: TokenBucket;
  /** Of each side, for initiations from addresses that are not of a flow. */
  readonly #initiations: readonly [TokenBucket, TokenBucket];

  /**
   * @param nowMs of one clock with every later time, which may not go back
   * @param bitsPerSecond of both directions together
   */
  constructor(nowMs: number, bitsPerSecond: number = relayBitsPerSecond) {
    const perSecond = bitsPerSecond / 8;
    this.#bytes = new TokenBucket(perSecond, Math.max(perSecond * burstMs / 1000, 4096), nowMs);
    const bucket = () => new TokenBucket(initiationsPerSecond, initiationsAtOnce, nowMs);
    this.#initiations = [bucket(), bucket()];
  }

  /** Takes the WireGuard keys that a node has: the current one, and the one it is about to use. */
  setKeys(side: Side, publicKeys: readonly Uint8Array[]): void {
    this.#mac1Keys[side] = publicKeys.map(mac1Key);
  }

  /** Where the node of a side was last heard, on the flow that was used last; null: nowhere. */
  source(side: Side): UdpAddress | null {
    return this.#flows.toSorted((a, b) => b.heardMs[side] - a.heardMs[side])[0]?.ends[side] ?? null;
  }

  /** Judges a packet that arrived on a side's port. The packet is not kept. */
  judge(side: Side, packet: Uint8Array, from: UdpAddress, nowMs: number): Verdict {
    const kind = packetKind(packet);
    if (kind === null) return { dropped: "form" };
    this.#forget(nowMs);
    const verdict = kind === "transport"
      ? this.#transport(side, packet, from, nowMs)
      : kind === "initiation"
      ? this.#initiation(side, packet, from, nowMs)
      : kind === "response"
      ? this.#response(side, packet, from, nowMs)
      : this.#cookie(side, packet, from);
    if ("to" in verdict && !this.#bytes.take(packet.length, nowMs)) return { dropped: "rate" };
    return verdict;
  }

  #transport(side: Side, packet: Uint8Array, from: UdpAddress, nowMs: number): Verdict {
    const index = receiverIndex(packet);
    const other = otherSide(side);
    const fits = (flow: Flow) => flow.keys.some((indices) => indices[other] === index);
    // two flows may, by chance, have one index
    const flow = this.#flows.find((flow) => sameAddress(flow.ends[side], from) && fits(flow)) ??
      this.#flows.find(fits);
    if (flow === undefined) return { dropped: "index" };
    flow.ends[side] = from;
    flow.heardMs[side] = nowMs;
    flow.spoke[side] = true;
    return { to: flow.ends[other] };
  }

  #initiation(side: Side, packet: Uint8Array, from: UdpAddress, nowMs: number): Verdict {
    const other = otherSide(side);
    if (!this.#isFor(other, packet)) return { dropped: "mac1" };
    const last = this.#asked[side].findLast((asked) => sameAddress(asked.from, from));
    if (last !== undefined && nowMs - last.atMs < askedApartMs) return { dropped: "rate" };
    const flow = this.#flowFor(side, from, nowMs);
    const isEnd = flow !== undefined && sameAddress(flow.ends[side], from);
    if (!isEnd && !this.#initiations[side].take(1, nowMs)) return { dropped: "rate" };
    const asked: Asked = {
      index: senderIndex(packet) ?? 0,
      from,
      atMs: nowMs,
      to: null,
      credit: packet.length,
      usedMs: last?.usedMs ?? Number.MIN_SAFE_INTEGER,
    };
    this.#remember(side, asked);
    asked.to = flow?.ends[other] ?? this.#spend(other, packet.length, nowMs);
    return asked.to === null ? { dropped: "source" } : { to: asked.to };
  }

  #response(side: Side, packet: Uint8Array, from: UdpAddress, nowMs: number): Verdict {
    const other = otherSide(side);
    if (!this.#isFor(other, packet)) return { dropped: "mac1" };
    const asked = this.#askedBy(other, packet);
    if (asked === undefined) return { dropped: "index" };
    if (asked.to === null || !sameAddress(asked.to, from)) return { dropped: "source" };
    const isEnd = this.#flows.some(({ ends }) => sameAddress(ends[other], asked.from));
    if (!isEnd && asked.credit < packet.length) return { dropped: "rate" };
    this.#asked[other] = this.#asked[other].filter((one) => one !== asked);
    const ends: [UdpAddress, UdpAddress] = side === 0 ? [from, asked.from] : [asked.from, from];
    const mine = senderIndex(packet) ?? 0;
    const indices: readonly [number, number] = side === 0 ? [mine, asked.index] : [asked.index, mine];
    const flow = this.#flowBetween(ends, nowMs);
    if (flow === null) return { dropped: "source" };
    flow.keys.push(indices);
    if (flow.keys.length > keysOfFlow) flow.keys.shift();
    flow.heardMs[0] = flow.heardMs[1] = nowMs;
    return { to: asked.from };
  }

  /** A receiver under load answers an initiation by a cookie; WireGuard then asks anew, with the cookie. */
  #cookie(side: Side, packet: Uint8Array, from: UdpAddress): Verdict {
    const asked = this.#askedBy(otherSide(side), packet);
    if (asked === undefined) return { dropped: "index" };
    if (asked.to === null || !sameAddress(asked.to, from)) return { dropped: "source" };
    if (asked.credit < packet.length) return { dropped: "rate" };
    asked.credit -= packet.length;
    return { to: asked.from };
  }

  /**
   * Which way an initiation goes: where its sender last talked to; from an unknown address along the oldest flow that
   * is alive, since nobody could have pushed that one aside. Confirmed flows come before others.
   */
  #flowFor(side: Side, from: UdpAddress, nowMs: number): Flow | undefined {
    const other = otherSide(side);
    const byHeard = this.#flows.toSorted((a, b) => rankOf(b) - rankOf(a) || b.heardMs[other] - a.heardMs[other]);
    const isAlive = (flow: Flow) => rankOf(flow) > 0 && nowMs - flow.heardMs[other] <= flowIdleMs;
    return byHeard.find(({ ends }) => sameAddress(ends[side], from)) ?? this.#flows.find(isAlive) ?? byHeard[0];
  }

  #isFor(side: Side, packet: Uint8Array): boolean {
    return this.#mac1Keys[side].some((key) => hasMac1With(packet, key));
  }

  #askedBy(side: Side, answer: Uint8Array): Asked | undefined {
    const index = receiverIndex(answer);
    return this.#asked[side].findLast((asked) => asked.index === index);
  }

  /** Keeps the newest, but of each address only so many, so that one address cannot push out the others. */
  #remember(side: Side, asked: Asked): void {
    const list = this.#asked[side];
    const own = list.filter(({ from }) => sameAddress(from, asked.from));
    const tooMany = own.length >= maxAskedOfOne ? own[0] : list.length >= maxAsked ? list[0] : undefined;
    if (tooMany !== undefined) list.splice(list.indexOf(tooMany), 1);
    list.push(asked);
  }

  /** Before the first handshake: an address that asked and was not sent anything for longest, on its credit. */
  #spend(side: Side, bytes: number, nowMs: number): UdpAddress | null {
    const asked = this.#asked[side].filter(({ credit }) => credit >= bytes)
      .toSorted((a, b) => a.usedMs - b.usedMs || b.atMs - a.atMs)[0];
    if (asked === undefined) return null;
    asked.credit -= bytes;
    for (const one of this.#asked[side]) if (sameAddress(one.from, asked.from)) one.usedMs = nowMs;
    return asked.from;
  }

  #flowBetween(ends: [UdpAddress, UdpAddress], nowMs: number): Flow | null {
    const known = this.#flows.find((flow) => sameAddress(flow.ends[0], ends[0]) && sameAddress(flow.ends[1], ends[1]));
    if (known !== undefined) return known;
    if (this.#flows.length >= maxFlows) {
      const idle = this.#flows.find((flow) => rankOf(flow) === 0 && nowMs - flow.sinceMs > confirmMs) ??
        this.#flows.find(({ heardMs }) => nowMs - Math.min(...heardMs) > flowIdleMs);
      if (idle === undefined) return null;
      this.#flows = this.#flows.filter((flow) => flow !== idle);
    }
    const flow: Flow = { ends, keys: [], heardMs: [nowMs, nowMs], spoke: [false, false], sinceMs: nowMs };
    this.#flows.push(flow);
    return flow;
  }

  #forget(nowMs: number): void {
    const isOld = ({ heardMs }: Flow) => nowMs - Math.min(...heardMs) > relaySourceLifeMs;
    if (this.#flows.some(isOld)) this.#flows = this.#flows.filter((flow) => !isOld(flow));
    for (const side of [0, 1] as const) {
      const oldest = this.#asked[side][0];
      if (oldest !== undefined && nowMs - oldest.atMs > askedLifeMs) {
        this.#asked[side] = this.#asked[side].filter(({ atMs }) => nowMs - atMs <= askedLifeMs);
      }
    }
  }
}

function rankOf({ spoke }: Flow): 0 | 1 {
  return spoke[0] && spoke[1] ? 1 : 0;
}

function otherSide(side: Side): Side {
  return side === 0 ? 1 : 0;
}
