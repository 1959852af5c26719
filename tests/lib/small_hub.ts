import type { PeerEngineParts } from "../../src/agent/peers/create_peer_engine.ts";
import type { PeerEngine } from "../../src/agent/peers/peer_engine.ts";
import type { NodeId } from "../../src/mesh/ids.ts";
import type { NodeState } from "../../src/mesh/state.ts";
import { type OpenStatement, openStatement } from "../../src/mesh/statements.ts";
import { type HubEntry, worldHub, worldPeer, worldState } from "./peer_world.ts";

/** A node as {@link SmallHub} knows it. */
export interface SmallHubNode {
  readonly entry: HubEntry;
  engine: PeerEngine;
  next: OpenStatement | null;
  readonly ready: Set<NodeId>;
}

/** What a hub does for engines, in this process and at once: statements, mail, rotations, states. */
export class SmallHub {
  readonly nodes = new Map<NodeId, SmallHubNode>();
  /** Every message that passed. */
  readonly mails: string[] = [];
  /** What the state of a node says beside its peers. */
  more: Partial<NodeState> = {};
  /** Pairs whose hub part was changed, by both ids sorted; 1 unless it was. */
  readonly pskIds = new Map<string, number>();
  /** Answers nothing. */
  down = false;
  readonly #failures: unknown[] = [];

  add(entry: HubEntry, engine: PeerEngine): SmallHubNode {
    const node: SmallHubNode = { entry, engine, next: null, ready: new Set() };
    this.nodes.set(entry.nodeId, node);
    return node;
  }

  /** What the node of this id asks the hub with. */
  requests(self: NodeId): PeerEngineParts["requests"] {
    const ask = <A extends unknown[], R>(answer: (...args: A) => R) => (...args: A): Promise<R> =>
      this.down ? Promise.reject(new Error("The hub cannot be reached")) : Promise.resolve(answer(...args));
    return {
      statement: ask((sha256) => {
        const found = [...this.nodes.values()].flatMap(({ entry, next }) => [entry.statement, next])
          .find((statement) => statement?.sha256 === sha256);
        if (found === undefined || found === null) throw new Error("No such statement");
        return found.text;
      }),
      mail: ask((to, message) => {
        this.mails.push(message);
        this.#tell(to, (engine) => engine.mail(message));
      }),
      rotate: ask((text) => {
        const node = this.#node(self);
        node.next = openStatement(text, worldHub);
        const statementSha256 = node.next.sha256;
        this.#tellOthers(self, (engine) => engine.keyRotated({ phase: "prepare", peerId: self, statementSha256 }));
      }),
      keyReady: ask(({ peer_id }) => {
        const node = this.#node(peer_id);
        node.ready.add(self);
        const others = [...this.nodes.keys()].filter((id) => id !== peer_id);
        const ready = others.filter((id) => node.ready.has(id));
        const missing = others.filter((id) => !node.ready.has(id));
        const statementSha256 = node.next?.sha256;
        if (missing.length === 0) {
          this.#tell(peer_id, (engine) => engine.rotationReady({ ready, missing, statementSha256 }));
        }
      }),
      rotateCommit: ask((statementSha256) => {
        const node = this.#node(self);
        if (node.next !== null) node.entry.statement = node.next;
        node.next = null;
        node.ready.clear();
        this.#tellOthers(self, (engine) => engine.keyRotated({ phase: "commit", peerId: self, statementSha256 }));
      }),
    };
  }

  stateOf(self: NodeId): NodeState {
    const { meshIp } = this.#node(self).entry;
    const peers = [...this.nodes.values()].filter(({ entry }) => entry.nodeId !== self).map(({ entry }) =>
      worldPeer(entry, self, this.pskIds.get([self, entry.nodeId].toSorted().join(" ")) ?? 1)
    );
    return worldState(meshIp, peers, this.more);
  }

  /** Tells every node its state. */
  async tellAll(): Promise<void> {
    await Promise.all([...this.nodes].map(([id, { engine }]) => engine.follow(this.stateOf(id))));
  }

  /** Gives a pair another hub part, and tells both. */
  async changePsk(a: NodeId, b: NodeId): Promise<void> {
    const pair = [a, b].toSorted().join(" ");
    this.pskIds.set(pair, (this.pskIds.get(pair) ?? 1) + 1);
    await this.tellAll();
  }

  /** What engines rejected with while they were told something. */
  get failures(): readonly unknown[] {
    return this.#failures;
  }

  #tellOthers(self: NodeId, event: (engine: PeerEngine) => Promise<void>): void {
    for (const id of this.nodes.keys()) if (id !== self) this.#tell(id, event);
  }

  #tell(to: NodeId, event: (engine: PeerEngine) => Promise<void>): void {
    const { engine } = this.#node(to);
    queueMicrotask(() => void event(engine).catch((error) => this.#failures.push(error)));
  }

  #node(id: NodeId): SmallHubNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error("No such node");
    return node;
  }
}
