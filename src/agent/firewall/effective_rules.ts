import type { NodeId } from "../../mesh/ids.ts";
import { parseIpv4 } from "../../mesh/ipv4.ts";
import type { PolicyRule } from "../../mesh/state.ts";

/** What a rule needs to know of a peer; a `StatePeer` is one. */
export interface PolicyPeer {
  readonly node_id: NodeId;
  readonly name: string;
  readonly mesh_ip: string;
}

/** A rule as it acts here: by addresses, ports in order and without overlap. */
export interface EffectiveRule {
  /** The hub's name of it: text from the network, up to the caller to print with care. */
  readonly id: string;
  readonly protocol: "tcp" | "udp" | "icmp";
  /** `"any"`: every peer. Else their addresses in ascending order, at least one. */
  readonly sources: "any" | readonly string[];
  /** Both ends included; empty for `icmp`. */
  readonly ports: readonly (readonly [number, number])[];
  readonly log: boolean;
}

/**
 * The rules that match anything here, in the hub's order. A node that is no peer matches nothing; a rule whose sources
 * are all unknown is left out, and so is one for TCP or UDP without a port.
 */
export function effectiveRules(rules: readonly PolicyRule[], peers: readonly PolicyPeer[]): EffectiveRule[] {
  const addresses = new Map(peers.map(({ node_id, mesh_ip }) => [node_id, mesh_ip]));
  return rules.flatMap(({ id, src, protocol, ports, log }) => {
    const sources = sourcesOf(src, addresses);
    const merged = mergedPorts(ports);
    if (sources.length === 0 || (protocol === "icmp") !== (merged.length === 0)) return [];
    return [{ id, protocol, sources, ports: merged, log }];
  });
}

function sourcesOf(
  src: PolicyRule["src"],
  addresses: ReadonlyMap<NodeId, string>,
): "any" | readonly string[] {
  if (src.includes("*")) return "any";
  const known = new Map<number, string>();
  for (const node of src) {
    const address = addresses.get(node as NodeId);
    const number = parseIpv4(address ?? "");
    if (address !== undefined && number !== null) known.set(number, address);
  }
  return [...known].toSorted(([a], [b]) => a - b).map(([, address]) => address);
}

function mergedPorts(ports: PolicyRule["ports"]): [number, number][] {
  const merged: [number, number][] = [];
  for (const [low, high] of ports.toSorted(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  return merged;
}
