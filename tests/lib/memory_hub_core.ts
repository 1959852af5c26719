import type { Heartbeat } from "../../src/mesh/api_messages.ts";
import { canonicalText } from "../../src/mesh/canonical.ts";
import { fromBase64, meshTime, newEventId, toBase64 } from "../../src/mesh/encoding.ts";
import { sealEnvelope } from "../../src/mesh/envelope.ts";
import type { EventType, PayloadOf } from "../../src/mesh/events.ts";
import { type NodeId, noNode } from "../../src/mesh/ids.ts";
import { newSeed, type SigningKey, signingKeyOf } from "../../src/mesh/keys.ts";
import { nodeIdOf } from "../../src/mesh/ids.ts";
import { readObject } from "../../src/mesh/signed_object.ts";
import { type NodeState, stateSha256 } from "../../src/mesh/state.ts";
import { openStatement } from "../../src/mesh/statements.ts";
import { type HubCore, HubRequestRefused, type StoredEvent } from "../../src/hub/hub_core.ts";
import { hub, hubKey } from "./mesh_keys.ts";

interface MemoryNode {
  readonly key: SigningKey;
  active: boolean;
  epoch: number;
  sequence: number;
  /** Grows with each event, so that a state differs from the one before. */
  readonly events: StoredEvent[];
}

/** A node of a test, with the key that its requests are signed with. */
export interface TestNode {
  readonly nodeId: NodeId;
  readonly key: SigningKey;
}

/** A hub's core in memory that signs in earnest, for tests of what stands in front of it. */
export class MemoryHubCore implements HubCore {
  readonly hubId = hub;
  /** What was called, oldest first: `heartbeat n_…`. */
  readonly calls: string[] = [];
  readonly beats: Heartbeat[] = [];
  readonly statements = new Map<string, string>();
  keyTexts: string[] = [];
  /** Events that are kept of each node. */
  keep = 1_000;
  /** Sources in the policy of each state, 38 bytes each: a state of any size. */
  sources = 0;
  /** Thrown by the next envelopes. */
  trouble: Error | null = null;
  readonly #nodes = new Map<NodeId, MemoryNode>();
  readonly #jtis = new Set<string>();
  readonly #eventListeners = new Set<(node: NodeId) => void>();
  readonly #closedListeners = new Set<(node: NodeId) => void>();

  constructor(readonly nowUs: () => number = () => Date.now() * 1000) {}

  addNode(): TestNode {
    const key = signingKeyOf(newSeed());
    const nodeId = nodeIdOf(key.publicKey);
    this.#nodes.set(nodeId, { key, active: true, epoch: 1, sequence: 0, events: [] });
    return { nodeId, key };
  }

  /** Stores an event and tells who listens. */
  emit<T extends EventType>(node: NodeId, eventType: T, payload: PayloadOf<T>, tell = true): StoredEvent {
    const known = this.#node(node);
    const event = {
      epoch: known.epoch,
      sequence: ++known.sequence,
      eventType,
      eventId: newEventId(),
      payload: canonicalText(payload),
    };
    known.events.push(event);
    if (known.events.length > this.keep) known.events.splice(0, known.events.length - this.keep);
    if (tell) { for (const listener of this.#eventListeners) listener(node); }
    return event;
  }

  remove(node: NodeId): void {
    this.#node(node).active = false;
    for (const listener of this.#closedListeners) listener(node);
  }

  /** What a node's state is now. */
  state(node: NodeId): NodeState {
    const { sequence } = this.#node(node);
    const src = Array.from({ length: this.sources }, (_, index) => `n_${String(index).padStart(32, "0")}` as NodeId);
    const rules = Array.from({ length: Math.ceil(src.length / 4096) }, (_, index) => ({
      id: `rule-${index}`,
      src: src.slice(index * 4096, (index + 1) * 4096),
      protocol: "icmp" as const,
      ports: [],
      log: false,
    }));
    return {
      mesh_ip: "10.100.0.2",
      mesh_cidr: "10.100.0.0/16",
      psk_mode: "end-to-end",
      tls_spki: ["0".repeat(64)],
      observers: [],
      peers: [],
      policy: { rules: [{ id: `at-${sequence}`, src: ["*"], protocol: "icmp", ports: [], log: false }, ...rules] },
    };
  }

  position(node: NodeId) {
    const { epoch, sequence } = this.#node(node);
    return { epoch, sequence, stateSha256: stateSha256(this.state(node)) };
  }

  identityKey(node: NodeId): Uint8Array {
    const known = this.#nodes.get(node);
    if (known === undefined) throw new HubRequestRefused("node_unknown", 404, "There is no such node");
    if (!known.active) throw new HubRequestRefused("node_removed", 410, "The node was removed");
    return known.key.publicKey;
  }

  firstSeen(jti: string): boolean {
    if (this.#jtis.has(jti)) return false;
    this.#jtis.add(jti);
    return true;
  }

  register(text: string, address: string): string {
    const claim = readObject("ek.register", text);
    if (claim.token_id !== "good") throw new HubRequestRefused("token_unknown", 403, "There is no such token");
    const statement = openStatement(claim.statement, hub);
    const publicKey = fromBase64(statement.identity_key);
    const key = { publicKey, sign: () => new Uint8Array() };
    this.#nodes.set(statement.node_id, { key, active: true, epoch: 1, sequence: 0, events: [] });
    this.calls.push(`register ${address}`);
    return this.#seal(statement.node_id, "registered", claim.nonce, {
      signing_key: toBase64(hubKey.publicKey),
      mesh_ip: "10.100.0.2",
      mesh_cidr: "10.100.0.0/16",
    });
  }

  stateEnvelope(node: NodeId, replyTo: string): string {
    return this.#seal(node, "node_state", replyTo, this.state(node));
  }

  tickEnvelope(node: NodeId, replyTo: string): string {
    return this.#seal(node, "tick", replyTo, { state_sha256: this.position(node).stateSha256 });
  }

  timeEnvelope(nonce: string): string {
    return sealEnvelope({
      hub,
      audience: noNode,
      epoch: 0,
      sequence: 0,
      key_index: 0,
      event_type: "time",
      issued_at: meshTime(this.nowUs()),
      reply_to: nonce,
      payload: {},
    }, hubKey);
  }

  eventEnvelope(node: NodeId, event: StoredEvent, replyTo: string): string {
    if (this.trouble !== null) throw this.trouble;
    return sealEnvelope({
      hub,
      audience: node,
      epoch: event.epoch,
      sequence: event.sequence,
      key_index: 0,
      event_type: event.eventType as "peer_removed",
      event_id: event.eventId,
      issued_at: meshTime(this.nowUs()),
      reply_to: replyTo,
      payload: JSON.parse(event.payload),
    }, hubKey);
  }

  eventsAfter(node: NodeId, epoch: number, sequence: number, most: number): readonly StoredEvent[] | null {
    const known = this.#node(node);
    if (epoch !== known.epoch) return null;
    const missing = known.sequence - sequence;
    if (missing > most || missing > known.events.length) return null;
    return missing <= 0 ? [] : known.events.slice(-missing);
  }

  onEvent(listener: (node: NodeId) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onClosed(listener: (node: NodeId) => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  keyObjects(): readonly string[] {
    return this.keyTexts;
  }

  statement(sha256: string): string | null {
    return this.statements.get(sha256) ?? null;
  }

  heartbeat(node: NodeId, beat: Heartbeat, address: string): void {
    this.beats.push(beat);
    this.calls.push(`heartbeat ${node} ${address}`);
  }

  putEndpoints(node: NodeId, endpoints: readonly { readonly address: string }[]): void {
    this.calls.push(`endpoints ${node} ${endpoints.map(({ address }) => address).join(" ")}`);
  }

  mail(from: NodeId, to: NodeId, message: string): void {
    if (!this.#nodes.has(to)) throw new HubRequestRefused("node_unknown", 404, "There is no such node");
    this.calls.push(`mail ${from} ${to} ${message}`);
  }

  rotate(node: NodeId, statement: string): void {
    this.calls.push(`rotate ${node} ${statement}`);
  }

  rotateCommit(node: NodeId, statementSha256: string): void {
    this.calls.push(`commit ${node} ${statementSha256}`);
  }

  keyReady(node: NodeId, about: { readonly peerId: NodeId; readonly statementSha256: string }): void {
    this.calls.push(`ready ${node} ${about.peerId} ${about.statementSha256}`);
  }

  deregister(node: NodeId): void {
    this.calls.push(`deregister ${node}`);
    this.remove(node);
  }

  streamOpened(node: NodeId): void {
    this.calls.push(`opened ${node}`);
  }

  streamClosed(node: NodeId): void {
    this.calls.push(`closed ${node}`);
  }

  observed(): void {
    throw new Error("The core in memory observes nothing");
  }

  nodeOfWireguardKey(): NodeId | null {
    return null;
  }

  wireguardKeys(): readonly Uint8Array[] {
    return [];
  }

  #seal<T extends EventType>(node: NodeId, event_type: T, reply_to: string, payload: PayloadOf<T>): string {
    if (this.trouble !== null) throw this.trouble;
    const { epoch, sequence } = this.#node(node);
    const issued_at = meshTime(this.nowUs());
    return sealEnvelope(
      { hub, audience: node, epoch, sequence, key_index: 0, event_type, issued_at, reply_to, payload },
      hubKey,
    );
  }

  #node(node: NodeId): MemoryNode {
    const known = this.#nodes.get(node);
    if (known === undefined) throw new HubRequestRefused("node_unknown", 404, "There is no such node");
    return known;
  }
}
