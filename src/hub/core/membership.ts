import { canonicalText } from "../../mesh/canonical.ts";
import { HubRefusal, type HubRule } from "../../mesh/hub_admin.ts";
import type { EndpointDesk } from "./endpoint_desk.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange } from "./mesh_change.ts";
import type { MeshNode } from "./mesh_node.ts";
import { namePattern } from "./names.ts";
import { peerText } from "./peer_text.ts";
import type { PolicyDesk } from "./policy_desk.ts";
import { pskIdOf } from "./psk_generations.ts";
import type { PskRefresher } from "./psk_refresher.ts";
import type { RelayDesk } from "./relay_desk.ts";
import type { TrustDesk } from "./trust_desk.ts";

/** Rows of removed nodes are kept so long: their names, addresses and keys are nobody else's meanwhile. */
const keepRemovedUs = 365 * 86_400_000_000;
const mostGroups = 16;

/** Names and groups of nodes, and their end. */
export class Membership {
  readonly #book: MeshBook;
  readonly #policy: PolicyDesk;
  readonly #psk: PskRefresher;
  readonly #relays: RelayDesk;
  readonly #endpoints: EndpointDesk;
  readonly #trust: TrustDesk;
  readonly #nowUs: () => number;

  constructor(parts: {
    readonly book: MeshBook;
    readonly policy: PolicyDesk;
    readonly psk: PskRefresher;
    readonly relays: RelayDesk;
    readonly endpoints: EndpointDesk;
    readonly trust: TrustDesk;
    readonly nowUs: () => number;
  }) {
    this.#book = parts.book;
    this.#policy = parts.policy;
    this.#psk = parts.psk;
    this.#relays = parts.relays;
    this.#endpoints = parts.endpoints;
    this.#trust = parts.trust;
    this.#nowUs = parts.nowUs;
  }

  /** By node id or name, also removed ones. */
  find(idOrName: string): MeshNode {
    const wanted = idOrName.toLowerCase();
    for (const node of this.#book.nodes.values()) {
      if (node.id === idOrName || node.row.name.toLowerCase() === wanted) return node;
    }
    throw new HubRefusal("not_found", `There is no node '${idOrName.slice(0, 100)}'`);
  }

  findActive(idOrName: string): MeshNode {
    const node = this.find(idOrName);
    if (node.row.state === "active") return node;
    throw new HubRefusal("conflict", `${node.row.name} was removed from the mesh`);
  }

  /** Rules that name the node name it anew. */
  rename(node: MeshNode, name: string): void {
    if (!namePattern.test(name) || /^n_[0-9a-f]{32}$/.test(name)) {
      throw new HubRefusal("bad_params", "A node's name must be letters, digits, '.', '_' and '-', 63 at most");
    }
    const before = node.row.name;
    if (name === before) return;
    for (const other of this.#book.nodes.values()) {
      if (other !== node && other.row.name.toLowerCase() === name.toLowerCase()) {
        const state = other.row.state === "removed" ? "a removed node" : "another node";
        throw new HubRefusal("conflict", `The name '${name}' is that of ${state}`);
      }
    }
    this.#book.change((change) => {
      change.update(node, { name });
      // each peer's own text: there is a part of the pair in it
      change.tellMany(
        this.#book.active.filter((peer) => peer !== node).map((peer) => {
          const psk = pskIdOf(this.#book.wide.generations, node.row, peer.row);
          const body = `{"peer":${peerText(node.pieces, "", psk, peer.relays.get(node.no))}}`;
          return [peer, { type: "peer_added", body, peer: node.no, psk }] as const;
        }),
      );
      const renamed = (side: readonly string[]) => side.map((one) => one === before ? name : one);
      const rules = this.#policy.rules.map((rule): HubRule => ({
        ...rule,
        from: renamed(rule.from),
        to: renamed(rule.to),
      }));
      if (canonicalText(rules) === canonicalText(this.#policy.rules)) this.#policy.apply(change);
      else this.#policy.replace(change, rules);
    });
  }

  setGroups(node: MeshNode, groups: readonly string[]): void {
    const wanted = [...new Set(groups)].sort();
    if (wanted.length > mostGroups || !wanted.every((group) => namePattern.test(group))) {
      throw new HubRefusal(
        "bad_params",
        `A node's groups must be ${mostGroups} at most, each of letters, digits, '.', '_' and '-', 63 at most`,
      );
    }
    if (wanted.join() === [...node.row.groups].sort().join()) return;
    this.#book.change((change) => {
      change.update(node, { groups: wanted });
      this.#policy.apply(change);
    });
  }

  /** The node asked for it: its keys were with it alone, so the others' stay. */
  leave(node: MeshNode): void {
    this.#book.change((change) => this.#end(change, node));
  }

  /** Somebody else may have its keys now: peers drop it at once, and every remaining pair gets another part. */
  remove(node: MeshNode): void {
    this.#book.change((change) => {
      this.#end(change, node);
      this.#psk.begin(change);
    });
  }

  /** Forgets nodes that were removed long ago, unless a rule still names them. */
  tidy(): void {
    const beforeUs = this.#nowUs() - keepRemovedUs;
    const named = new Set(this.#policy.rules.flatMap(({ from, to }) => [...from, ...to]));
    const old = [...this.#book.nodes.values()].filter(({ id, row }) =>
      row.state === "removed" && (row.removedUs ?? 0) < beforeUs && !named.has(row.name) && !named.has(id)
    );
    if (old.length === 0) return;
    this.#book.change((change) => {
      for (const node of old) {
        this.#book.store.deleteNode(node.no);
        change.after(() => this.#book.forget(node));
      }
      change.topics.add("nodes");
    });
  }

  #end(change: MeshChange, node: MeshNode): void {
    change.broadcast({ type: "peer_removed", body: canonicalText({ peer_id: node.id }) }, node);
    change.retire(node, this.#nowUs());
    this.#book.store.deleteMails({ node: node.no });
    this.#book.store.clearReady(node.no);
    this.#relays.dropOf(change, node);
    this.#policy.apply(change);
    this.#trust.removed(change, node);
    change.after(() => this.#endpoints.forget(node));
  }
}
