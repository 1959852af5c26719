import { canonicalText } from "../../mesh/canonical.ts";
import type { HubRule } from "../../mesh/hub_admin.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { PolicyRule } from "../../mesh/state.ts";

/** Most bytes of one node's rules: with the envelope around them they have to fit into an event of 1 MiB. */
export const maxPolicyBytes = 900 * 1024;

/** Most nodes that one rule may name as sources. */
export const maxSources = 4096;

/** A node as rules see it. */
export interface PolicyNode {
  readonly id: NodeId;
  readonly name: string;
  readonly groups: readonly string[];
}

/** What a policy means for each node. */
export interface CompiledPolicy {
  /** RFC 8785 text of `policy` of a node's state; one string for all nodes that have the same. */
  readonly texts: ReadonlyMap<NodeId, string>;
  rulesOf(node: NodeId): readonly PolicyRule[];
  /** Rules with more sources than a state may name. */
  readonly wide: readonly { readonly rule: string; readonly nodes: number }[];
  /** Sides that match nobody. */
  readonly empty: readonly { readonly rule: string; readonly side: "from" | "to" }[];
}

/**
 * The rules of every node: what may come in, and from whom. A name or a group that matches nobody yields nothing. Sources
 * are sorted node ids, or `*` alone; the node itself may be among them, which lets all members of a group share a text.
 */
export function compilePolicy(rules: readonly HubRule[], nodes: readonly PolicyNode[]): CompiledPolicy {
  const members = membersOf(nodes);
  const empty: { rule: string; side: "from" | "to" }[] = [];
  const rulesTo = new Map<NodeId, number[]>(nodes.map(({ id }) => [id, []]));
  const compiled = rules.map((rule, index): { readonly rule: PolicyRule; readonly text: string } => {
    const src = sideOf(rule.from, members);
    const to = sideOf(rule.to, members);
    if (src.length === 0) empty.push({ rule: rule.id, side: "from" });
    if (to.length === 0) empty.push({ rule: rule.id, side: "to" });
    if (src.length > 0) {
      for (const id of to[0] === "*" ? rulesTo.keys() : to) rulesTo.get(id as NodeId)?.push(index);
    }
    const made: PolicyRule = {
      id: rule.id,
      log: rule.log,
      ports: rule.ports.map(([low, high]) => [low, high]),
      protocol: rule.protocol,
      src,
    };
    return { rule: made, text: canonicalText(made) };
  });
  const shared = new Map<string, string>();
  const texts = new Map<NodeId, string>();
  for (const [id, indices] of rulesTo) {
    const key = indices.join();
    let text = shared.get(key);
    if (text === undefined) {
      text = `{"rules":[${indices.map((index) => compiled[index]?.text ?? "").join(",")}]}`;
      shared.set(key, text);
    }
    texts.set(id, text);
  }
  return {
    texts,
    empty,
    wide: compiled.flatMap(({ rule: { id, src } }) => src.length > maxSources ? [{ rule: id, nodes: src.length }] : []),
    rulesOf: (id) => (rulesTo.get(id) ?? []).flatMap((index) => compiled[index]?.rule ?? []),
  };
}

/** Nodes by each way that a rule may name them: `box-1`, its id, `group:plc`. */
function membersOf(nodes: readonly PolicyNode[]): ReadonlyMap<string, readonly NodeId[]> {
  const members = new Map<string, NodeId[]>();
  const add = (name: string, id: NodeId) => {
    const list = members.get(name);
    if (list === undefined) members.set(name, [id]);
    else list.push(id);
  };
  for (const { id, name, groups } of nodes) {
    add(name, id);
    add(id, id);
    for (const group of groups) add(`group:${group}`, id);
  }
  return members;
}

function sideOf(names: readonly string[], members: ReadonlyMap<string, readonly NodeId[]>): (NodeId | "*")[] {
  if (names.includes("*")) return ["*"];
  const ids = new Set<NodeId>();
  for (const name of names) for (const id of members.get(name) ?? []) ids.add(id);
  return [...ids].sort();
}
