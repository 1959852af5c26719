import { isIPv4 } from "node:net";
import type { NetworkFacts } from "./network_facts.ts";

/** Most addresses told. */
const mostAddresses = 16;

/** Interfaces of containers and virtual machines on this machine: nobody else reaches their addresses. */
const innerInterface = /^(?:lo|docker\d|br-[0-9a-f]{12}|veth|virbr|cni|flannel|podman|lxc)/;

/**
 * Addresses under which other machines on this one's networks may reach it, IPv4 first: none of the mesh interface, of
 * loopback, of links alone, or of containers.
 *
 * @param meshInterface whose addresses are left out
 */
export function localAddresses({ addresses }: NetworkFacts, meshInterface: string): string[] {
  const reachable = addresses
    .filter((one) => one.scope === "global" && one.interface !== meshInterface && !innerInterface.test(one.interface))
    .map(({ address }) => address);
  const unique = [...new Set(reachable)];
  return [...unique.filter(isIPv4), ...unique.filter((address) => !isIPv4(address))].slice(0, mostAddresses);
}
