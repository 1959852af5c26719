import { isIP, isIPv6 } from "node:net";
import { isLoopback, isWildcard } from "../../config/address.ts";
import type { MachineNames } from "../../config/machine_names.ts";

/**
 * The host names and addresses under which clients reach the server, the most useful first: those configured, else the
 * bound address, else (bound to every interface) each non-loopback address of the machine and its name. A wildcard
 * address is never among them.
 */
export function advertisedHosts(bind: string, configured: readonly string[], machine: MachineNames): string[] {
  const wanted = configured.length > 0
    ? configured
    : isWildcard(bind)
    ? [...machine.addresses.filter((address) => reachable(address, bind)), machine.hostname]
    : [bind];
  const hosts = new Set(wanted.filter((host) => host !== "" && !isWildcard(host)).map((host) => host.toLowerCase()));
  // a machine without any network still answers itself
  return hosts.size > 0 ? [...hosts] : ["127.0.0.1"];
}

function reachable(address: string, bind: string): boolean {
  if (isLoopback(address)) return false;
  // a link-local address needs a zone, which a URL cannot carry to another machine
  if (/^fe[89ab]/i.test(address)) return false;
  return isIPv6(bind) || !isIPv6(address);
}

/** Splits hosts into the names and the addresses of a subjectAltName. */
export function certificateHosts(hosts: readonly string[]): { readonly dns: string[]; readonly ip: string[] } {
  const all = [...new Set(hosts)];
  const isAddress = (host: string) => isIP(host) !== 0;
  return { dns: all.filter((host) => !isAddress(host)), ip: all.filter(isAddress) };
}
