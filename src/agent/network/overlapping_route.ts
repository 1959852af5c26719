import { cidrsOverlap, parseCidr, parseIpv4 } from "../../mesh/ipv4.ts";
import type { LocalRoute, NetworkFacts } from "./network_facts.ts";

/**
 * The first route, besides default ones and those of the mesh interface, whose network shares an address with the mesh's;
 * `null` when there is none. Joining such a mesh would take addresses of the local network away, or lose some of the
 * mesh's to it.
 *
 * @param meshCidr as `10.100.0.0/16`
 * @throws RangeError when it is no network
 */
export function overlappingRoute(
  { routes }: Pick<NetworkFacts, "routes">,
  meshCidr: string,
  meshInterface: string,
): LocalRoute | null {
  const mesh = parseCidr(meshCidr);
  if (mesh === null) throw new RangeError("Cannot look for overlapping routes: the mesh's network is none");
  return routes.find((route) => {
    if (route.interface === meshInterface) return false;
    const address = parseIpv4(route.destination);
    const network = address === null ? parseCidr(route.destination) : { network: address, prefix: 32 };
    // 0.0.0.0/1 and 128.0.0.0/1 are how other tunnels write a default route
    return network !== null && network.prefix > 1 && cidrsOverlap(network, mesh);
  }) ?? null;
}
