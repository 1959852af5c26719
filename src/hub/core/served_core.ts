import { getLogger } from "@logtape/logtape";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import type { EventFeed } from "../../telemetry/event_feed.ts";
import type { Heartbeat } from "../../mesh/api_messages.ts";
import { requestLifeMs } from "../../mesh/constants.ts";
import { fromBase64, meshTimeUs, newEventId } from "../../mesh/encoding.ts";
import { HubRefusal } from "../../mesh/hub_admin.ts";
import { type HubId, type NodeId, noNode } from "../../mesh/ids.ts";
import type { StateEndpoint } from "../../mesh/state.ts";
import { type HubCore, HubRequestRefused, type StoredEvent } from "../hub_core.ts";
import type { EndpointDesk } from "./endpoint_desk.ts";
import type { MailRoom } from "./mail_room.ts";
import type { Membership } from "./membership.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshNode } from "./mesh_node.ts";
import { Pace } from "./pace.ts";
import type { HubAudit } from "./hub_audit.ts";
import { refusalOf } from "./refusal_of.ts";
import type { Registrar } from "./registrar.ts";
import type { RelayDesk } from "./relay_desk.ts";
import type { Rotations } from "./rotations.ts";
import type { SigningKeys } from "./signing_keys.ts";
import { StoreRefused } from "./store_trouble.ts";
import type { TrustDesk } from "./trust_desk.ts";

const log = getLogger(["edgekeep", "hub"]);

/** Ids of requests in memory while the disk refuses. */
const mostUnstored = 20_000;
/** Heartbeats of one node that are looked at as a whole: so many at once, then one in each interval, ms. */
const beatBurst = 8;
const beatEveryMs = 15_000;

/** What the core is made of. */
export interface CoreParts {
  readonly book: MeshBook;
  readonly keys: SigningKeys;
  readonly registrar: Registrar;
  readonly membership: Membership;
  readonly mail: MailRoom;
  readonly rotations: Rotations;
  readonly endpoints: EndpointDesk;
  readonly relays: RelayDesk;
  readonly trust: TrustDesk;
  readonly audit: HubAudit;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
}

/** The hub as nodes use it. What they ask in vain is written into the audit; the disk's refusals become 503. */
export class ServedCore implements HubCore {
  readonly #parts: CoreParts;
  /** Nodes by the WireGuard keys that they have and will have; made anew after rows changed. */
  #byKey: { readonly version: number; readonly nodes: ReadonlyMap<string, MeshNode> } | null = null;

  /** Ids of requests that the disk refused to store, with the end of their life. */
  readonly #unstored = new Map<string, number>();

  readonly #beats: Pace<MeshNode>;

  constructor(parts: CoreParts) {
    this.#parts = parts;
    this.#beats = new Pace(beatBurst, beatEveryMs, parts.nowUs, new WeakMap());
  }

  get hubId(): HubId {
    return this.#parts.book.hubId;
  }

  position(id: NodeId): { readonly epoch: number; readonly sequence: number; readonly stateSha256: string } {
    const { book } = this.#parts;
    const node = this.#active(id);
    return { epoch: book.wide.epoch, sequence: node.sequence, stateSha256: book.stateSha256(node) };
  }

  identityKey(id: NodeId): Uint8Array {
    return this.#active(id).identityKey;
  }

  firstSeen(jti: string, expUs: number): boolean {
    const { book, nowUs } = this.#parts;
    const untilUs = expUs + requestLifeMs * 1000;
    if (this.#unstored.has(jti)) return false;
    try {
      return book.relaxed(() => book.store.addSeen(jti, untilUs));
    } catch (error) {
      if (!(error instanceof StoreRefused)) throw error;
      // a full disk must not keep nodes from their states: until it writes again, memory has to do
      for (const [known, endUs] of this.#unstored) if (endUs < nowUs()) this.#unstored.delete(known);
      if (this.#unstored.size >= mostUnstored) {
        throw new HubRequestRefused("store_unavailable", 503, error.message);
      }
      this.#unstored.set(jti, untilUs);
      return true;
    }
  }

  register(text: string, address: string): string {
    return this.#asked(() => this.#parts.registrar.register(text, address));
  }

  stateEnvelope(id: NodeId, replyTo: string): string {
    const { book, keys, mail } = this.#parts;
    const node = this.#active(id);
    const text = keys.seal({
      audience: id,
      epoch: book.wide.epoch,
      sequence: node.sequence,
      eventType: "node_state",
      eventId: newEventId(),
      replyTo,
      payload: book.stateText(node),
    });
    try {
      mail.giveAgain(node);
    } catch (error) {
      // the state is good without; senders repeat what was not answered
      if (!(error instanceof StoreRefused)) throw error;
    }
    return text;
  }

  tickEnvelope(id: NodeId, replyTo: string): string {
    const { book, keys } = this.#parts;
    const node = this.#active(id);
    return keys.seal({
      audience: id,
      epoch: book.wide.epoch,
      sequence: node.sequence,
      eventType: "tick",
      eventId: newEventId(),
      replyTo,
      payload: `{"state_sha256":"${book.stateSha256(node)}"}`,
    });
  }

  timeEnvelope(nonce: string): string {
    const { book, keys } = this.#parts;
    const { epoch } = book.wide;
    return keys.seal({
      audience: noNode,
      epoch,
      sequence: 0,
      eventType: "time",
      eventId: newEventId(),
      replyTo: nonce,
      payload: "{}",
    });
  }

  eventEnvelope(id: NodeId, event: StoredEvent, replyTo: string): string {
    const { epoch, eventId, eventType, payload, sequence } = event;
    return this.#parts.keys.seal({ audience: id, epoch, sequence, eventType, eventId, replyTo, payload });
  }

  eventsAfter(id: NodeId, epoch: number, sequence: number, most: number): readonly StoredEvent[] | null {
    const { book } = this.#parts;
    const node = this.#active(id);
    if (epoch !== book.wide.epoch) return null;
    const found = book.log.after(node, sequence, most);
    if (found === null) return null;
    const events: StoredEvent[] = [];
    for (const { row, sequence } of found) {
      const payload = book.payloadText(node, row);
      if (payload === null) return null;
      events.push({ epoch, sequence, eventType: row.type, eventId: book.eventId(node, sequence), payload });
    }
    return events;
  }

  onEvent(listener: (node: NodeId) => void): () => void {
    return this.#parts.book.onEvent(listener);
  }

  onClosed(listener: (node: NodeId) => void): () => void {
    return this.#parts.book.onClosed(listener);
  }

  keyObjects(): readonly string[] {
    return this.#parts.book.store.keyObjects().map(({ text }) => text);
  }

  statement(sha256: string): string | null {
    return this.#parts.book.store.statement(sha256);
  }

  heartbeat(id: NodeId, beat: Heartbeat, address: string): void {
    this.#of("heartbeat", id, address, (node) => {
      const { book, relays, trust, feed } = this.#parts;
      const atUs = this.#parts.nowUs();
      node.address = address;
      node.beat = { atUs, sequence: beat.sequence, status: beat.status, uptimeS: beat.uptime_s };
      const stopped = trust.position(node, beat.epoch, beat.sequence);
      if (stopped !== null) {
        this.#parts.audit.refused("heartbeat", { node: id, address }, "hub_stopped", { reason: stopped });
        log.error("The hub signs nothing any more: {reason}", { event: "hub_stopped_signing", reason: stopped });
        feed.add("error", "hub_stopped_signing", node.row.name, stopped);
      }
      // one that comes more often than any node sends them moves no fault and writes nothing
      const counts = this.#beats.take(node);
      if (counts) this.#compareState(node, beat);
      if (counts && (beat.version !== node.row.version || beat.binary_sha256 !== node.row.binarySha256)) {
        book.change((change) => change.update(node, { version: beat.version, binarySha256: beat.binary_sha256 }));
      }
      for (const report of beat.peers) {
        const peer = book.nodes.get(report.node_id);
        if (peer === undefined || peer.row.state !== "active" || peer === node) continue;
        node.links.set(peer.slot, {
          path: report.path,
          // one in the future would keep the peer's rotations waiting for good
          handshakeS: report.last_handshake === undefined
            ? 0
            : Math.min(atUs, meshTimeUs(report.last_handshake)) / 1_000_000,
          rx: report.rx,
          tx: report.tx,
          rttMs: report.rtt_ms ?? null,
        }, atUs / 1000);
        if (report.path === "none") relays.trouble(node, peer);
      }
      book.beaten();
    });
  }

  putEndpoints(id: NodeId, endpoints: readonly StateEndpoint[]): void {
    this.#of("endpoints", id, null, (node) => this.#parts.endpoints.report(node, endpoints));
  }

  mail(from: NodeId, to: NodeId, message: string): void {
    this.#of("mail", from, null, (node) => this.#parts.mail.send(node, this.#parts.book.nodes.get(to), message));
  }

  rotate(id: NodeId, statement: string): void {
    this.#of("rotate", id, null, (node) => {
      const before = node.row.prepared;
      this.#parts.rotations.begin(node, statement);
      if (node.row.prepared === before) return;
      const generation = node.row.prepared?.generation ?? 0;
      this.#parts.audit.done("rotate", { node: id, address: node.address ?? "" }, { generation });
    });
  }

  rotateCommit(id: NodeId, statementSha256: string): void {
    this.#of("rotate_commit", id, null, (node) => {
      const before = node.row.keys;
      this.#parts.rotations.commit(node, statementSha256);
      if (node.row.keys === before) return;
      const { generation } = node.row.keys;
      this.#parts.audit.done("rotate_commit", { node: id, address: node.address ?? "" }, { generation });
    });
  }

  keyReady(
    id: NodeId,
    { peerId, statementSha256 }: { readonly peerId: NodeId; readonly statementSha256: string },
  ): void {
    this.#of("key_ready", id, null, (node) => {
      this.#parts.rotations.ready(node, this.#parts.book.nodes.get(peerId), statementSha256);
    });
  }

  deregister(id: NodeId): void {
    this.#of("deregister", id, null, (node) => {
      this.#parts.membership.leave(node);
      this.#parts.audit.done("deregister", { node: id, address: node.address ?? "" }, { name: node.row.name });
      this.#parts.feed.add("info", "hub_node_left", node.row.name, `${node.row.name} left the mesh`);
    });
  }

  streamOpened(id: NodeId): void {
    const node = this.#parts.book.nodes.get(id);
    if (node === undefined) return;
    node.streams++;
    node.streamUs = this.#parts.nowUs();
    this.#parts.book.notify([], ["nodes"]);
  }

  streamClosed(id: NodeId): void {
    const node = this.#parts.book.nodes.get(id);
    if (node === undefined) return;
    node.streams = Math.max(0, node.streams - 1);
    this.#parts.book.notify([], ["nodes"]);
  }

  observed(wireguardKey: Uint8Array, observer: 0 | 1, address: string, tai64n: Uint8Array): void {
    const node = this.#nodeOf(wireguardKey);
    if (node === undefined) return;
    try {
      this.#parts.endpoints.observed(node, observer, address, tai64n);
    } catch (error) {
      // a packet has nobody to be told; the next one brings the same
      if (!(error instanceof StoreRefused)) throw error;
    }
  }

  nodeOfWireguardKey(key: Uint8Array): NodeId | null {
    return this.#nodeOf(key)?.id ?? null;
  }

  wireguardKeys(id: NodeId): readonly Uint8Array[] {
    const node = this.#parts.book.nodes.get(id);
    if (node === undefined || node.row.state !== "active") return [];
    const { keys, prepared } = node.row;
    return [keys, ...(prepared === null ? [] : [prepared])].map(({ wireguardKey }) => fromBase64(wireguardKey, 32));
  }

  #nodeOf(key: Uint8Array): MeshNode | undefined {
    const { book } = this.#parts;
    if (this.#byKey?.version !== book.rowsVersion) {
      const nodes = new Map<string, MeshNode>();
      for (const node of book.active) {
        nodes.set(node.row.keys.wireguardKey, node);
        if (node.row.prepared !== null) nodes.set(node.row.prepared.wireguardKey, node);
      }
      this.#byKey = { version: book.rowsVersion, nodes };
    }
    return this.#byKey.nodes.get(Buffer.from(key).toString("base64"));
  }

  /** Equal positions have equal states: anything else is a fork, or a fault of ours, that people have to hear of. */
  #compareState(node: MeshNode, { epoch, sequence, state_sha256 }: Heartbeat): void {
    const { book, faults } = this.#parts;
    // what is not calculated anyway is not worth half a megabyte of hashing each half minute
    const known = node.stateSha256;
    if (state_sha256 === undefined || epoch !== book.wide.epoch || known?.sequence !== sequence) return;
    if (node.sequence !== sequence) return;
    if (known.sha256 === state_sha256) faults.clear("hub_state_differs", node.id);
    else {
      faults.raise(
        "hub_state_differs",
        `${node.row.name} has another state than this hub gave it at ${epoch}-${sequence}`,
        node.id,
      );
    }
  }

  #active(id: NodeId): MeshNode {
    const node = this.#parts.book.nodes.get(id);
    if (node === undefined) throw new HubRequestRefused("node_unknown", 401, "The hub does not know this node");
    if (node.row.state === "removed") {
      throw new HubRequestRefused("node_removed", 410, "This node was removed from the mesh");
    }
    return node;
  }

  /** What a proven node asks for; in vain is audited. */
  #of(operation: string, id: NodeId, address: string | null, work: (node: MeshNode) => void): void {
    const node = this.#active(id);
    try {
      this.#asked(() => work(node));
    } catch (error) {
      if (error instanceof HubRequestRefused && error.status !== 503) {
        const from = address ?? node.address ?? "";
        this.#parts.audit.refused(operation, { node: id, address: from }, error.code, { reason: error.message });
      }
      throw error;
    }
  }

  #asked<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const refusal = refusalOf(error, "object_refused");
      if (refusal !== null) throw refusal;
      if (error instanceof StoreRefused) throw new HubRequestRefused("store_unavailable", 503, error.message);
      if (error instanceof HubRefusal) throw new HubRequestRefused("mesh_full", 503, error.message);
      throw error;
    }
  }
}
