import type { HubRequests } from "../../src/agent/hub_client/hub_requests.ts";
import type { PathSelector } from "../../src/agent/paths/path_selector.ts";
import { createPeerEngine, type PeerEngineParts } from "../../src/agent/peers/create_peer_engine.ts";
import type { OwnPeerKeys, OwnTunnelKey } from "../../src/agent/peers/own_rotation.ts";
import type { PeerEngine } from "../../src/agent/peers/peer_engine.ts";
import type { PeerPins } from "../../src/agent/peers/peer_files.ts";
import { type PeerRecord, peerRecordSchema, type PeerStore } from "../../src/agent/peers/peer_record.ts";
import type { Kem } from "../../src/agent/peers/psk_exchange.ts";
import type { WireGuardDevice } from "../../src/agent/wireguard/wireguard_device.ts";
import { meshTime, toBase64 } from "../../src/mesh/encoding.ts";
import { type HubId, hubIdOf, type NodeId, nodeIdOf } from "../../src/mesh/ids.ts";
import { type KemKey, kemKeyOf } from "../../src/mesh/kem.ts";
import { newSeed, type SigningKey, signingKeyOf, wireGuardKeyOf } from "../../src/mesh/keys.ts";
import { hubPsk } from "../../src/mesh/psk.ts";
import { sealObject } from "../../src/mesh/signed_object.ts";
import type { NodeState, StatePeer } from "../../src/mesh/state.ts";
import { type OpenStatement, openStatement, sealStatement } from "../../src/mesh/statements.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { MemoryAudit } from "./memory_audit.ts";

/** The hub of a simulated mesh. */
export const worldHub: HubId = hubIdOf(signingKeyOf(new Uint8Array(32).fill(1)).publicKey);

/** Called at each place where something is written down; may throw, and then the node is taken for crashed. */
export type PersistencePoint = (where: string, when: "before" | "after") => void;

/** The keys of a node, in memory, with the steps of `OwnKeys`. */
export class WorldKeys implements OwnPeerKeys {
  readonly hub = worldHub;
  readonly identity: SigningKey;
  readonly nodeId: NodeId;
  readonly kem: KemKey;
  tunnel: OwnTunnelKey;
  next: (OwnTunnelKey & { readonly switched: boolean }) | null = null;
  point: PersistencePoint = () => {};

  private constructor(identity: SigningKey, kem: KemKey) {
    this.identity = identity;
    this.nodeId = nodeIdOf(identity.publicKey);
    this.kem = kem;
    this.tunnel = this.make(1);
  }

  static async create(seed: Uint8Array = newSeed()): Promise<WorldKeys> {
    return new WorldKeys(signingKeyOf(seed), await kemKeyOf(newSeed(64)));
  }

  make(generation: number, kem: KemKey = this.kem, issuedUs = 1_700_000_000_000_000): OwnTunnelKey {
    const seed = newSeed();
    const wireGuard = wireGuardKeyOf(seed);
    const text = sealStatement(worldHub, {
      generation,
      issued_at: meshTime(issuedUs),
      wireguard_key: toBase64(wireGuard.publicKey),
      kem_key: toBase64(kem.publicKey),
    }, this.identity);
    return { wireGuard, statement: openStatement(text, worldHub) };
  }

  prepareNext(nowUs: number): Promise<void> {
    return this.#store("keys prepare", () => {
      this.next = { ...this.make(this.tunnel.statement.generation + 1, this.kem, nowUs), switched: false };
    });
  }

  switching(): Promise<void> {
    return this.#store("keys switching", () => {
      if (this.next !== null) this.next = { ...this.next, switched: true };
    });
  }

  commitNext(): Promise<void> {
    return this.#store("keys commit", () => {
      if (this.next === null) return;
      this.tunnel = { wireGuard: this.next.wireGuard, statement: this.next.statement };
      this.next = null;
    });
  }

  dropNext(): Promise<void> {
    return this.#store("keys drop", () => {
      this.next = null;
    });
  }

  async #store(where: string, change: () => void): Promise<void> {
    await Promise.resolve();
    this.point(where, "before");
    change();
    this.point(where, "after");
  }
}

/** The disk of a node: what was saved is what a start finds, through the schema of the files. */
export class WorldDisk implements PeerStore {
  readonly records = new Map<NodeId, string>();
  readonly damaged: NodeId[] = [];
  pins: PeerPins | null = null;
  full = false;
  point: PersistencePoint = () => {};

  load() {
    const records = [...this.records.values()].map((text) => peerRecordSchema.parse(JSON.parse(text)));
    return Promise.resolve({ records, damaged: this.damaged });
  }

  async save(record: PeerRecord): Promise<void> {
    await Promise.resolve();
    this.point("peer", "before");
    if (this.full) throw new Error("No space left on device");
    this.records.set(record.node_id, JSON.stringify(record));
    this.point("peer", "after");
  }

  record(peer: NodeId): PeerRecord | null {
    const text = this.records.get(peer);
    return text === undefined ? null : peerRecordSchema.parse(JSON.parse(text));
  }

  readonly stored = {
    read: () => Promise.resolve(this.pins),
    write: async (value: PeerPins) => {
      await Promise.resolve();
      this.point("pins", "before");
      if (this.full) throw new Error("No space left on device");
      this.pins = value;
      this.point("pins", "after");
    },
  };
}

/** ML-KEM's shape without its cost and without threads: whoever has the ciphertext has the secret. */
export const transparentKem: Kem = {
  encapsulate() {
    const secret = newSeed();
    const ciphertext = new Uint8Array(1088);
    ciphertext.set(secret);
    return Promise.resolve({ ciphertext, secret });
  },
  decapsulate: (_key, ciphertext) => Promise.resolve(ciphertext.slice(0, 32)),
};

/** Leaves endpoints as they are but for the first one of each peer. */
export const firstEndpoint: PathSelector = {
  look: ({ peer, endpoint }) =>
    endpoint === null && peer.endpoints[0] !== undefined
      ? { endpoint: peer.endpoints[0].address, kind: "direct" }
      : null,
  kindOf: (_peer, endpoint) => endpoint === null ? "none" : "direct",
  forget: () => {},
};

/** What a world's node is made with. */
export interface WorldNodeOptions {
  readonly device: WireGuardDevice;
  readonly keys: WorldKeys;
  readonly meshIp: string;
  readonly requests: PeerEngineParts["requests"];
  readonly nowMs: () => number;
  readonly nowUs: () => number;
  readonly pause: PeerEngineParts["pause"];
  readonly trust?: PeerEngineParts["trust"];
  readonly kem?: Kem;
  readonly disk?: WorldDisk;
  readonly paths?: PathSelector;
}

/** A node of a simulated mesh: its disk and its keys outlive the engine. */
export class WorldNode {
  readonly keys: WorldKeys;
  readonly disk: WorldDisk;
  readonly audit = new MemoryAudit();
  readonly faults: FaultBoard;
  readonly parts: PeerEngineParts;
  engine: PeerEngine;

  constructor(options: WorldNodeOptions) {
    this.keys = options.keys;
    this.disk = options.disk ?? new WorldDisk();
    this.faults = new FaultBoard(options.nowUs);
    this.parts = {
      device: () => options.device,
      paths: options.paths ?? firstEndpoint,
      ownObserved: () => [],
      nowMs: options.nowMs,
      nowUs: options.nowUs,
      hubUs: options.nowUs,
      keys: options.keys,
      meshIp: options.meshIp,
      meshCidr: "10.100.0.0/16",
      trust: options.trust ?? { hub: worldHub, adminKey: null, cosign: false },
      requests: options.requests,
      refusedForGood: () => false,
      store: this.disk,
      pins: this.disk.stored,
      audit: this.audit,
      faults: this.faults,
      pause: options.pause,
      ...options.kem === undefined ? {} : { kem: options.kem },
    };
    this.engine = createPeerEngine(this.parts);
  }

  get nodeId(): NodeId {
    return this.keys.nodeId;
  }
}

/** What a simulated hub knows of a node. */
export interface HubEntry {
  readonly nodeId: NodeId;
  readonly meshIp: string;
  statement: OpenStatement;
  endpoint: string;
  cosign?: string;
}

const master = new Uint8Array(32).fill(7);

/** The hub's part of a pair's key, as `pskHubId` has it. */
export function worldPsk(a: NodeId, b: NodeId, pskHubId: number): string {
  return toBase64(hubPsk(master, a, b, pskHubId));
}

/** A peer as the hub tells it to `to`. */
export function worldPeer(entry: HubEntry, to: NodeId, pskHubId = 1): StatePeer {
  return {
    node_id: entry.nodeId,
    name: `node-${entry.nodeId.slice(2, 8)}`,
    mesh_ip: entry.meshIp,
    statement_sha256: entry.statement.sha256,
    endpoints: [{ kind: "observed", address: entry.endpoint }],
    psk_hub: worldPsk(entry.nodeId, to, pskHubId),
    psk_hub_id: pskHubId,
    ...entry.cosign === undefined ? {} : { cosign: entry.cosign },
  };
}

/** A state of one node. */
export function worldState(meshIp: string, peers: readonly StatePeer[], more: Partial<NodeState> = {}): NodeState {
  return {
    mesh_ip: meshIp,
    mesh_cidr: "10.100.0.0/16",
    psk_mode: "end-to-end",
    tls_spki: ["0".repeat(64)],
    observers: [],
    peers: peers.toSorted((a, b) => a.node_id < b.node_id ? -1 : 1),
    policy: { rules: [] },
    ...more,
  };
}

/** An admin's co-signature. */
export function worldCosign(admin: SigningKey, nodeId: NodeId, meshIp: string, serial = 1, notAfterUs = 2e15): string {
  const members = { node_id: nodeId, mesh_ip: meshIp, serial, not_after: meshTime(notAfterUs) };
  return sealObject("ek.cosign", worldHub, members, admin);
}

/** Requests that all fail, but for those that are given. */
export function worldRequests(some: Partial<HubRequests>): PeerEngineParts["requests"] {
  const fails = () => Promise.reject(new Error("The hub cannot be reached"));
  return { statement: fails, mail: fails, rotate: fails, rotateCommit: fails, keyReady: fails, ...some };
}
