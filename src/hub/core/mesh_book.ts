import { createHash } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import { canonicalText } from "../../mesh/canonical.ts";
import { sha256Hex } from "../../mesh/encoding.ts";
import type { HubId, NodeId } from "../../mesh/ids.ts";
import type { NodeState, Observer } from "../../mesh/state.ts";
import type { EventRow, NodeRow } from "../store/hub_rows.ts";
import type { HubStore } from "../store/hub_store.ts";
import { EventLog } from "./event_log.ts";
import { MeshChange, type Topic } from "./mesh_change.ts";
import { MeshNode } from "./mesh_node.ts";
import { peerText, pskMark } from "./peer_text.ts";
import { type PskGenerations, pskIdOf } from "./psk_generations.ts";
import type { PskTable } from "./psk_table.ts";
import { storeTrouble } from "./store_trouble.ts";

const log = getLogger(["edgekeep", "hub"]);

/** Longest time that listeners take before other work has its turn, ms. */
const sliceMs = 8;

/** Members of the state that are the same for all nodes. */
export interface MeshWide {
  epoch: number;
  readonly meshCidr: string;
  pskMode: NodeState["psk_mode"];
  tlsSpki: readonly string[];
  observers: readonly Observer[];
  /** Exact text of the ek.revoke. */
  revocation: string | null;
  generations: PskGenerations;
}

/** What a book begins with. */
export interface BookOptions {
  readonly store: HubStore;
  readonly hubId: HubId;
  readonly wide: MeshWide;
  readonly psk: PskTable;
  /** Told when the store refuses to write, and when it writes again. */
  readonly onStore: (trouble: unknown | null) => void;
}

/**
 * All that the hub knows of its mesh, in memory, with the one way to change it. What a node's state is follows from
 * this alone: so every change of it allocates the sequences of those who see it, in {@link MeshBook.change}.
 */
export class MeshBook {
  readonly store: HubStore;
  readonly hubId: HubId;
  readonly wide: MeshWide;
  readonly log: EventLog;
  readonly psk: PskTable;
  /** Nodes that are kept, by id: active and removed. */
  readonly nodes = new Map<NodeId, MeshNode>();
  /** Active nodes by id, ascending: the order of a state. */
  active: readonly MeshNode[] = [];
  /** Rises when rows of nodes changed. */
  rowsVersion = 0;
  readonly #byNo = new Map<number, MeshNode>();
  readonly #onStore: BookOptions["onStore"];
  readonly #freeSlots: number[] = [];
  #slots = 0;
  #changing: MeshChange | null = null;
  readonly #eventListeners = new Set<(node: NodeId) => void>();
  readonly #closedListeners = new Set<(node: NodeId) => void>();
  readonly #topicListeners = new Set<(topic: Topic) => void>();
  readonly #told = new Set<MeshNode>();
  readonly #topics = new Set<Topic>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #beats = false;

  constructor({ store, hubId, wide, psk, onStore }: BookOptions) {
    this.store = store;
    this.hubId = hubId;
    this.wide = wide;
    this.psk = psk;
    this.#onStore = onStore;
    this.log = new EventLog(Number(store.meta("event_floor") ?? 0));
    const { nodes, sequences, events, ready } = store.load();
    for (const row of nodes) {
      const node = this.admit(row, sequences.get(row.no) ?? 0);
      if (row.state === "removed") {
        this.expel(node, false);
        this.freeSlot(node);
      }
    }
    for (const row of events) {
      const node = row.node === 0 ? null : this.#byNo.get(row.node);
      if (node !== undefined) this.log.add(row, node);
    }
    for (const [no, peer] of ready) this.#byNo.get(no)?.ready.add(peer);
  }

  /** A node by its number, also a removed one. */
  byNo(no: number): MeshNode | undefined {
    return this.#byNo.get(no);
  }

  /** Runs a change as one transaction; throws what the change threw, or that the disk refuses. */
  change<T>(work: (change: MeshChange) => T): T {
    if (this.#changing !== null) throw new Error("Cannot change the mesh inside of a change");
    const change = this.#changing = new MeshChange(this);
    let result: T;
    try {
      result = this.store.transact(() => work(change));
    } catch (error) {
      change.takeBack();
      this.rowsVersion++;
      throw storeTrouble(error, this.#onStore);
    } finally {
      this.#changing = null;
    }
    this.#onStore(null);
    change.done();
    for (const node of change.closed) for (const listener of this.#closedListeners) told(() => listener(node.id));
    this.notify(change.told, change.topics);
    return result;
  }

  /** A write whose newest second a power cut may cost; throws that the disk refuses. */
  relaxed<T>(work: () => T): T {
    try {
      return this.store.transactRelaxed(work);
    } catch (error) {
      throw storeTrouble(error, this.#onStore);
    }
  }

  /** Tells the listeners of new events soon, a slice at a time. */
  notify(nodes: Iterable<MeshNode>, topics: Iterable<Topic>): void {
    for (const node of nodes) if (node.row.state === "active") this.#told.add(node);
    for (const topic of topics) this.#topics.add(topic);
    if (this.#told.size + this.#topics.size > 0) this.#timer ??= setTimeout(() => this.#tell(), 0);
  }

  /** Pages show heartbeats every two seconds, not each of a thousand nodes' by itself. */
  notifyBeats(): void {
    if (this.#beats) this.notify([], ["nodes", "links"]);
    this.#beats = false;
  }

  /** A heartbeat came. */
  beaten(): void {
    this.#beats = true;
  }

  onEvent(listener: (node: NodeId) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onClosed(listener: (node: NodeId) => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  onTopic(listener: (topic: Topic) => void): () => void {
    this.#topicListeners.add(listener);
    return () => this.#topicListeners.delete(listener);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#eventListeners.clear();
    this.#closedListeners.clear();
    this.#topicListeners.clear();
  }

  /** RFC 8785 text of a node's state. */
  stateText(node: MeshNode): string {
    const { wide, psk } = this;
    const head = `{"mesh_cidr":"${wide.meshCidr}","mesh_ip":"${node.meshIp}","observers":${
      canonicalText(wide.observers)
    },"peers":[`;
    let peers = "";
    for (const peer of this.active) {
      if (peer === node) continue;
      const pskId = pskIdOf(wide.generations, node.row, peer.row);
      const text = peerText(peer.pieces, psk.text(node, peer, pskId), pskId, node.relays.get(peer.no));
      peers += peers === "" ? text : `,${text}`;
    }
    const revocation = wide.revocation === null ? "" : `,"revocation":${canonicalText(wide.revocation)}`;
    return `${head}${peers}],"policy":${node.policy},"psk_mode":"${wide.pskMode}"${revocation},"tls_spki":${
      canonicalText(wide.tlsSpki)
    }}`;
  }

  /** SHA-256 of {@link stateText}, kept until the node's sequence rises. */
  stateSha256(node: MeshNode): string {
    if (node.stateSha256?.sequence !== node.sequence) {
      const sha256 = createHash("sha256").update(this.stateText(node)).digest("hex");
      node.stateSha256 = { sequence: node.sequence, sha256 };
    }
    return node.stateSha256.sha256;
  }

  /** RFC 8785 text of an event's payload as one node gets it; `null`: it is gone, or the peer in it no longer known. */
  payloadText(node: MeshNode, row: EventRow): string | null {
    const { type, peer, psk } = row;
    const bodyOf = () => row.node === 0 ? row.body : this.store.eventBody(row.id);
    if (peer === 0) return bodyOf();
    const other = this.#byNo.get(peer);
    if (other === undefined) return null;
    const current = other.row.state === "active" && pskIdOf(this.wide.generations, node.row, other.row) === psk;
    const key = current ? this.psk.text(node, other, psk) : this.psk.once(node.id, other.id, psk);
    if (type === "peer_psk_changed") return `{"peer_id":"${other.id}","psk_hub":"${key}","psk_hub_id":${psk}}`;
    return bodyOf()?.replace(pskMark, `"psk_hub":"${key}"`) ?? null;
  }

  /** `evt_` and 32 hex digits: the same each time that the event is sent. */
  eventId(node: MeshNode, sequence: number): string {
    return `evt_${sha256Hex(`${this.hubId} ${node.id} ${this.wide.epoch} ${sequence}`).slice(0, 32)}`;
  }

  /** Nothing that was stored for a stream can be sent any more: another epoch has begun. */
  clearEvents(change: MeshChange): void {
    const upTo = this.log.newestId;
    this.store.pruneEvents(upTo);
    change.meta("event_floor", String(upTo));
    for (const node of this.active) change.assign(node, "stateSha256", null);
    change.after(() => this.log.clear(this.nodes.values()));
  }

  /** For changes: puts a node into memory. */
  admit(row: NodeRow, sequence: number): MeshNode {
    const node = new MeshNode(row, this.#freeSlots.pop() ?? this.#slots++, sequence);
    this.nodes.set(row.nodeId, node);
    this.#byNo.set(row.no, node);
    this.readmit(node);
    return node;
  }

  /** For changes: back among the active ones. */
  readmit(node: MeshNode): void {
    const at = this.active.findIndex(({ id }) => id > node.id);
    this.active = at < 0 ? [...this.active, node] : this.active.toSpliced(at, 0, node);
  }

  /** For changes: no longer active, or with `wholly` not known at all. */
  expel(node: MeshNode, wholly: boolean): void {
    this.active = this.active.filter((other) => other !== node);
    if (!wholly) return;
    this.nodes.delete(node.id);
    this.#byNo.delete(node.no);
    this.freeSlot(node);
  }

  /** A removed node's row is deleted. */
  forget(node: MeshNode): void {
    this.nodes.delete(node.id);
    this.#byNo.delete(node.no);
  }

  /** Its place in tables of pairs may go to another node. */
  freeSlot(node: MeshNode): void {
    this.psk.forget(node.slot);
    for (const other of this.active) other.links.forget(node.slot);
    this.#freeSlots.push(node.slot);
  }

  #tell(): void {
    this.#timer = null;
    const end = performance.now() + sliceMs;
    for (const node of this.#told) {
      this.#told.delete(node);
      for (const listener of this.#eventListeners) told(() => listener(node.id));
      if (performance.now() > end) break;
    }
    if (this.#told.size > 0) {
      this.#timer = setTimeout(() => this.#tell(), 0);
      return;
    }
    const topics = [...this.#topics];
    this.#topics.clear();
    for (const topic of topics) for (const listener of this.#topicListeners) told(() => listener(topic));
  }
}

/** One listener that fails keeps nothing from the others. */
function told(call: () => void): void {
  try {
    call();
  } catch (error) {
    log.error("A listener of the hub failed: {error}", { event: "hub_listener_failed", error });
  }
}
