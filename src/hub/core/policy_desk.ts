import { HubRefusal, type HubRule } from "../../mesh/hub_admin.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange, NewEvent } from "./mesh_change.ts";
import type { MeshNode } from "./mesh_node.ts";
import { type CompiledPolicy, compilePolicy, maxPolicyBytes } from "./policy_compiler.ts";

/** A new mesh says at once whether it works; everything else is for its admins to allow. */
const firstRules: readonly HubRule[] = [{
  id: "ping",
  from: ["*"],
  to: ["*"],
  protocol: "icmp",
  ports: [],
  log: false,
  comment: "Every node may ping every other one",
}];

/** The policy that is in force: what admins wrote, and what it means for each node. */
export class PolicyDesk {
  readonly #book: MeshBook;
  version: number;
  rules: readonly HubRule[];

  constructor(book: MeshBook) {
    this.#book = book;
    const stored = book.store.meta("policy");
    const { version, rules } = stored === null ? { version: 0, rules: firstRules } : JSON.parse(stored) as {
      version: number;
      rules: HubRule[];
    };
    this.version = version;
    this.rules = rules;
    // stored at once: states follow from it, and another version of this program may begin with other rules
    if (stored === null) book.store.transact(() => book.store.setMeta("policy", JSON.stringify({ version, rules })));
    const { texts } = this.compiled(rules);
    for (const node of book.active) node.policy = texts.get(node.id) ?? node.policy;
  }

  /** What rules mean for the nodes that are active now. */
  compiled(rules: readonly HubRule[]): CompiledPolicy {
    return compilePolicy(rules, this.#book.active.map(({ id, row: { name, groups } }) => ({ id, name, groups })));
  }

  /** Puts other rules in force. */
  replace(change: MeshChange, rules: readonly HubRule[]): void {
    change.assign(this, "rules", rules);
    change.assign(this, "version", this.version + 1);
    change.meta("policy", JSON.stringify({ version: this.version, rules }));
    change.topics.add("policy");
    this.apply(change);
  }

  /** After rules, names, groups or the set of nodes changed: tells each node whose rules are others now. */
  apply(change: MeshChange): void {
    const { texts } = this.compiled(this.rules);
    const events: (readonly [MeshNode, NewEvent])[] = [];
    // one payload for all that have the same rules: a thousand texts of 40 kB take 50 ms to be told apart
    const payloads = new Map<string, NewEvent>();
    for (const node of this.#book.active) {
      const policy = texts.get(node.id) ?? node.policy;
      if (policy === node.policy) continue;
      if (policy.length > maxPolicyBytes) {
        throw new HubRefusal(
          "too_many",
          `Cannot give '${node.row.name}' its rules as they are ${policy.length} bytes long and may be ${maxPolicyBytes}`,
          "Write * instead of a group that nearly everybody is in, or fewer rules",
        );
      }
      change.assign(node, "policy", policy);
      if (change.fresh.has(node)) continue;
      const event = payloads.get(policy) ?? { type: "policy_updated", body: `{"policy":${policy}}` };
      payloads.set(policy, event);
      events.push([node, event]);
    }
    change.tellMany(events);
  }
}
