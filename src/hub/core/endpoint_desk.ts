import { canonicalText } from "../../mesh/canonical.ts";
import type { StateEndpoint } from "../../mesh/state.ts";
import { HubRequestRefused } from "../hub_core.ts";
import type { NodeRow, Observation } from "../store/hub_rows.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange } from "./mesh_change.ts";
import type { MeshNode } from "./mesh_node.ts";
import { endpointsOf } from "./node_endpoints.ts";
import { Pace } from "./pace.ts";

/** What the second observer has not seen by now is not waited for, ms. */
const secondMs = 5000;
/** An answer was sent: what comes so shortly behind it, and says the same, belongs to the same question, ms. */
const answeredMs = 10_000;
const mostReported = 16;
/** Changes of one node that its peers are told of: so many at once, then one in each interval, ms. */
const changeBurst = 20;
const changeEveryMs = 10_000;

interface Question {
  readonly atMs: number;
  readonly addresses: Map<0 | 1, string>;
}

/** Where nodes may be reached: what they say themselves, and what the observers see of their handshake initiations. */
export class EndpointDesk {
  readonly #book: MeshBook;
  readonly #nowUs: () => number;
  readonly #questions = new Map<MeshNode, Question>();
  readonly #answered = new Map<MeshNode, { readonly atMs: number; readonly addresses: string }>();
  /** Newest time stamp inside an initiation, by node and observer. */
  readonly #stamps = new Map<string, string>();
  readonly #pace: Pace<MeshNode>;

  constructor(book: MeshBook, nowUs: () => number) {
    this.#book = book;
    this.#nowUs = nowUs;
    this.#pace = new Pace(changeBurst, changeEveryMs, nowUs, new WeakMap());
    for (const node of book.active) {
      for (const { observer, tai64n } of node.row.observations) this.#stamps.set(`${node.no} ${observer}`, tai64n);
    }
  }

  /** What the node says of itself; observed addresses the hub knows better. */
  report(node: MeshNode, endpoints: readonly StateEndpoint[]): void {
    const reported = endpoints.filter(({ kind }) => kind !== "observed").slice(0, mostReported)
      .map(({ address, kind }) => ({ address, kind }));
    const known = new Map(reported.map((endpoint) => [`${endpoint.kind} ${endpoint.address}`, endpoint]));
    if (!this.#replace(node, { reported: [...known.values()] })) {
      throw new HubRequestRefused("too_many", 429, "Too many changes of this node's endpoints: wait some seconds");
    }
  }

  /**
   * An observer read an initiation of the node.
   *
   * @param tai64n its time stamp, 12 bytes, big-endian: one that is not above the last is a replay
   */
  observed(node: MeshNode, observer: 0 | 1, address: string, tai64n: Uint8Array): void {
    const stamp = tai64n.toHex();
    const key = `${node.no} ${observer}`;
    if (stamp <= (this.#stamps.get(key) ?? "")) return;
    this.#stamps.set(key, stamp);
    const nowMs = this.#nowUs() / 1000;
    const answered = this.#answered.get(node);
    const justNow = answered !== undefined && Math.abs(nowMs - answered.atMs) < answeredMs;
    if (justNow && answered.addresses.includes(` ${address} `)) return;
    const question = this.#questions.get(node) ?? { atMs: nowMs, addresses: new Map<0 | 1, string>() };
    this.#questions.set(node, question);
    question.addresses.set(observer, address);
    if (question.addresses.size === 2) this.#answer(node, question);
  }

  /** Answers what only one observer has seen. */
  answerLate(): void {
    const nowMs = this.#nowUs() / 1000;
    for (const [node, question] of this.#questions) {
      // or the clock was set back since
      if (Math.abs(nowMs - question.atMs) >= secondMs) this.#answer(node, question);
    }
    for (const [node, { atMs }] of this.#answered) {
      if (Math.abs(nowMs - atMs) > answeredMs) this.#answered.delete(node);
    }
  }

  /** The node is gone. */
  forget(node: MeshNode): void {
    this.#questions.delete(node);
    this.#answered.delete(node);
    for (const observer of [0, 1]) this.#stamps.delete(`${node.no} ${observer}`);
  }

  #answer(node: MeshNode, { addresses }: Question): void {
    this.#questions.delete(node);
    if (node.row.state !== "active") return;
    const nowUs = this.#nowUs();
    const seen = [...addresses].toSorted(([a], [b]) => a - b);
    this.#answered.set(node, { atMs: nowUs / 1000, addresses: ` ${seen.map(([, address]) => address).join(" ")} ` });
    const observations = ([0, 1] as const).flatMap((observer): Observation[] => {
      const address = addresses.get(observer);
      const before = node.row.observations.find((one) => one.observer === observer);
      if (address === undefined) return before === undefined ? [] : [before];
      return [{ observer, address, tai64n: this.#stamps.get(`${node.no} ${observer}`) ?? "", atUs: nowUs }];
    });
    const distinct = [...new Set(seen.map(([, address]) => address))];
    const nat = seen.length < 2 ? node.row.nat : distinct.length === 1 ? "cone" : "symmetric";
    // behind a symmetric NAT each look gives other ports, which are of no use to peers: only another address is news
    const sameHosts = nat === "symmetric" && node.row.nat === "symmetric" &&
      hostsOf(distinct) === hostsOf(node.row.observed);
    // what is not told for having come too often is asked again by the node
    this.#replace(node, { observations, nat, observed: sameHosts ? node.row.observed : distinct }, (change) => {
      const endpoints = seen.map(([observer, address]) => ({ observer, address }));
      change.tell(node, { type: "endpoint_observed", body: canonicalText({ endpoints }) });
    });
  }

  /** @returns false: the node has changed too often, and nothing was done */
  #replace(node: MeshNode, patch: Partial<NodeRow>, more?: (change: MeshChange) => void): boolean {
    const before = canonicalText(node.endpoints);
    const after = canonicalText(endpointsOf({ ...node.row, ...patch }));
    if (before === after && more === undefined) return true;
    // each is an event for all other nodes, that each of them writes to its disk
    if (before !== after && !this.#pace.take(node)) return false;
    this.#book.change((change) => {
      change.update(node, patch);
      if (before !== after) {
        const body = canonicalText({ peer_id: node.id, endpoints: node.endpoints });
        change.broadcast({ type: "peer_endpoint_changed", body }, node);
      }
      more?.(change);
    });
    return true;
  }
}

/** Addresses without ports, sorted. */
function hostsOf(addresses: readonly string[]): string {
  return [...new Set(addresses.map((address) => address.slice(0, address.lastIndexOf(":"))))].sort().join(" ");
}
