import { getLogger } from "@logtape/logtape";
import type { Audit } from "../../audit/audit.ts";
import { maxEventAgeMs, maxStateBytes, tickTimeoutMs } from "../../mesh/constants.ts";
import { meshTimeUs } from "../../mesh/encoding.ts";
import { type Envelope, openEnvelope } from "../../mesh/envelope.ts";
import type { EventPayload } from "../../mesh/events.ts";
import type { HubId, NodeId } from "../../mesh/ids.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { readObject } from "../../mesh/signed_object.ts";
import { type NodeState, stateSha256 } from "../../mesh/state.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import { pause } from "../../telemetry/pause.ts";
import { AgentFileError } from "../files/agent_file_error.ts";
import type { Position } from "../files/position.ts";
import type { EventStream, HubClient } from "../hub_client/hub_client.ts";
import type { HubClock } from "../hub_client/hub_clock.ts";
import { HubRequestError } from "../hub_client/hub_requests.ts";
import { FollowAudit } from "./follow_audit.ts";
import type { FollowedState } from "./followed_state.ts";
import { fullJitter } from "./full_jitter.ts";
import { type Judgement, judgePosition } from "./judge_position.ts";
import type { KeyRing } from "./key_ring.ts";
import { NonceMemory } from "./nonce_memory.ts";

const log = getLogger(["edgekeep", "agent"]);

/** Refused messages of one stream after which it is closed: it is no use to anybody. */
const MOST_REFUSED = 32;
/** A state that was asked for again within this time waits its turn first, ms. */
const STATE_PACE_MS = 10_000;
/** The fault of a forked hub stays for so long after the last sign of it, ms. */
const FORKED_MS = 600_000;
/** A stream that lived so long counts as a success, ms. */
const HEALTHY_MS = 60_000;

/** What the follower works with. */
export interface FollowerOptions {
  readonly hub: HubId;
  readonly nodeId: NodeId;
  readonly meshIp: string;
  readonly meshCidr: string;
  readonly client: Pick<HubClient, "time" | "state" | "events" | "hubKeys">;
  readonly clock: HubClock;
  readonly keys: KeyRing;
  readonly followed: FollowedState;
  readonly audit: Audit;
  readonly faults: FaultBoard;
  /** The state is another one; `event` says what changed it, `null`: the hub sent it as a whole. Must not throw. */
  readonly onState: (state: NodeState, event: EventPayload | null) => void;
  /** An event that is more than a change of the state. Each comes at most once, also across restarts. Must not throw. */
  readonly onEvent: (event: EventPayload) => void;
  /** A stream is open and its position is in step, or no longer. */
  readonly onConnected?: (connected: boolean) => void;
  readonly monotonicMs?: () => number;
  readonly random?: () => number;
  /** Default 90,000. */
  readonly tickTimeoutMs?: number;
}

/** How following goes. */
export interface FollowStatus {
  readonly connected: boolean;
  /** Time since the hub last signed something that was taken, ms; `null`: not since the start. */
  readonly lastHeardMs: number | null;
  /** Why nothing is followed now. */
  readonly problem: { readonly code: string; readonly text: string } | null;
  readonly applied: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly unknown: number;
}

/** Ends a stream to begin anew: with the state, or just with another nonce. */
class Reopen extends Error {
  constructor(readonly withState: boolean, message: string) {
    super(message);
  }
}

/**
 * Follows the hub: fetches the state, reads the stream of events, judges every envelope, writes the position down and
 * hands on what is to be done. Whatever is wrong with the hub, what was applied before stays.
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #monotonicMs: () => number;
  readonly #nonces = new NonceMemory();
  readonly #record: FollowAudit;
  readonly #ending = new AbortController();
  #waking = new AbortController();
  #running: Promise<void> | null = null;
  #needState = true;
  #stream: EventStream | null = null;
  #stateFetchedMs = -Infinity;
  #heardMs: number | null = null;
  #forkedMs = -Infinity;
  #connected = false;
  #problem: FollowStatus["problem"] = null;
  #applied = 0;
  #duplicates = 0;
  #refused = 0;
  #unknown = 0;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#record = new FollowAudit(options.audit, options.hub);
  }

  /** Begins. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Tries at once what waits for its next attempt. */
  wake(): void {
    this.#waking.abort();
    this.#waking = new AbortController();
  }

  /** Has the state fetched and the stream opened anew, at once. */
  refetch(): void {
    this.#needState = true;
    this.#forkedMs = -Infinity;
    this.#stream?.close();
    this.wake();
  }

  status(): FollowStatus {
    return {
      connected: this.#connected,
      lastHeardMs: this.#heardMs === null ? null : this.#monotonicMs() - this.#heardMs,
      problem: this.#problem,
      applied: this.#applied,
      duplicates: this.#duplicates,
      refused: this.#refused,
      unknown: this.#unknown,
    };
  }

  /** Ends; resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = this.#monotonicMs();
      let waits = true;
      try {
        if (this.#needState) await this.#fetchState();
        await this.#followStream(signal);
      } catch (error) {
        if (signal.aborted) break;
        if (this.#monotonicMs() - startedMs >= HEALTHY_MS) failures = 0;
        if (error instanceof Reopen) {
          this.#needState ||= error.withState;
          waits = this.#monotonicMs() - this.#stateFetchedMs < STATE_PACE_MS;
          log.debug("The stream of events begins anew: {reason}", { event: "agent_reopen", reason: error.message });
        } else waits = !await this.#failed(error);
      } finally {
        this.#setConnected(false);
      }
      if (!waits || signal.aborted) continue;
      const delayMs = fullJitter(++failures, this.#options.random);
      await pause(delayMs, AbortSignal.any([signal, this.#waking.signal]));
    }
  }

  /** Says why it did not go on. True: it was mended, and there is nothing to wait for. */
  async #failed(error: unknown): Promise<boolean> {
    if (error instanceof AgentFileError) {
      this.#say(error.code, error.message);
      this.#options.faults.raise("mesh_storage_failed", error.message);
      return false;
    }
    if (error instanceof MeshError) {
      this.#say(error.code, error.message);
      // E_SIGNATURE: whoever stole the key before may have linked another one with the number of the recovered one
      const lost = error.code === "E_KEY" || error.code === "E_SIGNATURE" || error.code === "hub_recovered_needed" ||
        error.code === "hub_rolled_back";
      return lost && await this.#mendKeys().catch(() => false);
    }
    if (error instanceof HubRequestError) {
      this.#say(error.problem ?? error.code, error.message);
      return false;
    }
    this.#say("internal", error instanceof Error ? error.message : String(error));
    log.error("Following the hub failed: {error}", { event: "agent_follow_failed", error });
    return false;
  }

  /** Fetches links and recoveries and takes those that fit. True: one did. */
  async #mendKeys(): Promise<boolean> {
    const { client, keys, followed } = this.#options;
    const { links, recoveries } = await client.hubKeys();
    let taken = false;
    const attempt = async (what: string, take: () => Promise<boolean>) => {
      try {
        if (!await take()) return;
        taken = true;
        this.#record.keys(what, keys.trust.key_index);
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
        this.#record.refused(what, error, null);
      }
    };
    for (const text of links) await attempt("ek.keylink", () => keys.link(text));
    for (const text of recoveries) await attempt("ek.recover", () => keys.recover(text, followed.position.epoch));
    const { epoch } = followed.position;
    const named = recoveries.map(epochOf).find((other) => other > Math.max(epoch, keys.trust.recovered_epoch));
    if (!taken && named !== undefined) {
      const text =
        `The hub is in epoch ${named}, this node in epoch ${epoch}, and nobody whom it trusts vouches for that`;
      this.#options.faults.raise("hub_recovered_needed", text);
    }
    if (taken) this.#needState = true;
    return taken;
  }

  async #fetchState(): Promise<void> {
    const { client, clock } = this.#options;
    if (clock.nowUs() === null) await client.time();
    this.#stateFetchedMs = this.#monotonicMs();
    let envelope: Envelope;
    try {
      envelope = await client.state();
    } catch (error) {
      if (error instanceof MeshError) this.#refuse("node_state", error, null);
      throw error;
    }
    if (envelope.event.type !== "node_state") {
      throw this.#refuse(envelope.event_type, new MeshError("E_FORM", "The hub answered another question"), envelope);
    }
    const refusal = await this.#take(envelope, true);
    if (refusal !== null) throw refusal;
    this.#needState = false;
  }

  async #followStream(signal: AbortSignal): Promise<void> {
    const { client, clock, followed, hub, nodeId, keys } = this.#options;
    if (clock.nowUs() === null) await client.time();
    const ticks = new AbortController();
    const stream = await client.events(followed.position, AbortSignal.any([signal, ticks.signal]));
    this.#stream = stream;
    const timeoutMs = this.#options.tickTimeoutMs ?? tickTimeoutMs;
    let muted = false;
    const mute = () => {
      muted = true;
      stream.close();
    };
    let timer = setTimeout(mute, timeoutMs);
    let refused = 0;
    let first = true;
    try {
      for await (const text of stream.texts) {
        const opened = this.#open(text, {
          hub,
          audience: nodeId,
          keyOf: (index) => keys.keyOf(index),
          replyTo: stream.nonce,
          maxBytes: maxStateBytes,
        });
        const refusal = opened instanceof MeshError ? opened : await this.#take(opened, first);
        if (refusal === null) {
          if (!(opened instanceof MeshError) && opened.event.type === "tick") {
            clearTimeout(timer);
            timer = setTimeout(mute, timeoutMs);
          }
          this.#setConnected(true);
          first = false;
          continue;
        }
        // what the stream cannot mend by itself ends it; a false event is passed over, and missed by the next one
        const { code } = refusal;
        if (code === "E_KEY" || code.startsWith("hub_") || (code === "E_SIGNATURE" && first)) throw refusal;
        if (code === "E_AGE") throw new Reopen(false, refusal.message);
        if (++refused >= MOST_REFUSED) throw refusal;
      }
    } catch (error) {
      if (!muted || signal.aborted) throw error;
      throw new HubRequestError("timeout", `The hub sent no tick for ${timeoutMs / 1000} s`);
    } finally {
      clearTimeout(timer);
      this.#stream = null;
      ticks.abort();
      stream.close();
    }
  }

  #open(text: string, expected: Parameters<typeof openEnvelope>[1]): Envelope | MeshError {
    try {
      return openEnvelope(text, expected);
    } catch (error) {
      if (error instanceof MeshError) return this.#refuse(null, error, null);
      throw error;
    }
  }

  /**
   * Judges an envelope that is the hub's and acts on it. `fresh`: nothing but its nonce has to prove that it is of now.
   * Gives why it was refused; rejects with {@link Reopen} when something is missing.
   */
  async #take(envelope: Envelope, fresh: boolean): Promise<MeshError | null> {
    const { clock, keys, followed } = this.#options;
    const { event } = envelope;
    const issuedUs = meshTimeUs(envelope.issued_at);
    const nowUs = clock.nowUs();
    if (!fresh && nowUs !== null && Math.abs(nowUs - issuedUs) > maxEventAgeMs * 1000) {
      return this.#refuse(null, new MeshError("E_AGE", "A message from too long before or after hub time"), envelope);
    }
    if (!this.#nonces.isNew(envelope.nonce, this.#monotonicMs())) {
      return this.#refuse(null, new MeshError("E_NONCE", "A message that came before"), envelope);
    }
    if (event.type === "time" || event.type === "registered") {
      return this.#refuse(null, new MeshError("E_FORM", "An answer where an event should be"), envelope);
    }
    const address = event.type === "node_state" ? this.#addressProblem(event.payload) : null;
    if (address !== null) return this.#refuse(null, address, envelope);
    const { trust } = keys;
    const judgement = judgePosition(followed.position, {
      kind: event.type === "node_state" ? "state" : event.type === "tick" ? "tick" : "event",
      epoch: envelope.epoch,
      sequence: envelope.sequence,
      keyIndex: envelope.key_index,
      stateSha256: event.type === "tick"
        ? event.payload.state_sha256
        : event.type === "node_state"
        ? stateSha256(event.payload)
        : null,
    }, { recoveredEpoch: trust.recovered_epoch, acceptAnyPosition: trust.accept_any_position });
    if (event.type === "tick" || event.type === "node_state") {
      if (judgement.verdict !== "refuse") clock.set(issuedUs);
    }
    return await this.#act(envelope, judgement, fresh);
  }

  async #act(envelope: Envelope, judgement: Judgement, fresh: boolean): Promise<MeshError | null> {
    const { followed, keys, faults } = this.#options;
    const { event } = envelope;
    switch (judgement.verdict) {
      case "duplicate":
        this.#duplicates++;
        return null;
      case "refuse": {
        const text = historyText(judgement.code, followed.position, envelope);
        faults.raise(judgement.code, text);
        if (judgement.code === "hub_forked") this.#forkedMs = this.#monotonicMs();
        return this.#refuse(null, new MeshError(judgement.code, text), envelope);
      }
      case "fetch_state":
        // the first tick of a stream tells where the hub is; what is missing follows it
        if (event.type === "tick" && fresh) return null;
        throw new Reopen(true, `The hub is at ${envelope.epoch}-${envelope.sequence}`);
      case "in_step":
        followed.heard(meshTimeUs(envelope.issued_at));
        await followed.inStep(judgement.position);
        this.#heard();
        if (followed.sha256 !== judgement.position.state_sha256) {
          throw new Reopen(true, "The state here is not that of the hub");
        }
        return null;
      case "take_state": {
        if (event.type !== "node_state") return null;
        followed.heard(meshTimeUs(envelope.issued_at));
        await keys.pins(event.payload.tls_spki);
        await followed.take(judgement.position, event.payload, envelope.issued_at);
        await keys.acceptAnyPosition(false);
        this.#applied++;
        this.#record.applied(envelope);
        this.#heard();
        this.#options.onState(event.payload, null);
        return null;
      }
      case "apply":
        await this.#apply(envelope, judgement.position);
        return null;
    }
  }

  async #apply(envelope: Envelope, position: Parameters<FollowedState["advance"]>[0]): Promise<void> {
    const { followed, keys, onState, onEvent } = this.#options;
    const { event } = envelope;
    const before = followed.state;
    followed.heard(meshTimeUs(envelope.issued_at));
    await followed.advance(position, event);
    this.#applied++;
    this.#record.applied(envelope);
    this.#heard();
    if (event.type === "unknown") {
      this.#unknown++;
      log.warning("The hub sent an event of a newer version: {name}", {
        event: "agent_unknown_event",
        name: event.name,
      });
      throw new Reopen(true, "An event of a newer version may have changed the state");
    }
    try {
      if (event.type === "signing_key_rotated") await this.#link(event.payload.link, envelope);
      if (event.type === "hub_settings") await keys.pins(event.payload.tls_spki);
    } catch (error) {
      // the position is past this event already: what it said comes again with the state
      this.#needState = true;
      throw error;
    }
    const { state } = followed;
    if (state !== null && state !== before) onState(state, event);
    onEvent(event);
  }

  async #link(text: string, envelope: Envelope): Promise<void> {
    const { keys } = this.#options;
    try {
      if (await keys.link(text)) this.#record.keys("ek.keylink", keys.trust.key_index);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.#record.refused("ek.keylink", error, envelope);
      log.warning("A link to the hub's next key is refused: {reason}", {
        event: "agent_link_refused",
        reason: error.message,
      });
    }
  }

  #addressProblem({ mesh_ip, mesh_cidr }: NodeState): MeshError | null {
    const { meshIp, meshCidr } = this.#options;
    return mesh_ip === meshIp && mesh_cidr === meshCidr
      ? null
      : new MeshError("E_FORM", "A state with another address of this node, which never changes");
  }

  #refuse(operation: string | null, error: MeshError, envelope: Envelope | null): MeshError {
    this.#refused++;
    this.#record.refused(operation ?? envelope?.event_type ?? null, error, envelope);
    log.warning("A message of the hub is refused ({code}): {reason}", {
      event: "agent_refused",
      code: error.code,
      reason: error.message,
    });
    return error;
  }

  /** The hub's history fits what is here. */
  #heard(): void {
    this.#heardMs = this.#monotonicMs();
    this.#problem = null;
    for (const code of ["hub_rolled_back", "hub_recovered_needed", "mesh_storage_failed"] as const) {
      this.#options.faults.clear(code);
    }
    // two hubs answer in turns: that one of them fits says nothing of the other
    if (this.#heardMs - this.#forkedMs >= FORKED_MS) this.#options.faults.clear("hub_forked");
  }

  #say(code: string, text: string): void {
    if (this.#problem?.code !== code) {
      log.warning("The hub is not followed ({code}): {text}", { event: "agent_not_following", code, text });
    }
    this.#problem = { code, text };
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    if (connected) log.info("Following the hub", { event: "agent_following" });
    this.#options.onConnected?.(connected);
  }
}

/** What is wrong, with where both are: people compare it with the hub's page. */
function historyText(
  code: "hub_rolled_back" | "hub_forked" | "hub_recovered_needed",
  here: Position,
  there: { readonly epoch: number; readonly sequence: number },
): string {
  const what = {
    hub_rolled_back: "The hub is behind what this node has followed",
    hub_forked: "The hub has another state at the position that this node has followed",
    hub_recovered_needed: "The hub is in a newer epoch that no accepted recovery names",
  }[code];
  return `${what}: it is at epoch ${there.epoch} event ${there.sequence}, this node at epoch ${here.epoch} event ${here.sequence}`;
}

/** The epoch that a recovery claims; 0 for what is none. */
function epochOf(text: string): number {
  try {
    return readObject("ek.recover", text).epoch;
  } catch {
    return 0;
  }
}
