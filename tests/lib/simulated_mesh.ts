import { setImmediate } from "node:timers";
import type { WireGuardDevice } from "../../src/agent/wireguard/wireguard_device.ts";
import type { NodeId } from "../../src/mesh/ids.ts";
import { type OpenStatement, openStatement } from "../../src/mesh/statements.ts";
import {
  type HubEntry,
  transparentKem,
  WorldDisk,
  worldHub,
  WorldKeys,
  WorldNode,
  worldPeer,
  worldState,
} from "./peer_world.ts";
import { SimulatedDevice, SimulatedLinks } from "./simulated_wireguard.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** How bad the mail is. */
export interface Weather {
  /** Of all mail, 0 to 1. */
  readonly lost: number;
  readonly doubled: number;
  /** Longest time that mail takes, ms: so it is reordered. */
  readonly delayMs: number;
  /** Chance that a node crashes at a place where it writes something down, 0 to 1. */
  readonly crash: number;
}

interface SimulatedNode {
  node: WorldNode;
  readonly device: SimulatedDevice;
  readonly entry: HubEntry;
  readonly keys: WorldKeys;
  readonly disk: WorldDisk;
  next: OpenStatement | null;
  readonly ready: Set<NodeId>;
  life: { dead: boolean };
  /** Since when it runs, virtual ms. */
  runsMs: number;
  /** When a crashed node starts again, virtual ms; `null`: it runs. */
  startsMs: number | null;
  /** What the hub keeps for it meanwhile. */
  readonly waiting: (() => void)[];
}

/** How the tunnel of a pair fared. */
export interface LinkRecord {
  up: boolean;
  /** When it came up first, virtual ms; `null`: never. */
  firstMs: number | null;
  /** Longest time without a session after that, ms. */
  longestGapMs: number;
  gapSinceMs: number | null;
}

/** Whole engines on a virtual clock, over a hub that loses, doubles, delays and reorders mail, and nodes that crash. */
export class SimulatedMesh {
  readonly clock = new VirtualClock();
  readonly nodes: SimulatedNode[] = [];
  readonly links = new Map<string, LinkRecord>();
  readonly #pskIds = new Map<string, number>();
  readonly #wireguard: SimulatedLinks;
  readonly #random: () => number;
  #events: { atMs: number; run: () => void }[] = [];
  readonly #lastEventMs = new Map<NodeId, number>();
  weather: Weather = { lost: 0, doubled: 0, delayMs: 50, crash: 0 };
  #hubDown = false;
  crashes = 0;
  /** Called after each step. */
  watch: () => void = () => {};

  constructor(random: () => number) {
    this.#random = random;
    this.#wireguard = new SimulatedLinks(random);
  }

  get nowMs(): number {
    return this.clock.elapsedUs() / 1000;
  }

  async add(): Promise<SimulatedNode> {
    const keys = await WorldKeys.create(Uint8Array.from({ length: 32 }, () => Math.floor(this.#random() * 256)));
    const disk = new WorldDisk();
    const number = this.nodes.length + 1;
    const entry: HubEntry = {
      nodeId: keys.nodeId,
      meshIp: `10.100.0.${number}`,
      statement: keys.tunnel.statement,
      endpoint: `192.0.2.${number}:51820`,
    };
    const device = new SimulatedDevice(`dev${number}`);
    const life = { dead: false };
    const made = {
      device,
      entry,
      keys,
      disk,
      next: null,
      ready: new Set<NodeId>(),
      life,
      runsMs: this.nowMs,
      startsMs: null,
      waiting: [],
    };
    const node = this.#start(made);
    const simulated: SimulatedNode = { ...made, node };
    this.nodes.push(simulated);
    return simulated;
  }

  /** Tells every node of all others. */
  tellAll(): void {
    for (const node of this.nodes) this.tellState(node);
  }

  tellState(node: SimulatedNode): void {
    this.#toNode(node, () => void this.#quietly(node.node.engine.follow(this.#stateOf(node))));
  }

  /** The hub's part of a pair's key changes; both hear of it, not at the same time. */
  changePsk(a: SimulatedNode, b: SimulatedNode): void {
    const pair = pairOf(a, b);
    this.#pskIds.set(pair, (this.#pskIds.get(pair) ?? 1) + 1);
    this.tellState(a);
    this.tellState(b);
  }

  pskIdOf(a: SimulatedNode, b: SimulatedNode): number {
    return this.#pskIds.get(pairOf(a, b)) ?? 1;
  }

  rotate(node: SimulatedNode): void {
    this.#toNode(node, () => void this.#quietly(node.node.engine.rotateOwnKey()));
  }

  /** While it is down nothing is sent or fetched; what it has to say is said when it is up again. */
  setHub(up: boolean): void {
    this.#hubDown = !up;
    if (!up) return;
    for (const node of this.nodes) {
      if (!node.life.dead) { for (const event of node.waiting.splice(0)) this.#toNode(node, event); }
    }
  }

  /** Ends a node's engine at once; it starts again later, with what is on its disk. */
  crash(node: SimulatedNode): void {
    if (node.life.dead) return;
    this.crashes++;
    node.life.dead = true;
    node.startsMs = this.nowMs + 1000 + this.#random() * 9000;
    void this.#quietly(node.node.engine.stop());
  }

  /** Lets so much time pass, in steps of half a second. */
  async run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      await this.clock.advance(Math.min(500, left));
      await new Promise((resolve) => setImmediate(resolve));
      for (const node of this.nodes) {
        if (node.startsMs === null || this.nowMs < node.startsMs) continue;
        node.startsMs = null;
        node.runsMs = this.nowMs;
        node.life = { dead: false };
        node.node = this.#start(node);
        this.tellState(node);
        for (const event of node.waiting.splice(0)) this.#at(0, event);
      }
      const due = this.#events.filter(({ atMs }) => atMs <= this.nowMs).toSorted((x, y) => x.atMs - y.atMs);
      this.#events = this.#events.filter(({ atMs }) => atMs > this.nowMs);
      for (const { run } of due) run();
      await new Promise((resolve) => setImmediate(resolve));
      this.#lookAtLinks();
      this.watch();
    }
  }

  async stop(): Promise<void> {
    for (const { node } of this.nodes) await node.engine.stop();
  }

  #lookAtLinks(): void {
    for (const [index, a] of this.nodes.entries()) {
      for (const b of this.nodes.slice(index + 1)) {
        const { up } = this.#wireguard.look(a.device, b.device, this.nowMs, this.clock.nowUs());
        const pair = pairOf(a, b);
        const record = this.links.get(pair) ?? { up: false, firstMs: null, longestGapMs: 0, gapSinceMs: null };
        this.links.set(pair, record);
        record.up = up;
        if (up) {
          record.firstMs ??= this.nowMs;
          record.gapSinceMs = null;
        } else if (record.firstMs !== null) {
          record.gapSinceMs ??= this.nowMs;
          record.longestGapMs = Math.max(record.longestGapMs, this.nowMs - record.gapSinceMs + 500);
        }
      }
    }
  }

  #start(made: Omit<SimulatedNode, "node"> & { node?: WorldNode }): WorldNode {
    const life = made.life;
    const point = () => {
      if (life.dead) throw new Error("It crashed");
      if (this.#random() < this.weather.crash) {
        const crashing = this.nodes.find(({ entry }) => entry === made.entry);
        if (crashing !== undefined) this.crash(crashing);
        throw new Error("It crashes");
      }
    };
    made.disk.point = made.keys.point = point;
    const alive = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => (...args: A): Promise<R> =>
      life.dead ? Promise.reject(new Error("It crashed")) : call(...args);
    const { device } = made;
    const guarded: WireGuardDevice = {
      backend: device.backend,
      name: device.name,
      state: alive(() => device.state()),
      setPrivateKey: alive((key) => device.setPrivateKey(key)),
      apply: alive((changes) => device.apply(changes)),
      ensureInterface: alive(() => device.ensureInterface()),
      ensureRoutes: alive((ips) => device.ensureRoutes(ips)),
      release: alive(() => device.release()),
      remove: alive(() => device.remove()),
    };
    const hub = <A extends unknown[]>(call: (...args: A) => void) =>
      alive((...args: A) => {
        if (this.#hubDown) return Promise.reject(new Error("The hub cannot be reached"));
        call(...args);
        return Promise.resolve();
      });
    const self = () => this.#nodeOf(made.entry.nodeId);
    return new WorldNode({
      device: guarded,
      keys: made.keys,
      disk: made.disk,
      meshIp: made.entry.meshIp,
      kem: transparentKem,
      nowMs: () => this.nowMs,
      nowUs: this.clock.nowUs,
      pause: this.clock.pause,
      requests: {
        statement: alive((sha256) => {
          const found = this.#hubDown
            ? undefined
            : this.nodes.flatMap(({ entry, next }) => next === null ? [entry.statement] : [entry.statement, next]).find(
              (statement) => statement.sha256 === sha256,
            );
          return found === undefined ? Promise.reject(new Error("Not there")) : Promise.resolve(found.text);
        }),
        mail: hub((to, message) => this.#mail(to, message)),
        rotate: hub((text) => this.#rotateAnnounced(self(), openStatement(text, worldHub))),
        rotateCommit: hub((sha256) => this.#rotateCommitted(self(), sha256)),
        keyReady: hub(({ peer_id }) => this.#keyReady(self(), this.#nodeOf(peer_id))),
      },
    });
  }

  #mail(to: NodeId, message: string): void {
    const node = this.#nodeOf(to);
    const { lost, doubled, delayMs } = this.weather;
    const copies = (this.#random() < lost ? 0 : 1) + (this.#random() < doubled ? 1 : 0);
    for (let copy = 0; copy < copies; copy++) {
      this.#at(this.#random() * delayMs, () => {
        if (!node.life.dead) void this.#quietly(node.node.engine.mail(message));
        else node.waiting.push(() => void this.#quietly(node.node.engine.mail(message)));
      });
    }
  }

  #rotateAnnounced(node: SimulatedNode, statement: OpenStatement): void {
    if (node.entry.statement.sha256 === statement.sha256) return;
    if (node.next?.sha256 !== statement.sha256) node.ready.clear();
    node.next = statement;
    for (const other of this.nodes) {
      if (other === node) continue;
      this.#toNode(other, () =>
        void this.#quietly(other.node.engine.keyRotated({
          phase: "prepare",
          peerId: node.entry.nodeId,
          statementSha256: statement.sha256,
        })));
    }
  }

  #keyReady(from: SimulatedNode, about: SimulatedNode): void {
    about.ready.add(from.entry.nodeId);
    const others = this.nodes.filter((node) => node !== about).map(({ entry }) => entry.nodeId);
    const ready = others.filter((id) => about.ready.has(id));
    const missing = others.filter((id) => !about.ready.has(id));
    const event = { ready, missing, statementSha256: about.next?.sha256 };
    this.#toNode(about, () => void this.#quietly(about.node.engine.rotationReady(event)));
  }

  #rotateCommitted(node: SimulatedNode, sha256: string): void {
    if (node.next?.sha256 !== sha256) return;
    node.entry.statement = node.next;
    node.next = null;
    for (const other of this.nodes) {
      if (other === node) continue;
      this.#toNode(other, () =>
        void this.#quietly(other.node.engine.keyRotated({
          phase: "commit",
          peerId: node.entry.nodeId,
          statementSha256: sha256,
        })));
      this.tellState(other);
    }
  }

  #stateOf(node: SimulatedNode) {
    return worldState(
      node.entry.meshIp,
      this.nodes.filter((other) => other !== node).map((other) =>
        worldPeer(other.entry, node.entry.nodeId, this.pskIdOf(node, other))
      ),
    );
  }

  /** The hub's events keep their order and are not lost, only late. */
  #toNode(node: SimulatedNode, event: () => void): void {
    if (this.#hubDown) return void node.waiting.push(event);
    const id = node.entry.nodeId;
    const atMs = Math.max(this.#lastEventMs.get(id) ?? 0, this.nowMs + this.#random() * 1000);
    this.#lastEventMs.set(id, atMs);
    this.#at(atMs - this.nowMs, () => node.life.dead ? void node.waiting.push(event) : event());
  }

  #at(delayMs: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + delayMs, run });
  }

  #nodeOf(id: NodeId): SimulatedNode {
    const node = this.nodes.find(({ entry }) => entry.nodeId === id);
    if (node === undefined) throw new Error(`No node ${id}`);
    return node;
  }

  /** What a node rejects because it crashed, or because its disk is full, is told by what it does afterwards. */
  async #quietly(work: Promise<unknown>): Promise<void> {
    await work.catch(() => {});
  }
}

/** Name of a pair's tunnel in `SimulatedMesh.links`. */
export function pairOf(a: { readonly entry: HubEntry }, b: { readonly entry: HubEntry }): string {
  return [a.entry.meshIp, b.entry.meshIp].toSorted().join(" ");
}

/** A generator of numbers in [0, 1) that a test can repeat (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = state;
    value = Math.imul(value ^ (value >>> 15), value | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}
