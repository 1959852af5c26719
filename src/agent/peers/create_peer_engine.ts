import { getLogger } from "@logtape/logtape";
import type { Audit } from "../../audit/audit.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import { toBase64 } from "../../mesh/encoding.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import type { NodeState } from "../../mesh/state.ts";
import type { HubRequests } from "../hub_client/hub_requests.ts";
import { type AcceptedRevocation, type AdminTrust, newerRevocation, openRevocation } from "./admin_word.ts";
import { DeviceSync, type DeviceSyncParts } from "./device_sync.ts";
import { ExchangeDriver, readMail } from "./exchange_driver.ts";
import { Outbox } from "./outbox.ts";
import { type OwnPeerKeys, OwnRotation } from "./own_rotation.ts";
import { mostRecords, PeerBook, tombstoneOf } from "./peer_book.ts";
import type { PeerEngine, PeerStatus } from "./peer_engine.ts";
import type { PeerPins, StoredValue } from "./peer_files.ts";
import { PeerLink } from "./peer_link.ts";
import { emptyPsk, type PeerRecord, type PeerStore } from "./peer_record.ts";
import { type Kem, withoutKeys } from "./psk_exchange.ts";
import { type Refusal, refusalTexts } from "./refusal.ts";
import { judgeStatement } from "./statement_check.ts";

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

/** Statements that are fetched at once. */
const mostFetches = 8;
/** The device is looked at so often while something is under way, and while nothing is, ms. */
const eagerMs = 1000;
const steadyMs = 10_000;

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
  #pins: PeerPins | null = null;
  #pinsStored = false;
  #revocation: AcceptedRevocation | null = null;
  #told = new Set<string>();
  #fetches = 0;
  #cycledMs = -Infinity;

  constructor(parts: PeerEngineParts) {
    this.#parts = parts;
    const { keys, meshIp, meshCidr, trust, requests } = parts;
    this.#book = new PeerBook({ nodeId: keys.nodeId, meshIp, meshCidr, trust });
    this.#device = new DeviceSync(parts);
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
      if (this.#mode === "hub") return;
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
      if (link.statement?.sha256 === event.statementSha256) return;
      if (event.phase === "prepare") {
        link.preparing = event.statementSha256;
        link.ready.reset();
        link.fetch.reset();
      } else if (link.prepared?.sha256 === event.statementSha256) await this.#promote(link, null);
      else this.#fetch(link, event.statementSha256, "commit");
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
      this.#rotation.readyAre(event.ready);
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
    await this.#outbox.stop();
    await this.#loop;
    await this.#rotation.stop();
    await Promise.all(this.#background);
    await this.#queue.catch(() => {});
  }

  get #mode(): "end-to-end" | "hub" {
    return this.#pins?.psk_mode ?? "end-to-end";
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
      if (waitMs > 0) {
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
      if (link.isEager(this.#mode, nowMs)) return eagerMs;
      if (link.record?.psk.open !== null && link.resend !== null) dueMs = Math.min(dueMs, link.resend.dueMs);
      if (link.redoWanted) dueMs = Math.min(dueMs, link.redo.dueMs);
      if (link.refusal === "statement_missing") dueMs = Math.min(dueMs, link.fetch.dueMs);
    }
    return Math.min(steadyMs, Math.max(eagerMs, dueMs - nowMs));
  }

  /** Lets the loop look at everything at once, or as soon as the present step is done. */
  #hurry(): void {
    this.#cycledMs = -Infinity;
    this.#wake.abort();
  }

  #load(): Promise<void> {
    return this.#loaded ??= (async () => {
      const { store, pins, trust } = this.#parts;
      this.#pins = await pins.read();
      this.#pinsStored = this.#pins !== null;
      if (this.#pins !== null && this.#pins.revocation !== null && trust.adminKey !== null) {
        try {
          this.#revocation = openRevocation(this.#pins.revocation, trust.hub, trust.adminKey);
        } catch {
          // of an admin key that root replaced since
        }
      }
      const { records, damaged } = await store.load();
      for (const record of records) this.#records.set(record.node_id, record);
      for (const peer of damaged) this.#barred.set(peer, "record_damaged");
    })().catch((error) => {
      this.#loaded = null;
      throw error;
    });
  }

  async #takeState(state: NodeState): Promise<void> {
    this.#takePins(state);
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
      if (this.#mode === "hub") link.setHubPsk();
    }
    for (const link of [...this.#links.values()]) if (!named.has(link.nodeId)) await this.#bury(link);
  }

  /** What the hub said once and may not take back: end-to-end keys, and revocations. */
  #takePins(state: NodeState): void {
    const { trust, faults } = this.#parts;
    const mode = this.#pins?.psk_mode === "end-to-end" ? "end-to-end" : state.psk_mode;
    if (mode === state.psk_mode) faults.clear("mesh_psk_downgrade");
    else {
      faults.raise("mesh_psk_downgrade", "The hub asks for keys that it knows; this node goes on without it");
      this.#once("psk_downgrade_refused", null, "downgrade");
    }
    const { revocation, problem } = newerRevocation(this.#revocation, state.revocation, trust);
    if (problem !== null) this.#once("revocation_refused", null, problem);
    const next: PeerPins = { psk_mode: mode, revocation: revocation?.text ?? null };
    if (this.#pins?.psk_mode !== next.psk_mode || this.#pins.revocation !== next.revocation) this.#pinsStored = false;
    // the stricter word counts at once, stored or not
    this.#pins = next;
    this.#revocation = revocation;
  }

  async #storePins(): Promise<void> {
    if (this.#pins === null) return;
    await this.#parts.pins.write(this.#pins);
    this.#pinsStored = true;
  }

  /** Looks at everything and does what is due. */
  async #cycle(): Promise<void> {
    const state = this.#state;
    if (state === null) return;
    const { nowMs, faults, hubUs } = this.#parts;
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
          if (error instanceof MeshError) return this.#once("psk_failed", null, error.code);
          stored = false;
          faults.raise("mesh_storage_failed", reasonOf(error), "peers");
        }
      };
      if (!this.#pinsStored) await guarded(() => this.#storePins());
      const serials = this.#book.judge(this.#links, state, this.#barred, this.#revocation, hubUs());
      for (const link of this.#links.values()) await guarded(() => this.#attend(link, serials.get(link.nodeId)));
      this.#tellRefusals();
      await guarded(() => this.#rotate());
      const observers = new Set(state.observers.map(({ public_key }) => public_key));
      await this.#device.follow(this.#links, this.#mode, observers);
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
    const named = link.state.statement_sha256;
    const { record } = link;
    if (link.isKeyProven && link.prepared?.wireguard_key === link.applied?.wireguardKey) {
      // a handshake with the new key is the peer's own word that it uses it, whatever the hub knows
      await this.#promote(link, link.statement?.sha256 ?? null);
    }
    if (link.prepared?.sha256 === named) await this.#promote(link, null);
    else if (link.statement?.sha256 !== named && record?.previous_sha256 !== named) {
      if (link.rejected?.sha256 !== named) this.#fetch(link, named, "commit");
    } else if (link.statement?.sha256 === named && record !== null) {
      link.rejected = null;
      if (record.previous_sha256 !== null) await this.#save(link, { ...record, previous_sha256: null });
    }
    if (link.preparing !== null && link.prepared?.sha256 !== link.preparing) {
      this.#fetch(link, link.preparing, "prepare");
    }
    if (link.preparing !== null && link.prepared?.sha256 === link.preparing) this.#sayReady(link, link.preparing);
    if (link.record !== null && link.statement !== null && link.record.cosign_serial < cosignSerial) {
      await this.#save(link, { ...link.record, cosign_serial: cosignSerial });
    }
    await this.#exchange.proven(link);
    if (this.#mode === "end-to-end") await this.#exchange.due(link);
  }

  /** The prepared statement is the statement. */
  async #promote(link: PeerLink, previous: string | null): Promise<void> {
    const { record, prepared } = link;
    if (record === null || prepared === null) return;
    await this.#save(link, {
      ...record,
      generation: prepared.generation,
      statement: prepared.text,
      statement_sha256: prepared.sha256,
      previous_sha256: previous,
      prepared: null,
    });
    link.preparing = null;
    this.#audit("peer_key_changed", link.nodeId, "ok", { generation: prepared.generation });
  }

  /** Fetches a statement besides, and takes it in turn. */
  #fetch(link: PeerLink, sha256: string, phase: "prepare" | "commit"): void {
    const { requests, nowMs } = this.#parts;
    if (link.fetching || this.#fetches >= mostFetches || !link.fetch.due(nowMs())) return;
    link.fetching = true;
    link.fetch.tried(nowMs());
    this.#fetches++;
    this.#besides(async () => {
      try {
        const text = await requests.statement(sha256);
        await this.#serial(async () => {
          if (this.#links.get(link.nodeId) === link) await this.#takeStatement(link, text, sha256, phase);
        });
      } finally {
        link.fetching = false;
        this.#fetches--;
        this.#hurry();
      }
    });
  }

  async #takeStatement(link: PeerLink, text: string, sha256: string, phase: "prepare" | "commit"): Promise<void> {
    const { keys, hubUs } = this.#parts;
    const state = this.#state;
    if (state === null) return;
    link.fetch.reset();
    const own = [keys.tunnel, keys.next].flatMap((key) => key === null ? [] : [key.statement.wireguard_key]);
    const taken = this.#book.takenKeys(link.nodeId, this.#links, state, own);
    const record = this.#records.get(link.nodeId) ?? null;
    const verdict = judgeStatement(text, sha256, link.nodeId, keys.hub, record, (key) => taken.has(key));
    if (verdict.statement === null) {
      link.rejected = { sha256, refusal: verdict.refusal };
      if (phase === "prepare") {
        link.preparing = null;
        this.#audit("peer_statement_refused", link.nodeId, verdict.refusal, { statement_sha256: sha256 });
      }
    } else {
      const { statement } = verdict;
      const serials = this.#book.judge(this.#links, state, this.#barred, this.#revocation, hubUs());
      const serial = serials.get(link.nodeId);
      if (serial === undefined) return;
      if (phase === "prepare") {
        const isNext = record !== null && link.statement !== null && statement.generation > record.generation;
        if (isNext) await this.#save(link, { ...record, prepared: text });
        else link.preparing = null;
      } else if (phase === "commit") {
        await this.#save(link, {
          node_id: link.nodeId,
          mesh_ip: record?.mesh_ip ?? link.state.mesh_ip,
          generation: statement.generation,
          statement_sha256: sha256,
          statement: text,
          previous_sha256: null,
          prepared: null,
          cosign_serial: Math.max(serial, record?.cosign_serial ?? 0),
          psk: record?.psk ?? emptyPsk,
        });
        this.#audit("peer_admitted", link.nodeId, "ok", {
          generation: statement.generation,
          mesh_ip: link.state.mesh_ip,
        });
      }
    }
  }

  /** Tells the hub that the key is prepared, again until it took it. */
  #sayReady(link: PeerLink, sha256: string): void {
    const { requests, nowMs } = this.#parts;
    if (link.sayingReady || !link.ready.due(nowMs())) return;
    link.sayingReady = true;
    link.ready.tried(nowMs());
    this.#besides(async () => {
      try {
        await requests.keyReady({ peer_id: link.nodeId, statement_sha256: sha256 });
        if (link.preparing === sha256) link.preparing = null;
      } finally {
        link.sayingReady = false;
      }
    });
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
    if (link.applied !== null) await this.#device.take(link);
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

  #once(event: string, target: NodeId | null, outcome: string): void {
    const key = `${event} ${outcome}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#audit(event, target, outcome, {});
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
