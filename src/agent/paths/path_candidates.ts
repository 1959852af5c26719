import { type Cidr, cidrContains, parseCidr, parseIpv4 } from "../../mesh/ipv4.ts";
import type { StatePeer } from "../../mesh/state.ts";

/** An endpoint that is worth a try, best first. */
export interface PathCandidate {
  readonly endpoint: string;
  readonly kind: "lan" | "direct" | "relay";
}

/** An address of this machine and the network that it is on. */
export interface LocalNetwork {
  /** Dotted decimal. */
  readonly address: string;
  readonly cidr: Cidr;
}

/** Each costs 6 s in a round of tries. */
const mostLan = 3;
const mostDirect = 4;

/** Loopback, this network, link-local, multicast and reserved. */
const nowhere: readonly Cidr[] = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"]
  .map(parseCidr).filter((cidr) => cidr !== null);

/**
 * Where a peer may be reached, in the order in which it is tried: its LAN, directly, by relay.
 *
 * The LAN only when both are seen behind one public address, or when this node has not been seen (its hub is away, or it
 * has just started) and the peer's address lies on a network of this machine: an address like 192.168.1.10 exists on too many LANs. What the hub names is not taken
 * where it cannot be a peer: inside the mesh, where the tunnel would run in itself, or on this machine.
 *
 * @param ownObserved what the observers saw of this node
 * @param local networks of this machine
 * @param meshCidr of the mesh
 */
export function pathCandidates(
  peer: Pick<StatePeer, "endpoints" | "relay">,
  ownObserved: readonly string[],
  local: readonly LocalNetwork[],
  meshCidr: Cidr | null,
): PathCandidate[] {
  const usable = (endpoint: string) => {
    if (isNowhere(endpoint)) return false;
    const host = hostOf(endpoint);
    const address = parseIpv4(host);
    const inMesh = address !== null && meshCidr !== null && cidrContains(meshCidr, address);
    return !inMesh && !local.some((own) => own.address === host);
  };
  const of = (kind: "lan" | "observed" | "static") =>
    peer.endpoints.filter((endpoint) => endpoint.kind === kind).map(({ address }) => address).filter(usable);
  const observed = of("observed");
  const isLocal = (endpoint: string) => {
    const address = parseIpv4(hostOf(endpoint));
    return address !== null && local.some(({ cidr }) => cidrContains(cidr, address));
  };
  const ownHosts = new Set(ownObserved.map(hostOf));
  const lanEndpoints = of("lan");
  const near = lanEndpoints.filter(isLocal);
  const sameSite = observed.some((endpoint) => ownHosts.has(hostOf(endpoint)));
  const unseen = ownObserved.length === 0;
  const lan = sameSite ? [...near, ...lanEndpoints.filter((endpoint) => !near.includes(endpoint))] : unseen ? near : [];
  // A symmetric router shows another port to each observer, and to this node a third one: one try of it is enough.
  const seenHosts = new Set<string>();
  const oneOfEach = observed.filter((endpoint) => !seenHosts.has(hostOf(endpoint)) && seenHosts.add(hostOf(endpoint)));
  const named = new Set<string>();
  const once = ({ endpoint }: PathCandidate) => !named.has(endpoint) && named.add(endpoint) !== undefined;
  return [
    ...lan.slice(0, mostLan).map((endpoint) => ({ endpoint, kind: "lan" as const })),
    ...[...of("static"), ...oneOfEach].slice(0, mostDirect).map((endpoint) => ({
      endpoint,
      kind: lanEndpoints.includes(endpoint) ? "lan" as const : "direct" as const,
    })),
    ...peer.relay === undefined || !usable(peer.relay.address)
      ? []
      : [{ endpoint: peer.relay.address, kind: "relay" as const }],
  ].filter(once);
}

/** Whether nobody else can be at an endpoint, whatever the hub says: programs of this machine and groups can. */
export function isNowhere(endpoint: string): boolean {
  const host = hostOf(endpoint);
  const address = parseIpv4(host);
  if (address === null) {
    // an address of IPv6 has many spellings: this is the one of RFC 5952
    const one = URL.parse(`http://[${host}]`)?.hostname.slice(1, -1);
    return one === undefined || /^(::|::[\da-f]+(:[\da-f]+)?|fe[89ab].*|ff.*|::ffff:.*)$/.test(one);
  }
  return nowhere.some((cidr) => cidrContains(cidr, address));
}

/** The address of an endpoint, without port and brackets. */
export function hostOf(endpoint: string): string {
  return endpoint.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
