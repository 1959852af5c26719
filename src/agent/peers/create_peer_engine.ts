import { getLogger } from "@logtape/logtape";
import type { Audit } from "../../audit/audit.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import { toBase64 } from "../../mesh/encoding.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import type { NodeState } from "../../mesh/state.ts";
import type { HubRequests } from "../hub_client/hub_requests.ts";
import { DeviceError } from "../wireguard/wireguard_device.ts";
import type { AdminTrust } from "./admin_word.ts";
import { DeviceSync, type DeviceSyncParts } from "./device_sync.ts";
import { ExchangeDriver, readMail } from "./exchange_driver.ts";
import { KeptPins } from "./kept_pins.ts";
import { Outbox } from "./outbox.ts";
import { type OwnPeerKeys, OwnRotation } from "./own_rotation.ts";
import { mostRecords, PeerBook, tombstoneOf } from "./peer_book.ts";
import type { PeerEngine, PeerStatus } from "./peer_engine.ts";
import type { PeerPins, StoredValue } from "./peer_files.ts";
import { PeerLink } from "./peer_link.ts";
import type { PeerRecord, PeerStore } from "./peer_record.ts";
import { type Kem, withoutKeys } from "./psk_exchange.ts";
import { type Refusal, refusalTexts } from "./refusal.ts";
import { StatementDesk } from "./statement_desk.ts";

const log = getLogger(["edgekeep", "agent", "peers"]);

/** What a {@link PeerEngine} works with. */
export interface PeerEngineParts extends DeviceSyncParts {
  readonly keys: OwnPeerKeys;
  /** Address and network of this node, fixed at join. */
  readonly meshIp: string;
  readonly meshCidr: string;
  readonly trust: AdminTrust;
  readonly requests: Pick<HubRequests, "statement" | "mail" | "rotate" | "rotateCommit" | "keyReady">;
  /** Whether the hub refused a request for good: the same one would fail again. */
  readonly refusedForGood: (error: unknown) => boolean;
  readonly store: PeerStore;
  readonly pins: StoredValue<PeerPins>;
  readonly audit: Pick<Audit, "record">;
  readonly faults: Pick<FaultBoard, "raise" | "clear">;
  /** Hub time, µs UTC. */
  readonly hubUs: () => number;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Unless given: ML-KEM-768. */
  readonly kem?: Kem;
}

/** The device is looked at so often while something is under way, and while nothing is, ms. */
const eagerMs = 1000;
const steadyMs = 10_000;
/** How long the end waits for requests that are under way, ms. */
const lastWordMs = 2000;

/** The engine of the peers of this node; it begins with the first state. See {@link PeerEngine}. */
export function createPeerEngine(parts: PeerEngineParts): PeerEngine {
  return new Engine(parts);
}

class Engine implements PeerEngine {
  readonly #parts: PeerEngineParts;
  readonly #book: PeerBook;
  readonly #device: DeviceSync;
  readonly #exchange: ExchangeDriver;
  readonly #rotation: OwnRotation;
  readonly #outbox: Outbox;
  readonly #desk: StatementDesk;
  readonly #pins: KeptPins;
  readonly #links = new Map<NodeId, PeerLink>();
  readonly #records = new Map<NodeId, PeerRecord>();
  readonly #barred = new Map<NodeId, Refusal>();
  readonly #ended = new AbortController();
  readonly #background = new Set<Promise<void>>();
  #wake = new AbortController();
  #queue: Promise<unknown> = Promise.resolve();
  #loaded: Promise<void> | null = null;
  #loop: Promise<void> | null = null;
  #state: NodeState | null = null;
  #told = new Set<string>();
  #cycledMs = -Infinity;
  #isDue = true;

  constructor(parts: PeerEngineParts) {
    this.#parts = parts;
    const { keys, meshIp, meshCidr, trust, requests } = parts;
    this.#book = new PeerBook({ nodeId: keys.nodeId, meshIp, meshCidr, trust });
    this.#device = new DeviceSync(parts);
    this.#pins = new KeptPins(parts.pins, trust);
    this.#desk = new StatementDesk({
      hub: keys.hub,
      requests,
      nowMs: parts.nowMs,
      recordOf: (peer) => this.#records.get(peer) ?? null,
      save: (link, record) => this.#save(link, record),
      admits: (link) => this.#admits(link),
      takenKeys: (peer) => this.#takenKeys(peer),
      besides: (task) => this.#besides(task),
      serial: (step) => this.#serial(step),
      hurry: () => this.#hurry(),
      tell: (link, what, outcome, generation) => this.#audit(what, link.nodeId, outcome, { generation }),
    });
    this.#outbox = new Outbox({
      mail: (to, message) => requests.mail(to, message),
      pause: parts.pause,
      failed: (to, error) => log.debug("mail to {peer} was not taken: {error}", { peer: to, error: reasonOf(error) }),
    });
    this.#exchange = new ExchangeDriver({
      keys,
      kem: parts.kem,
      nowMs: parts.nowMs,
      save: (link, psk) => this.#save(link, { ...this.#recordOf(link), psk }),
      send: (to, kind, message) => this.#outbox.put(to, kind, message),
      tell: (link, what, why) =>
        this.#audit(what, link.nodeId, what === "psk_agreed" ? "ok" : why, what === "psk_agreed" ? { epoch: why } : {}),
    });
    this.#rotation = new OwnRotation({
      keys,
      rotate: (statement) => requests.rotate(statement),
      rotateCommit: (sha256) => requests.rotateCommit(sha256),
      refusedForGood: parts.refusedForGood,
      hubUs: parts.hubUs,
      serial: (step) => this.#serial(step),
      tell: (what, cut, error) => this.#tellRotation(what, cut, error),
    });
  }

  follow(state: NodeState): Promise<void> {
    this.#begin();
    return this.#serial(async () => {
      await this.#load();
      this.#state = state;
      await this.#takeState(state);
      await this.#cycle();
    });
  }

  async removed(peer: NodeId): Promise<void> {
    const link = this.#links.get(peer);
    if (link === undefined) return;
    this.#outbox.forget(peer);
    // not in turn: whatever is under way, a removed node reaches nobody from here on
    const taken = this.#device.take(link);
    const buried = this.#serial(async () => {
      await this.#bury(link);
      this.#device.gone.delete(peer);
      await this.#cycle();
    });
    await Promise.all([taken, buried]);
  }

  mail(message: string): Promise<void> {
    return this.#serial(async () => {
      let claim: ReturnType<typeof readMail>;
      try {
        claim = readMail(message);
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
        return this.#audit("psk_mail_refused", null, error.code, {});
      }
      const link = this.#links.get(claim.from);
      const known = link !== undefined && (link.refusal === null || link.refusal === "statement_missing");
      if (!known) return this.#audit("psk_mail_refused", claim.from, "not_a_peer", {});
      if (this.#pins.mode === "hub") return;
      await this.#device.look(this.#links, eagerMs);
      await this.#exchange.proven(link);
      await this.#exchange.take(link, claim.kind, message);
      this.#hurry();
    });
  }

  keyRotated(event: Parameters<PeerEngine["keyRotated"]>[0]): Promise<void> {
    return this.#serial(async () => {
      const link = this.#links.get(event.peerId);
      if (link === undefined || (link.refusal !== null && link.refusal !== "statement_missing")) return;
      await this.#desk.rotated(link, event.statementSha256, event.phase);
      await this.#cycle();
    });
  }

  rotateOwnKey(): Promise<void> {
    return this.#serial(async () => {
      this.#rotation.want();
      await this.#cycle();
    });
  }

  rotationReady(event: Parameters<PeerEngine["rotationReady"]>[0]): Promise<void> {
    return this.#serial(async () => {
      this.#rotation.readyAre(event.ready, event.statementSha256);
      await this.#cycle();
    });
  }

  status(): readonly PeerStatus[] {
    const nowMs = this.#parts.nowMs();
    return [...this.#links.values()].map((link) =>
      link.status(this.#parts.paths.kindOf(link.nodeId, link.endpoint), nowMs)
    );
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    this.#wake.abort();
    const ended = new AbortController();
    const work = [
      this.#outbox.stop(),
      this.#loop,
      this.#rotation.stop(),
      ...this.#background,
      this.#queue.catch(() => {}),
    ];
    // a hub that does not answer is not waited for: what it says later finds the engine ended
    await Promise.race([Promise.all(work), this.#parts.pause(lastWordMs, ended.signal)]);
    ended.abort();
  }

  /** Work in turn: no two steps see each other half done. */
  #serial<T>(step: () => Promise<T>): Promise<T | undefined> & Promise<void> {
    const done = this.#queue.then(() => this.#ended.signal.aborted ? undefined : step());
    this.#queue = done.catch(() => {});
    return done as Promise<T | undefined> & Promise<void>;
  }

  #begin(): void {
    this.#loop ??= this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const waitMs = this.#cycledMs + this.#intervalMs() - this.#parts.nowMs();
      if (!this.#isDue && waitMs > 0) {
        this.#wake = new AbortController();
        await this.#parts.pause(waitMs, this.#wake.signal);
        continue; // what woke it may have changed what is due
      }
      await this.#serial(() => this.#cycle()).catch((error) => {
        log.warn("the tunnels could not be looked after: {error}", { error: reasonOf(error) });
      });
    }
  }

  #intervalMs(): number {
    const nowMs = this.#parts.nowMs();
    if (this.#rotation.underWay || this.#device.isChoosingPath(nowMs)) return eagerMs;
    let dueMs = nowMs + steadyMs;
    for (const link of this.#links.values()) {
      if (link.isEager(this.#pins.mode, nowMs)) return eagerMs;
      if (link.record?.psk.open !== null && link.resend !== null) dueMs = Math.min(dueMs, link.resend.dueMs);
      if (link.redoWanted) dueMs = Math.min(dueMs, link.redo.dueMs);
      if (link.refusal === "statement_missing") dueMs = Math.min(dueMs, link.fetch.dueMs);
    }
    return Math.min(steadyMs, Math.max(eagerMs, dueMs - nowMs));
  }

  /** Lets the loop look at everything at once, or as soon as the present step is done. */
  #hurry(): void {
    this.#isDue = true;
    this.#wake.abort();
  }

  #load(): Promise<void> {
    return this.#loaded ??= (async () => {
      const { store } = this.#parts;
      await this.#pins.load();
      const { records, damaged } = await store.load();
      for (const record of records) this.#records.set(record.node_id, record);
      for (const peer of damaged) this.#barred.set(peer, "record_damaged");
    })().catch((error) => {
      this.#loaded = null;
      throw error;
    });
  }

  async #takeState(state: NodeState): Promise<void> {
    const takenBack = this.#pins.take(state);
    for (const what of takenBack) {
      this.#once(what === "downgrade" ? "psk_downgrade_refused" : "revocation_refused", what);
    }
    const { faults } = this.#parts;
    if (!takenBack.includes("downgrade")) faults.clear("mesh_psk_downgrade");
    else faults.raise("mesh_psk_downgrade", "The hub asks for keys that it knows; this node goes on without it");
    const named = new Set<NodeId>();
    for (const peer of state.peers) {
      named.add(peer.node_id);
      let link = this.#links.get(peer.node_id);
      if (link === undefined) {
        if (this.#records.size >= mostRecords && !this.#records.has(peer.node_id)) {
          this.#barred.set(peer.node_id, "too_many_peers");
        }
        link = new PeerLink(peer, this.#parts.keys.nodeId);
        const record = this.#records.get(peer.node_id);
        if (record !== undefined) this.#adopt(link, record);
        this.#links.set(peer.node_id, link);
      }
      link.state = peer;
      // whose key it was may be gone
      if (link.rejected?.refusal === "key_taken") link.rejected = null;
      if (this.#pins.mode === "hub") link.setHubPsk();
    }
    for (const link of [...this.#links.values()]) if (!named.has(link.nodeId)) await this.#bury(link);
  }

  /** Looks at everything and does what is due. */
  async #cycle(): Promise<void> {
    this.#isDue = false;
    const state = this.#state;
    const { nowMs, faults } = this.#parts;
    this.#cycledMs = nowMs();
    if (state === null) return;
    try {
      const device = await this.#device.look(this.#links, eagerMs / 2);
      const own = this.#rotation.deviceKey;
      if (device.publicKey === null || toBase64(device.publicKey) !== toBase64(own.publicKey)) {
        await this.#device.setPrivateKey(own.privateKey);
        this.#rotation.switched(nowMs());
      }
      let stored = true;
      const guarded = async (step: () => Promise<void>) => {
        try {
          await step();
        } catch (error) {
          if (error instanceof MeshError) return this.#once("psk_failed", error.code);
          if (error instanceof DeviceError) throw error;
          stored = false;
          faults.raise("mesh_storage_failed", reasonOf(error), "peers");
        }
      };
      await guarded(() => this.#pins.store());
      const serials = this.#judge(state);
      for (const link of this.#links.values()) await guarded(() => this.#attend(link, serials.get(link.nodeId)));
      this.#tellRefusals();
      await guarded(() => this.#rotate());
      const observers = new Set(state.observers.map(({ public_key }) => public_key));
      await this.#device.follow(this.#links, this.#pins.mode, observers);
      for (const link of this.#links.values()) this.#exchange.deviceFollowed(link);
      if (stored) faults.clear("mesh_storage_failed", "peers");
      faults.clear("mesh_peers_failed");
    } catch (error) {
      faults.raise("mesh_peers_failed", reasonOf(error));
      throw error;
    } finally {
      this.#cycledMs = nowMs();
      this.#wake.abort();
    }
  }

  async #rotate(): Promise<void> {
    const { nowMs } = this.#parts;
    const live = [...this.#links.values()].filter(({ applied }) => applied !== null)
      .map((link) => ({ nodeId: link.nodeId, ageMs: link.handshakeAgeMs(nowMs()) }));
    if (!await this.#rotation.step(live, nowMs())) return;
    await this.#device.setPrivateKey(this.#rotation.deviceKey.privateKey);
    this.#rotation.switched(nowMs());
  }

  /** What one peer needs before the device follows. */
  async #attend(link: PeerLink, cosignSerial: number | undefined): Promise<void> {
    if (cosignSerial === undefined) return;
    await this.#desk.attend(link);
    if (link.record !== null && link.statement !== null && link.record.cosign_serial < cosignSerial) {
      await this.#save(link, { ...link.record, cosign_serial: cosignSerial });
    }
    await this.#exchange.proven(link);
    if (this.#pins.mode === "end-to-end") await this.#exchange.due(link);
  }

  #judge(state: NodeState): ReadonlyMap<NodeId, number> {
    return this.#book.judge(this.#links, state, this.#barred, this.#pins.revocation, this.#parts.hubUs());
  }

  #admits(link: PeerLink): number | null {
    if (this.#state === null || this.#links.get(link.nodeId) !== link) return null;
    return this.#judge(this.#state).get(link.nodeId) ?? null;
  }

  #takenKeys(peer: NodeId): ReadonlySet<string> {
    const { tunnel, next } = this.#parts.keys;
    const own = [tunnel, next].flatMap((key) => key === null ? [] : [key.statement.wireguard_key]);
    return this.#book.takenKeys(peer, this.#links, this.#state?.observers ?? [], own);
  }

  #besides(task: () => Promise<void>): void {
    const running = task()
      .catch((error) => log.debug("a request to the hub failed: {error}", { error: reasonOf(error) }))
      .finally(() => this.#background.delete(running));
    this.#background.add(running);
  }

  /** The peer is gone: no key of it stays, only what a replay is recognised by. */
  async #bury(link: PeerLink): Promise<void> {
    this.#links.delete(link.nodeId);
    this.#book.forget(link.nodeId);
    this.#outbox.forget(link.nodeId);
    this.#parts.faults.clear("mesh_peer_refused", link.nodeId);
    try {
      if (link.applied !== null) await this.#device.take(link);
    } catch (error) {
      // nobody has a claim to it any more: the next look at the device takes it off, and others go on being buried
      log.warn("{peer} could not be taken off the device yet: {error}", { peer: link.nodeId, error: reasonOf(error) });
    }
    this.#device.gone.delete(link.nodeId);
    const { record } = link;
    if (record === null || record.statement === null) return;
    const tombstone = tombstoneOf(record, withoutKeys(record.psk));
    this.#records.set(link.nodeId, tombstone);
    this.#audit("peer_removed", link.nodeId, "ok", {});
    await this.#parts.store.save(tombstone).catch((error) => {
      // the next start without the peer in its state has no use for the record either
      log.warn("the keys of {peer} could not be removed from disk: {error}", {
        peer: link.nodeId,
        error: reasonOf(error),
      });
    });
  }

  #recordOf(link: PeerLink): PeerRecord {
    const { record } = link;
    if (record === null) throw new Error("Cannot exchange keys with a peer that was not admitted");
    return record;
  }

  /** On disk first, then in memory. */
  async #save(link: PeerLink, record: PeerRecord): Promise<void> {
    await this.#parts.store.save(record);
    this.#records.set(link.nodeId, record);
    link.adopt(record, this.#parts.keys.hub);
  }

  #adopt(link: PeerLink, record: PeerRecord): void {
    try {
      link.adopt(record, this.#parts.keys.hub);
      if (link.prepared !== null) link.preparing = link.prepared.sha256;
    } catch {
      this.#barred.set(link.nodeId, "record_damaged");
    }
  }

  #tellRefusals(): void {
    const { faults } = this.#parts;
    for (const link of this.#links.values()) {
      const why = link.refusal === "statement_missing" ? null : link.refusal ?? link.problem;
      if (why === link.told) continue;
      link.told = why;
      if (why === null) {
        faults.clear("mesh_peer_refused", link.nodeId);
        continue;
      }
      faults.raise("mesh_peer_refused", `${link.state.name}: ${refusalTexts[why]}`, link.nodeId);
      this.#audit("peer_refused", link.nodeId, why, { kept: link.refusal === null });
    }
  }

  #tellRotation(what: string, cut: readonly NodeId[], error: unknown): void {
    if (what === "rotation_delayed") {
      return log.info("the hub was not told of the new WireGuard key yet: {error}", { error: reasonOf(error) });
    }
    this.#audit(
      what,
      this.#parts.keys.nodeId,
      error === null ? "ok" : "refused",
      cut.length === 0 ? {} : { cut: [...cut] },
    );
    if (what !== "rotation_switched") this.#hurry();
  }

  #once(event: string, outcome: string): void {
    const key = `${event} ${outcome}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#audit(event, null, outcome, {});
  }

  #audit(
    event: string,
    target: NodeId | null,
    outcome: string,
    fields: Readonly<Record<string, string | number | boolean | readonly string[]>>,
  ): void {
    this.#parts.audit.record({
      event,
      principal: null,
      role: null,
      credential: null,
      address: "local",
      transport: "mesh",
      operation: null,
      target,
      decision: outcome === "ok" ? "allowed" : "denied",
      rule: null,
      outcome,
      fields,
    });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
