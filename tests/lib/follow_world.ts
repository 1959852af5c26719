import { AgentFolder } from "../../src/agent/files/agent_folder.ts";
import type { OwnKeys } from "../../src/agent/files/own_keys.ts";
import { FollowedState } from "../../src/agent/follow/followed_state.ts";
import { Follower } from "../../src/agent/follow/follower.ts";
import { KeyRing } from "../../src/agent/follow/key_ring.ts";
import { HubClock } from "../../src/agent/hub_client/hub_clock.ts";
import { HubRequestError } from "../../src/agent/hub_client/hub_requests.ts";
import { meshTime, newNonce, toBase64 } from "../../src/mesh/encoding.ts";
import { type Envelope, openEnvelope, sealEnvelope } from "../../src/mesh/envelope.ts";
import type { EventPayload, EventType, PayloadOf } from "../../src/mesh/events.ts";
import { hubIdOf, noNode } from "../../src/mesh/ids.ts";
import { type SigningKey, signingKeyOf } from "../../src/mesh/keys.ts";
import { type NodeState, stateSha256 } from "../../src/mesh/state.ts";
import { applyEvent } from "../../src/mesh/apply_event.ts";
import { sealObject } from "../../src/mesh/signed_object.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { MemoryAudit } from "./memory_audit.ts";

const nowUs = () => Date.now() * 1000;
const seed = (byte: number) => new Uint8Array(32).fill(byte);

/** A hub that speaks the protocol of streams, with a history that a test may take back. Its transport is a function call. */
export class ScriptedHub {
  readonly first = signingKeyOf(seed(1));
  readonly id = hubIdOf(this.first.publicKey);
  readonly admin = signingKeyOf(seed(9));
  key: SigningKey = this.first;
  keyIndex = 0;
  epoch = 1;
  sequence = 0;
  links: string[] = [];
  recoveries: string[] = [];
  state: NodeState = {
    mesh_ip: "10.100.0.1",
    mesh_cidr: "10.100.0.0/16",
    psk_mode: "end-to-end",
    tls_spki: ["0".repeat(64)],
    observers: [],
    peers: [],
    policy: { rules: [] },
  };
  events: { sequence: number; type: EventType; payload: PayloadOf<EventType> }[] = [];
  /** µs that its clock is ahead. */
  aheadUs = 0;
  down = false;

  /** Something happens to the node. */
  happen<T extends EventType>(type: T, payload: PayloadOf<T>): void {
    this.sequence++;
    this.events.push({ sequence: this.sequence, type, payload });
    this.state = applyEvent(this.state, { type, payload } as EventPayload);
  }

  /** The next signing key, linked by the present one. */
  rotate(byte: number): string {
    const next = signingKeyOf(seed(byte));
    const link = sealObject("ek.keylink", this.id, {
      key_index: this.keyIndex + 1,
      signing_key: toBase64(next.publicKey),
      tls_spki: this.state.tls_spki,
      issued_at: meshTime(nowUs()),
    }, this.key);
    this.links.push(link);
    this.key = next;
    this.keyIndex++;
    return link;
  }

  /** Goes on with another key in the next epoch, as an admin signed it. */
  recover(byte: number, admin = this.admin): string {
    this.key = signingKeyOf(seed(byte));
    this.keyIndex++;
    this.epoch++;
    const text = sealObject("ek.recover", this.id, {
      epoch: this.epoch,
      key_index: this.keyIndex,
      signing_key: toBase64(this.key.publicKey),
      tls_spki: this.state.tls_spki,
      issued_at: meshTime(nowUs()),
    }, admin);
    this.recoveries.push(text);
    return text;
  }

  seal<T extends EventType>(
    type: T,
    payload: PayloadOf<T>,
    about: {
      readonly audience: Envelope["audience"];
      readonly replyTo: string;
      readonly sequence?: number;
      readonly nonce?: string;
      readonly issuedUs?: number;
      readonly key?: SigningKey;
    },
  ): string {
    return sealEnvelope({
      hub: this.id,
      audience: about.audience,
      epoch: this.epoch,
      sequence: about.sequence ?? this.sequence,
      key_index: this.keyIndex,
      event_type: type,
      issued_at: meshTime(about.issuedUs ?? nowUs() + this.aheadUs),
      reply_to: about.replyTo,
      payload,
      ...about.nonce === undefined ? {} : { nonce: about.nonce },
    }, about.key ?? this.key);
  }

  /** A tick of a sequence that has been, with the state of now. */
  tick(audience: Envelope["audience"], replyTo: string): string {
    return this.seal("tick", { state_sha256: stateSha256(this.state) }, { audience, replyTo });
  }
}

/** What a stream does: texts to send, made with its nonce; then it ends, or stays open. */
export type StreamScript = (nonce: string, after: { epoch: number; sequence: number }) => Iterable<string>;

/** An agent's follower with real files and keys, on a hub of the test's. */
export class FollowWorld implements AsyncDisposable {
  readonly audit = new MemoryAudit();
  readonly faults = new FaultBoard(nowUs);
  /** What it was told to do, in order. */
  readonly done: EventPayload[] = [];
  readonly states: NodeState[] = [];
  /** Streams that are still to come; with none left, one that sends what is missing and stays open. */
  scripts: StreamScript[] = [];
  streams = 0;
  stateFetches = 0;
  follower!: Follower;
  followed!: FollowedState;
  ring!: KeyRing;
  clock = new HubClock();
  monotonicMs = 0;
  tickTimeoutMs = 60_000;
  #push: ((text: string) => void) | null = null;

  private constructor(readonly hub: ScriptedHub, readonly folder: AgentFolder, readonly keys: OwnKeys) {}

  static async create(hub = new ScriptedHub(), { admin = true, dir = "" } = {}): Promise<FollowWorld> {
    const folder = await AgentFolder.open(dir === "" ? await Deno.makeTempDir({ prefix: "edgekeep-follow-" }) : dir);
    const keys = await folder.newKeys(hub.id, nowUs());
    await folder.position.write({
      position: { epoch: hub.epoch, sequence: hub.sequence, state_sha256: null, key_index: 0 },
      time_floor_us: 0,
      contact_us: 0,
      events: [],
    });
    await folder.trust.write({
      hub: hub.id,
      url: "https://hub.example:8443",
      signing_key: toBase64(hub.first.publicKey),
      key_index: 0,
      tls_spki: hub.state.tls_spki,
      ...admin ? { admin_key: toBase64(hub.admin.publicKey) } : {},
      cosign: false,
      recovered_epoch: 0,
      accept_any_position: false,
      mesh_ip: hub.state.mesh_ip,
      mesh_cidr: hub.state.mesh_cidr,
      joined_us: 0,
    });
    return new FollowWorld(hub, folder, keys);
  }

  get audience(): Envelope["audience"] {
    return this.keys.nodeId;
  }

  /** Starts a follower on what the folder holds, as a start of the agent does. */
  async start(): Promise<void> {
    const { hub, folder, keys } = this;
    const trust = await folder.trust.read();
    if (trust === null) throw new Error("The world has no trust");
    this.clock = new HubClock();
    this.ring = new KeyRing({ trust, save: (next) => folder.trust.write(next), monotonicMs: () => this.monotonicMs });
    this.followed = await FollowedState.load(folder, nowUs, (error) => {
      this.faults.raise("mesh_state_damaged", error.message);
    });
    this.follower = new Follower({
      hub: hub.id,
      nodeId: keys.nodeId,
      meshIp: hub.state.mesh_ip,
      meshCidr: hub.state.mesh_cidr,
      client: {
        time: () => Promise.resolve(this.#time()),
        state: () => Promise.resolve().then(() => this.#state()),
        hubKeys: () => Promise.resolve({ links: hub.links, recoveries: hub.recoveries }),
        events: (after, signal) => Promise.resolve().then(() => this.#stream(after, signal)),
      },
      clock: this.clock,
      keys: this.ring,
      followed: this.followed,
      audit: this.audit,
      faults: this.faults,
      onState: (state) => this.states.push(state),
      onEvent: (event) => this.done.push(event),
      random: () => 0,
      tickTimeoutMs: this.tickTimeoutMs,
    });
    this.follower.start();
  }

  /** Sends a text on the stream that is open now. */
  push(text: string): void {
    this.#push?.(text);
  }

  /** Ends the follower, as a kill would as far as the disk goes. */
  async stop(): Promise<void> {
    await this.follower?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.folder.dir, { recursive: true });
  }

  #time(): void {
    this.#checkUp();
    this.clock.set(nowUs() + this.hub.aheadUs);
  }

  #state(): Envelope {
    this.#checkUp();
    this.stateFetches++;
    const replyTo = newNonce();
    const text = this.hub.seal("node_state", this.hub.state, { audience: this.audience, replyTo });
    return this.#open(text, replyTo);
  }

  #open(text: string, replyTo: string): Envelope {
    const { hub, ring, audience } = this;
    return openEnvelope(text, { hub: hub.id, audience, keyOf: (index) => ring.keyOf(index), replyTo });
  }

  #stream(after: { readonly epoch: number; readonly sequence: number }, signal: AbortSignal) {
    this.#checkUp();
    this.streams++;
    const nonce = newNonce();
    const script = this.scripts.shift();
    const queue = [...script === undefined ? this.#missing(nonce, after) : script(nonce, after)];
    const closing = new AbortController();
    let wake = () => {};
    this.nonce = nonce;
    this.#push = (text) => {
      queue.push(text);
      wake();
    };
    const ended = AbortSignal.any([signal, closing.signal]);
    ended.addEventListener("abort", () => wake());
    async function* texts(): AsyncGenerator<string> {
      for (;;) {
        for (let text = queue.shift(); text !== undefined; text = queue.shift()) yield text;
        if (script !== undefined || ended.aborted) throw new HubRequestError("unreachable", "The stream ended");
        await new Promise<void>((resolve) => wake = resolve);
      }
    }
    return { nonce, texts: texts(), close: () => closing.abort() };
  }

  /** Nonce of the newest stream. */
  nonce = "";

  *#missing(replyTo: string, after: { readonly epoch: number; readonly sequence: number }): Generator<string> {
    const { hub, audience } = this;
    yield hub.tick(audience, replyTo);
    if (after.epoch !== hub.epoch) return;
    for (const { sequence, type, payload } of hub.events) {
      if (sequence > after.sequence) yield hub.seal(type, payload, { audience, replyTo, sequence });
    }
  }

  #checkUp(): void {
    if (this.hub.down) throw new HubRequestError("unreachable", "The hub is down");
  }
}

/** Somebody else's node. */
export const otherNode = noNode;
