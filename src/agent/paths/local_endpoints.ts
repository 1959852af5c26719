import { isIPv4 } from "node:net";
import type { EndpointReport } from "../../mesh/api_messages.ts";
import { cidrContains, parseCidr, parseIpv4 } from "../../mesh/ipv4.ts";
import { localAddresses } from "../network/local_addresses.ts";
import type { NetworkFacts } from "../network/network_facts.ts";
import type { LocalNetwork } from "./path_candidates.ts";

/** What an agent tells of itself. */
export interface LocalEndpointOptions {
  readonly meshInterface: string;
  /** As `10.100.0.0/16`. */
  readonly meshCidr: string;
  /** UDP port of the tunnels. */
  readonly listenPort: number;
  /** `[agent].static_endpoints` */
  readonly staticEndpoints: readonly string[];
  /** `[agent].lan_endpoints`: whether addresses of this machine's networks are told at all. */
  readonly lan: boolean;
}

/** Each may cost a peer 6 s. */
const mostLan = 8;
/** What the hub takes. */
const most = 16;

/**
 * Endpoints that a node tells the hub: what its owner wrote down, and the tunnel's port on its IPv4 addresses. IPv6 is
 * left out: a LAN is tried only behind one observed IPv4 address, and has IPv4 then.
 */
export function localEndpoints(facts: NetworkFacts, options: LocalEndpointOptions): EndpointReport["endpoints"] {
  const { listenPort, staticEndpoints, lan } = options;
  const addresses = lan ? outsideMesh(localAddresses(facts, options.meshInterface), options.meshCidr) : [];
  return [
    ...[...new Set(staticEndpoints)].map((address) => ({ kind: "static" as const, address })),
    ...addresses.slice(0, mostLan).map((address) => ({ kind: "lan" as const, address: `${address}:${listenPort}` })),
  ].slice(0, most);
}

/** Networks that this machine is on, for the choice of paths. */
export function localNetworks(
  facts: NetworkFacts,
  { meshInterface, meshCidr }: Pick<LocalEndpointOptions, "meshInterface" | "meshCidr">,
): LocalNetwork[] {
  const addresses = new Set(outsideMesh(localAddresses(facts, meshInterface), meshCidr));
  return facts.addresses.filter(({ address }) => addresses.has(address)).flatMap(({ address, prefix }) => {
    const number = parseIpv4(address);
    if (number === null) return [];
    const size = 2 ** (32 - prefix);
    return [{ address, cidr: { network: Math.floor(number / size) * size, prefix } }];
  });
}

function outsideMesh(addresses: readonly string[], meshCidr: string): string[] {
  const mesh = parseCidr(meshCidr);
  return addresses.filter(isIPv4).filter((address) => mesh === null || !cidrContains(mesh, parseIpv4(address) ?? 0));
}
