import type { NodeId } from "../../mesh/ids.ts";
import { formatIpv4, parseIpv4 } from "../../mesh/ipv4.ts";
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
  const addresses = new Map(peers.map(({ node_id, mesh_ip }) => [node_id as string, parseIpv4(mesh_ip)]));
  // rules of one group have the same sources, which may be thousands: worked out once, and shared
  const known = new Map<string, readonly string[]>();
  return rules.flatMap(({ id, src, protocol, ports, log }) => {
    const key = src.join();
    const sources = src.includes("*") ? "any" : known.get(key) ?? sourcesOf(src, addresses);
    if (sources !== "any") known.set(key, sources);
    const merged = mergedPorts(ports);
    if (sources.length === 0 || (protocol === "icmp") !== (merged.length === 0)) return [];
    return [{ id, protocol, sources, ports: merged, log }];
  });
}

function sourcesOf(src: readonly string[], addresses: ReadonlyMap<string, number | null>): readonly string[] {
  const known = new Set(src.map((node) => addresses.get(node)).filter((address) => typeof address === "number"));
  return Array.from(Uint32Array.from(known).sort(), formatIpv4);
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
