import type { NodeId } from "../../mesh/ids.ts";
import type { PolicyRule } from "../../mesh/state.ts";
import { effectiveRules, type PolicyPeer } from "./effective_rules.ts";

/** What is asked; what is absent is not narrowed down. */
export interface PolicyQuestion {
  readonly from?: NodeId;
  readonly protocol?: "tcp" | "udp" | "icmp";
  /** 1 to 65535. */
  readonly port?: number;
}

/** One thing that one peer may do here, and the rule that lets it. */
export interface PolicyGrant {
  readonly peer: PolicyPeer;
  readonly protocol: "tcp" | "udp" | "icmp";
  /** Ranges, both ends included; empty for `icmp`. */
  readonly ports: readonly (readonly [number, number])[];
  readonly rule: string;
}

/** Who may reach what on this node, and why. */
export interface PolicyAnswer {
  /** By peer in the order given, then by rule. */
  readonly grants: readonly PolicyGrant[];
  /** Peers that no rule lets do anything of what was asked. */
  readonly denied: readonly PolicyPeer[];
  /** Sentences about rules that match less than they seem to. */
  readonly notes: readonly string[];
}

/**
 * What the firewall does with what peers send, from the same rules that it is made of. Pure.
 *
 * What this node sends out, and the answers to it, pass whatever the rules say; so do ICMP errors of connections that are
 * let.
 */
export function explainPolicy(
  rules: readonly PolicyRule[],
  peers: readonly PolicyPeer[],
  { from, protocol, port }: PolicyQuestion = {},
): PolicyAnswer {
  const asked = peers.filter(({ node_id }) => from === undefined || node_id === from);
  const effective = effectiveRules(rules, peers);
  const grants = asked.flatMap((peer) =>
    effective.flatMap((rule): PolicyGrant[] => {
      if (protocol !== undefined && rule.protocol !== protocol) return [];
      if (port !== undefined && rule.protocol === "icmp" && protocol === undefined) return [];
      if (rule.sources !== "any" && !rule.sources.includes(peer.mesh_ip)) return [];
      const hit = port === undefined || rule.protocol === "icmp" ||
        rule.ports.some(([low, high]) => low <= port && port <= high);
      return hit ? [{ peer, protocol: rule.protocol, ports: rule.ports, rule: rule.id }] : [];
    })
  );
  const granted = new Set(grants.map(({ peer }) => peer.node_id));
  return {
    grants,
    denied: asked.filter(({ node_id }) => !granted.has(node_id)),
    notes: [...rules.flatMap((rule) => ruleNotes(rule, peers)), ...from === undefined ? [] : unknownNote(from, peers)],
  };
}

function ruleNotes({ id, src }: PolicyRule, peers: readonly PolicyPeer[]): string[] {
  if (src.includes("*")) return [];
  const known = new Set<string>(peers.map(({ node_id }) => node_id));
  const unknown = src.filter((node) => !known.has(node));
  if (unknown.length === 0 && src.length > 0) return [];
  if (unknown.length === src.length) return [`Rule ${id} matches nothing: none of its nodes is a peer of this one`];
  return [
    `Rule ${id} names ${unknown.length} of ${src.length} nodes that are no peers of this one: they match nothing`,
  ];
}

function unknownNote(from: NodeId, peers: readonly PolicyPeer[]): string[] {
  return peers.some(({ node_id }) => node_id === from)
    ? []
    : [`${from} is no peer of this node: nothing of it arrives here`];
}
