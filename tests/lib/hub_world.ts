import { type OpenHub, openHubCore } from "../../src/hub/core/open_hub_core.ts";
import type { HubSettings } from "../../src/hub/core/hub_settings.ts";
import type { Relay, StoredEvent } from "../../src/hub/hub_core.ts";
import type { Heartbeat } from "../../src/mesh/api_messages.ts";
import { applyEvent } from "../../src/mesh/apply_event.ts";
import { newNonce, sha256, sha256Hex, toBase64 } from "../../src/mesh/encoding.ts";
import { fromBase64, meshTime } from "../../src/mesh/encoding.ts";
import { type Envelope, openEnvelope, openRegistration } from "../../src/mesh/envelope.ts";
import { readEvent } from "../../src/mesh/events.ts";
import type { HubId, NodeId } from "../../src/mesh/ids.ts";
import { parseJoinToken } from "../../src/mesh/join_token.ts";
import { type SigningKey, signingKeyOf, wireGuardKeyOf } from "../../src/mesh/keys.ts";
import type { MembersOf } from "../../src/mesh/objects.ts";
import { openObject, readObject, sealObject } from "../../src/mesh/signed_object.ts";
import { type NodeState, stateSha256 } from "../../src/mesh/state.ts";
import { type OpenStatement, openStatement, sealStatement } from "../../src/mesh/statements.ts";
import { tokenMac } from "../../src/mesh/token_mac.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { makeMemoryDir } from "./make_memory_dir.ts";
import { MemoryAudit } from "./memory_audit.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** What a hub in a test is configured with unless it says otherwise. */
export const hubSettings: HubSettings = {
  url: "https://hub.plant.example:8443",
  listening: "127.0.0.1:8443",
  meshCidr: "10.100.0.0/16",
  pskMode: "end-to-end",
  address: "203.0.113.1",
  observerPorts: [3478, 3479],
  rotateDays: 30,
  names: ["hub.plant.example"],
};

/** A relay that only keeps account of its sessions. */
export class CountingRelay implements Relay {
  readonly sessions = new Map<string, { a: NodeId; b: NodeId; expiresUs: number; ports: [number, number] }>();
  readonly keyChanges: NodeId[] = [];
  most = 4;
  #next = 51900;

  open(session: Parameters<Relay["open"]>[0]): { portOfA: number; portOfB: number } {
    if (this.sessions.size >= this.most) throw new RangeError("All relay sessions are taken");
    const ports: [number, number] = session.ports === undefined
      ? [this.#next++, this.#next++]
      : [session.ports.portOfA, session.ports.portOfB];
    this.sessions.set(session.sessionId, { a: session.a, b: session.b, expiresUs: session.expiresUs, ports });
    return { portOfA: ports[0], portOfB: ports[1] };
  }

  renew(sessionId: string, expiresUs: number): void {
    const session = this.sessions.get(sessionId);
    if (session === undefined) throw new RangeError("There is no such session");
    session.expiresUs = expiresUs;
  }

  keysChanged(node: NodeId): void {
    this.keyChanges.push(node);
  }

  close(sessionId: string): void {
    this.sessions.delete(sessionId);
  }

  status(): ReturnType<Relay["status"]> {
    return { sessions: this.sessions.size, most: this.most, forwardedBytes: 0, droppedPackets: 0 };
  }
}

/** A hub on a disk with a clock that the test moves. */
export class HubWorld implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly audit = new MemoryAudit();
  readonly faults = new FaultBoard(this.clock.nowUs);
  readonly feed = new EventFeed(this.clock.nowUs);
  readonly relay = new CountingRelay();
  hub!: OpenHub;
  settings = hubSettings;

  private constructor(readonly dir: string, readonly owned: boolean) {}

  /** @param dir the hub's folder; one of its own without it */
  static async open(settings: Partial<HubSettings> = {}, dir?: string): Promise<HubWorld> {
    const world = new HubWorld(dir ?? await makeMemoryDir("edgekeep-hub-"), dir === undefined);
    world.settings = { ...hubSettings, ...settings };
    await world.start();
    return world;
  }

  async start(): Promise<void> {
    this.hub = await openHubCore({
      dir: this.dir,
      config: this.settings,
      relay: () => this.relay,
      audit: this.audit,
      faults: this.faults,
      feed: this.feed,
      nowUs: this.clock.nowUs,
      random: () => 0.5,
    });
  }

  async restart(): Promise<void> {
    await this.hub.stop();
    await this.start();
  }

  get core(): OpenHub["core"] {
    return this.hub.core;
  }

  get admin(): OpenHub["admin"] {
    return this.hub.admin;
  }

  /** Moves the clock on and lets the hub look after each second. */
  pass(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      this.clock.set(1000);
      this.hub.look();
    }
  }

  token(uses = 1, group = "plc"): string {
    return this.admin.createToken({ label: "test", group, uses, minutes: 15, by: "anna" }).text;
  }

  /** Joins a node. */
  join(name: string, token = this.token()): SimulatedNode {
    const node = new SimulatedNode(this, name);
    node.join(token);
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub.stop();
    if (this.owned) await Deno.remove(this.dir, { recursive: true });
  }
}

type StatementKeys = Pick<MembersOf<"ek.node">, "wireguard_key" | "kem_key">;

/** A node as far as the hub sees it: keys from its name, a copy of its state, a position. */
export class SimulatedNode {
  readonly identity: SigningKey;
  statement!: OpenStatement;
  state!: NodeState;
  epoch = 0;
  sequence = 0;
  readonly received: Envelope["event"][] = [];
  hubKeys = new Map<number, Uint8Array>();

  constructor(readonly world: HubWorld, readonly name: string) {
    this.identity = signingKeyOf(sha256(`identity ${name}`));
  }

  get id(): NodeId {
    return this.statement.node_id;
  }

  /** Exact text of a statement with other members. */
  statementText(change: Partial<StatementKeys>, generation = 1, hub: HubId = this.world.core.hubId, salt = ""): string {
    const kem = Array.from({ length: 37 }, (_, i) => sha256(`kem ${this.name} ${generation} ${salt} ${i}`));
    return sealStatement(hub, {
      generation,
      issued_at: meshTime(this.world.clock.nowUs()),
      wireguard_key: toBase64(wireGuardKeyOf(sha256(`wireguard ${this.name} ${generation} ${salt}`)).publicKey),
      kem_key: toBase64(Buffer.concat(kem)),
      ...change,
    }, this.identity);
  }

  /** A statement of this node with keys of its generation. */
  statementOf(
    generation: number,
    hub: HubId = this.world.core.hubId,
    salt = "",
    change: Partial<StatementKeys> = {},
  ): OpenStatement {
    return openStatement(this.statementText(change, generation, hub, salt), hub);
  }

  /** The exact text of an ek.register. */
  registerText(token: string, change: Partial<MembersOf<"ek.register">> = {}, statement = this.statementOf(1)): string {
    const { hub, id, secret } = parseJoinToken(token);
    const members = {
      hub,
      token_id: id,
      statement: statement.text,
      hostname: this.name,
      version: "0.1.0",
      binary_sha256: sha256Hex("binary"),
      nonce: newNonce(),
      ...change,
    };
    const { hub: _hub, ...rest } = members;
    const token_mac = change.token_mac ?? tokenMac(fromBase64(secret), members);
    return sealObject("ek.register", hub, { ...rest, token_mac }, this.identity);
  }

  join(token: string): void {
    const pinned = parseJoinToken(token);
    const nonce = newNonce();
    const text = this.registerText(token, { nonce });
    this.statement = this.statementOf(1);
    const answer = openRegistration(this.world.core.register(text, "192.0.2.7"), {
      hub: pinned.hub,
      audience: this.statement.node_id,
      keySha256: pinned.key,
      keyIndex: pinned.key_index,
      replyTo: nonce,
    });
    this.epoch = answer.epoch;
    this.sequence = answer.sequence;
    this.hubKeys.set(answer.key_index, fromBase64(answer.event.payload.signing_key));
    this.fetchState();
  }

  /** Opens an envelope with the keys that this node trusts. */
  open(text: string, replyTo: string, audience: NodeId | null = this.id): Envelope {
    const { core } = this.world;
    return openEnvelope(text, {
      hub: core.hubId,
      audience,
      keyOf: (index) => this.hubKeys.get(index) ?? null,
      replyTo,
    });
  }

  /** Takes the links whose key it knows, as the hub serves them. */
  learnKeys(): void {
    const { core } = this.world;
    for (const text of core.keyObjects()) {
      if (!text.includes('"typ":"ek.keylink"')) continue;
      const { key_index } = readObject("ek.keylink", text);
      const publicKey = this.hubKeys.get(key_index - 1);
      if (publicKey === undefined) continue;
      const { signing_key } = openObject("ek.keylink", text, { hub: core.hubId, publicKey });
      this.hubKeys.set(key_index, fromBase64(signing_key));
    }
  }

  fetchState(): void {
    this.learnKeys();
    const nonce = newNonce();
    const envelope = this.open(this.world.core.stateEnvelope(this.id, nonce), nonce);
    if (envelope.event.type !== "node_state") throw new Error("Not a state");
    this.state = envelope.event.payload;
    this.epoch = envelope.epoch;
    this.sequence = envelope.sequence;
  }

  /** Takes the missing events one by one. @returns whether the state had to be fetched instead */
  follow(): boolean {
    const events = this.world.core.eventsAfter(this.id, this.epoch, this.sequence, 256);
    if (events === null) {
      this.fetchState();
      return true;
    }
    for (const event of events) this.take(event);
    return false;
  }

  take(stored: StoredEvent): void {
    if (stored.sequence !== this.sequence + 1) throw new Error(`A gap: ${stored.sequence} after ${this.sequence}`);
    const event = readEvent(stored.eventType, JSON.parse(stored.payload));
    this.received.push(event);
    this.state = applyEvent(this.state, event);
    this.sequence = stored.sequence;
  }

  /** Hash of its own copy. */
  get stateSha256(): string {
    return stateSha256(this.state);
  }

  /** Event types that came since the last call. */
  types(): string[] {
    return this.received.splice(0).map(({ type }) => type);
  }

  beat(change: Partial<Heartbeat> = {}): void {
    this.world.core.heartbeat(this.id, {
      epoch: this.epoch,
      sequence: this.sequence,
      state_sha256: this.stateSha256,
      status: "ok",
      uptime_s: 60,
      version: "0.1.0",
      binary_sha256: sha256Hex("binary"),
      peers: [],
      ...change,
    }, "192.0.2.7");
  }

  /** One peer of a heartbeat. */
  link(
    peer: SimulatedNode,
    path: Heartbeat["peers"][number]["path"],
    handshakeAgoS?: number,
  ): Heartbeat["peers"][number] {
    const nowUs = this.world.clock.nowUs();
    return {
      node_id: peer.id,
      ...(handshakeAgoS === undefined ? {} : { last_handshake: meshTime(nowUs - handshakeAgoS * 1_000_000) }),
      rx: 1,
      tx: 2,
      path,
      rtt_ms: 3,
    };
  }
}
