import {
  keyAlternateAfterMs,
  keyAlternateEveryMs,
  livePeerMs,
  pskAlternateAfterMs,
  pskAlternateEveryMs,
} from "../../mesh/constants.ts";
import { fromBase64 } from "../../mesh/encoding.ts";
import type { HubId, NodeId } from "../../mesh/ids.ts";
import { pskLeader } from "../../mesh/psk.ts";
import { type OpenStatement, openStatement } from "../../mesh/statements.ts";
import type { StatePeer } from "../../mesh/state.ts";
import { HandshakeWatch } from "./handshake_watch.ts";
import { KeyTurns } from "./key_turns.ts";
import type { PeerStatus } from "./peer_engine.ts";
import { emptyPsk, type PeerRecord } from "./peer_record.ts";
import { candidateKeys, isUnsettled } from "./psk_exchange.ts";
import { type Refusal, refusalTexts } from "./refusal.ts";
import { RetrySchedule } from "./retry_schedule.ts";

/** A pre-shared key that may be set. `id` tells it from others without showing it. */
export interface PskChoice {
  readonly id: string;
  /** Epoch of the exchange; `null` for the hub's part in mode "hub". */
  readonly epoch: number | null;
  readonly psk: Uint8Array;
}

/** What the device has of a peer, as far as it was set from here. */
export interface AppliedPeer {
  /** Base64. */
  readonly wireguardKey: string;
  readonly pskId: string;
  /** Monotonic ms at which this key and PSK were set. */
  readonly setMs: number;
  /** Which agreement it follows. */
  readonly agreement: number;
  /** `last_handshake_time` when they were set: another one later shows that they work. */
  readonly handshakeUs: number | null;
  /** Whether there was another key, which a handshake that was under way may have used. */
  readonly others: boolean;
}

/** A handshake that was under way when a key was set may have used the one before: its answer takes a round trip. */
const underWayMs = 2000;
/** How long a peer without a handshake is tried every second. */
const eagerMs = 120_000;

/** What one peer is to this node while it runs: what is known of it, what the device has of it, and what is due. */
export class PeerLink {
  readonly nodeId: NodeId;
  readonly #self: NodeId;
  state: StatePeer;
  /** What is on disk; `null`: nothing yet. */
  record: PeerRecord | null = null;
  statement: OpenStatement | null = null;
  prepared: OpenStatement | null = null;
  /** Why it may not be on the device; `null`: it may. */
  refusal: Refusal | null = null;
  /** Why something that the hub says of it is not followed, while what was known before goes on. */
  problem: Refusal | null = null;
  cosigned = false;
  /** Hash of the last statement that was refused, and why. */
  rejected: { readonly sha256: string; readonly refusal: Refusal } | null = null;
  /** Hash of the statement that the peer is about to change to, until it is prepared and the hub knows that. */
  preparing: string | null = null;
  readonly ready = new RetrySchedule([10_000, 30_000, 60_000, 300_000]);
  sayingReady = false;

  /** Mail that could not be judged yet, by its `typ`. */
  readonly later = new Map<string, string>();
  /** Repeats of the message that is open. */
  resend: RetrySchedule | null = null;
  /** Tries to fetch a statement that the hub names. */
  readonly fetch = new RetrySchedule([1000, 5000, 10_000, 30_000, 60_000, 300_000]);
  fetching = false;
  /** The refusal that was told of last, so that each is told of once. */
  told: string | null = null;
  /** After a wrong confirmation. */
  readonly redo = new RetrySchedule([0, 10_000, 30_000, 60_000, 300_000]);
  redoWanted = false;
  /** A commit that waits until the device has the key. */
  owedCommit: string | null = null;
  /** When a doubt about the other end's key was last acted on, monotonic ms. */
  doubtedMs = -Infinity;

  applied: AppliedPeer | null = null;
  readonly watch = new HandshakeWatch();
  readonly #pskTurns = new KeyTurns(pskAlternateAfterMs, pskAlternateEveryMs);
  readonly #keyTurns = new KeyTurns(keyAlternateAfterMs, keyAlternateEveryMs);
  /** Last handshake with whichever key, or when it was first set, monotonic ms. */
  #aliveMs: number | null = null;
  #shaken = false;
  /** Counts the changes of what was agreed on. */
  #agreement = 0;
  endpoint: string | null = null;
  rxBytes = 0;
  txBytes = 0;
  receivedBytes = 0;
  #hubPsk: { present: PskChoice; before: PskChoice | null } | null = null;

  constructor(state: StatePeer, self: NodeId) {
    this.nodeId = state.node_id;
    this.state = state;
    this.#self = self;
  }

  /** Takes a record over, from disk or as it was just written. */
  adopt(record: PeerRecord, hub: HubId): void {
    const { current } = record.psk;
    if (current !== this.record?.psk.current && this.applied?.pskId !== `e${current}`) this.#agreement++;
    if (record.statement !== this.statement?.text) {
      this.statement = record.statement === null ? null : openStatement(record.statement, hub);
    }
    if (record.prepared !== (this.prepared?.text ?? null)) {
      this.prepared = record.prepared === null ? null : openStatement(record.prepared, hub);
    }
    this.record = record;
  }

  get leads(): boolean {
    return pskLeader(this.#self, this.nodeId) === this.#self;
  }

  /** The hub's part for mode "hub"; the one before stays until a handshake. */
  setHubPsk(): void {
    const { psk_hub, psk_hub_id } = this.state;
    const present: PskChoice = { id: `h${psk_hub_id}`, epoch: null, psk: fromBase64(psk_hub, 32) };
    if (this.#hubPsk?.present.id === present.id) return;
    this.#hubPsk = { present, before: this.#hubPsk?.present ?? null };
    this.#agreement++;
  }

  /** Pre-shared keys that the other end may be using, the present one first; none: it may not be on the device. */
  pskChoices(mode: "end-to-end" | "hub"): readonly PskChoice[] {
    if (mode === "hub") {
      if (this.#hubPsk === null) return [];
      const { present, before } = this.#hubPsk;
      return before === null || this.leads ? [present] : [present, before];
    }
    return candidateKeys(this.record?.psk ?? emptyPsk, this.leads)
      .map(({ epoch, psk }) => ({ id: `e${epoch}`, epoch, psk: fromBase64(psk, 32) }));
  }

  /** The key and the PSK to set now; `null`: none. */
  choice(mode: "end-to-end" | "hub", nowMs: number): { wireguardKey: string; psk: PskChoice; others: boolean } | null {
    const choices = this.pskChoices(mode);
    const [first] = choices;
    if (this.refusal !== null || this.statement === null || first === undefined) return null;
    const ageMs = nowMs - (this.#aliveMs ?? nowMs);
    const { applied } = this;
    // what is set stays until something new is agreed on: it may be what the last handshake went by
    const set = applied !== null && applied.agreement === this.#agreement
      ? choices.findIndex(({ id }) => id === applied.pskId)
      : 0;
    const turn = Math.max(0, set) + (this.#pskTurns.isNext(choices.length, ageMs, nowMs) ? 1 : 0);
    const psk = choices[turn % choices.length] ?? first;
    let { statement } = this;
    if (this.prepared !== null) {
      const onNew = this.prepared.wireguard_key === applied?.wireguardKey;
      if (onNew !== this.#keyTurns.isNext(2, ageMs, nowMs)) statement = this.prepared;
    }
    const others = choices.length > 1 || isUnsettled(this.record?.psk ?? emptyPsk);
    return { wireguardKey: statement.wireguard_key, psk, others };
  }

  /** Takes in what the device says of the peer under its present key. */
  observe(
    seen: { lastHandshakeUs: number | null; endpoint: string | null; rxBytes: number; txBytes: number },
    nowMs: number,
    nowUs: number,
  ): void {
    this.watch.look(seen.lastHandshakeUs, nowMs, nowUs);
    if (this.watch.atMs !== null) {
      this.#shaken = true;
      this.#aliveMs = Math.max(this.#aliveMs ?? -Infinity, this.watch.atMs);
    }
    this.endpoint = seen.endpoint;
    this.receivedBytes = Math.max(0, seen.rxBytes - this.rxBytes);
    this.rxBytes = seen.rxBytes;
    this.txBytes = seen.txBytes;
  }

  /** Notes what was set. `fresh`: the peer is on the device anew. */
  wasSet(wireguardKey: string, pskId: string, others: boolean, fresh: boolean, nowMs: number): void {
    if (fresh) {
      this.watch.forget();
      this.rxBytes = this.txBytes = 0;
    }
    this.#aliveMs ??= nowMs;
    // nothing can be under way with a peer that is new to the device
    this.applied = {
      wireguardKey,
      pskId,
      setMs: nowMs,
      agreement: this.#agreement,
      handshakeUs: this.watch.lastUs,
      others: others && !fresh,
    };
  }

  /** It is off the device. */
  wasTaken(): void {
    this.applied = null;
    this.endpoint = null;
    this.watch.forget();
    this.#aliveMs = null;
    this.#shaken = false;
  }

  /** Whether there was a handshake since key and PSK were set: the other end has this key. */
  get isKeyProven(): boolean {
    return this.applied !== null && this.watch.atMs !== null && this.watch.lastUs !== this.applied.handshakeUs;
  }

  /** Whether a handshake showed that the other end has the PSK that is set. */
  get isPskProven(): boolean {
    const { applied, watch } = this;
    if (applied === null || watch.atMs === null || !this.isKeyProven) return false;
    // a handshake of a moment ago says nothing of what was agreed on since, and the device has not followed yet
    if (applied.agreement !== this.#agreement) return false;
    return !applied.others || watch.atMs >= applied.setMs + underWayMs;
  }

  /** In mode "hub": the present part works, the one before goes. */
  hubPskProven(): void {
    const { applied } = this;
    if (this.#hubPsk === null || applied === null) return;
    const { present, before } = this.#hubPsk;
    if (applied.pskId === present.id && before !== null) this.#hubPsk = { present, before: null };
  }

  /** ms since the last handshake under whichever key; `null`: never. */
  handshakeAgeMs(nowMs: number): number | null {
    return this.#shaken && this.#aliveMs !== null ? nowMs - this.#aliveMs : null;
  }

  /** Whether no session can be left, so that there is none to lose. */
  sessionLost(nowMs: number): boolean {
    const ageMs = this.handshakeAgeMs(nowMs);
    return ageMs === null || ageMs > livePeerMs;
  }

  /** ms since the last handshake, or since it was set; 0 while it is not on the device. */
  silentMs(nowMs: number): number {
    return nowMs - (this.#aliveMs ?? nowMs);
  }

  /** Whether something may happen, or has to be done, within a second. */
  isEager(mode: "end-to-end" | "hub", nowMs: number): boolean {
    if (this.refusal !== null || this.applied === null) return false;
    const silentMs = this.silentMs(nowMs);
    const turns = this.prepared !== null || this.pskChoices(mode).length > 1;
    if (turns) return silentMs >= pskAlternateAfterMs - 10_000 && silentMs < pskAlternateAfterMs + eagerMs;
    return this.handshakeAgeMs(nowMs) === null
      ? silentMs < eagerMs
      : silentMs >= livePeerMs && silentMs < livePeerMs + eagerMs;
  }

  status(path: PeerStatus["path"], nowMs: number): PeerStatus {
    const why = this.refusal ?? this.problem;
    const state = this.#stateName(nowMs);
    return {
      nodeId: this.nodeId,
      name: this.state.name,
      meshIp: this.record?.mesh_ip ?? this.state.mesh_ip,
      state,
      problem: why === null ? null : refusalTexts[why],
      // the hub opens a relay for pairs that both tell of no path
      path: state === "up" ? path : "none",
      endpoint: this.endpoint,
      lastHandshakeUs: this.watch.lastUs,
      rttMs: null,
      rxBytes: this.rxBytes,
      txBytes: this.txBytes,
      generation: this.record?.generation ?? 0,
      pskEpoch: this.record?.psk.current ?? 0,
      cosigned: this.cosigned,
    };
  }

  #stateName(nowMs: number): PeerStatus["state"] {
    if (this.refusal !== null && this.refusal !== "statement_missing") return "refused";
    if (this.applied === null) return "pending";
    const ageMs = this.handshakeAgeMs(nowMs);
    if (ageMs !== null && ageMs <= livePeerMs) return "up";
    return this.silentMs(nowMs) < livePeerMs + eagerMs ? "connecting" : "idle";
  }
}
