import { livePeerMs, rotationPatienceMs } from "../../mesh/constants.ts";
import { meshTimeUs } from "../../mesh/encoding.ts";
import type { HubId, NodeId } from "../../mesh/ids.ts";
import type { KemKey } from "../../mesh/kem.ts";
import type { SigningKey, WireGuardKey } from "../../mesh/keys.ts";
import type { OpenStatement } from "../../mesh/statements.ts";
import { RetrySchedule } from "./retry_schedule.ts";

/** A WireGuard key of this node and the statement that names it. */
export interface OwnTunnelKey {
  readonly wireGuard: WireGuardKey;
  readonly statement: OpenStatement;
}

/** The keys of this node; `OwnKeys` keeps them on disk. Each change rejects when it could not be stored. */
export interface OwnPeerKeys {
  readonly hub: HubId;
  readonly nodeId: NodeId;
  readonly identity: SigningKey;
  readonly kem: KemKey;
  /** The key that the mesh knows. */
  readonly tunnel: OwnTunnelKey;
  /** The key that follows; `switched`: the device may have it already. */
  readonly next: (OwnTunnelKey & { readonly switched: boolean }) | null;
  prepareNext(nowUs: number): Promise<unknown>;
  switching(): Promise<void>;
  commitNext(): Promise<void>;
  dropNext(): Promise<void>;
}

/** What {@link OwnRotation} needs. */
export interface OwnRotationParts {
  readonly keys: OwnPeerKeys;
  readonly rotate: (statement: string) => Promise<void>;
  readonly rotateCommit: (statementSha256: string) => Promise<void>;
  /** Whether a request failed for good: the same one would fail again. */
  readonly refusedForGood: (error: unknown) => boolean;
  /** Hub time, µs UTC. */
  readonly hubUs: () => number;
  /** Runs a step among the other work of the engine. */
  readonly serial: (step: () => Promise<void>) => Promise<void>;
  /** `cut`: peers that had a session and had not prepared the key. */
  readonly tell: (
    what: "rotation_begun" | "rotation_refused" | "rotation_switched" | "rotation_done" | "rotation_delayed",
    cut: readonly NodeId[],
    error: unknown,
  ) => void;
}

/**
 * A key is not replaced sooner, ms: a hub may not say which statement `key_rotation_ready` is about, and a late one must
 * not be taken for the next.
 */
const restMs = 60_000;
/** So often the hub is asked again which peers are ready, ms. */
const askAgainMs = 300_000;
/** After a peerless rotation was announced: how long the hub may take to name peers that have to prepare, ms. */
const loneWaitMs = 10_000;

/**
 * Rotates this node's WireGuard key without losing a packet (mesh protocol, WireGuard key rotation): every peer with a
 * session has prepared the new key before the device gets it. Each step is on disk before it acts, so a start after a
 * crash goes on where it ended.
 */
export class OwnRotation {
  readonly #parts: OwnRotationParts;
  readonly #retry = new RetrySchedule([10_000, 30_000, 60_000, 300_000]);
  #wanted = false;
  #request: Promise<void> | null = null;
  #announcedMs: number | null = null;
  #askAgainMs = 0;
  #restsUntilMs = -Infinity;
  #ready: ReadonlySet<NodeId> | null = null;

  constructor(parts: OwnRotationParts) {
    this.#parts = parts;
  }

  /** Asks for a rotation; one that is under way is the one. */
  want(): void {
    this.#wanted = true;
    this.#retry.reset();
  }

  /** What the hub says about who has prepared the key; of another statement's key it is late, and left. */
  readyAre(ready: readonly NodeId[], statementSha256?: string): void {
    if (statementSha256 !== undefined && statementSha256 !== this.#parts.keys.next?.statement.sha256) return;
    this.#ready = new Set(ready);
  }

  get underWay(): boolean {
    return this.#wanted || this.#parts.keys.next !== null;
  }

  /** The key that the device has to have. */
  get deviceKey(): WireGuardKey {
    const { tunnel, next } = this.#parts.keys;
    return next?.switched === true ? next.wireGuard : tunnel.wireGuard;
  }

  /**
   * Does what is due.
   *
   * @param peers peers on the device and the age of their last handshake, ms; `null`: never
   * @param nowMs monotonic
   * @returns whether the device's key has to be set now
   */
  async step(
    peers: readonly { readonly nodeId: NodeId; readonly ageMs: number | null }[],
    nowMs: number,
  ): Promise<boolean> {
    const { keys, hubUs, tell } = this.#parts;
    if (keys.next === null) {
      if (!this.#wanted || !this.#retry.due(nowMs) || this.#rests(nowMs)) return false;
      this.#retry.tried(nowMs);
      await keys.prepareNext(hubUs());
      this.#wanted = false;
      this.#announcedMs = this.#ready = null;
      this.#retry.reset();
      tell("rotation_begun", [], null);
    }
    const { next } = keys;
    if (next === null) return false;
    if (next.switched) {
      this.switched(nowMs);
      return false;
    }
    if (this.#announcedMs === null) {
      this.#ask(nowMs, () => this.#announce(next.statement.text, nowMs));
      return false;
    }
    const cut = peers.filter(({ nodeId, ageMs }) => ageMs !== null && ageMs < livePeerMs && !this.#ready?.has(nodeId));
    const heard = this.#ready !== null || nowMs - this.#announcedMs >= loneWaitMs;
    const patient = hubUs() - meshTimeUs(next.statement.issued_at) < rotationPatienceMs * 1000;
    if (patient && (!heard || cut.length > 0)) {
      // a peer may have crashed before it prepared the key, or this node before it heard of that
      if (nowMs >= this.#askAgainMs) this.#ask(nowMs, () => this.#announce(next.statement.text, nowMs));
      return false;
    }
    await keys.switching();
    this.#retry.reset();
    tell("rotation_switched", cut.map(({ nodeId }) => nodeId), null);
    return true;
  }

  /** The device has the key; tells the hub without waiting for the next step. */
  switched(nowMs: number): void {
    const { next } = this.#parts.keys;
    if (next?.switched === true) this.#ask(nowMs, () => this.#commit(next.statement, nowMs));
  }

  /** Waits for the request under way. */
  async stop(): Promise<void> {
    await this.#request;
  }

  /** Whether the present key came just now: what the hub says of its rotation may still be under way. */
  #rests(nowMs: number): boolean {
    const { hubUs, keys } = this.#parts;
    const ageMs = (hubUs() - meshTimeUs(keys.tunnel.statement.issued_at)) / 1000;
    return nowMs < this.#restsUntilMs || (ageMs >= 0 && ageMs < restMs);
  }

  #ask(nowMs: number, request: () => Promise<void>): void {
    if (this.#request !== null || !this.#retry.due(nowMs)) return;
    this.#retry.tried(nowMs);
    this.#request = request()
      .catch((error) => this.#parts.tell("rotation_delayed", [], error))
      .finally(() => this.#request = null);
  }

  async #announce(statement: string, nowMs: number): Promise<void> {
    const { rotate, refusedForGood, serial, keys, tell } = this.#parts;
    try {
      await rotate(statement);
    } catch (error) {
      if (!refusedForGood(error)) throw error;
      await serial(() => keys.dropNext());
      tell("rotation_refused", [], error);
      return;
    }
    this.#announcedMs ??= nowMs;
    this.#askAgainMs = nowMs + askAgainMs;
    this.#retry.reset();
  }

  async #commit({ text, sha256 }: OpenStatement, nowMs: number): Promise<void> {
    const { rotate, rotateCommit, refusedForGood, serial, keys, tell } = this.#parts;
    try {
      await rotateCommit(sha256);
    } catch (error) {
      if (!refusedForGood(error)) throw error;
      // a hub that was restored from a backup has not heard of it
      await rotate(text);
      await rotateCommit(sha256);
    }
    await serial(async () => {
      if (keys.next?.statement.sha256 !== sha256) return;
      await keys.commitNext();
      this.#announcedMs = this.#ready = null;
      this.#retry.reset();
      this.#restsUntilMs = nowMs + restMs;
      tell("rotation_done", [], null);
    });
  }
}
