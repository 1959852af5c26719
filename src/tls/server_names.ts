import { isIP } from "node:net";
import { isHost, isLoopback, isWildcard, parseEndpoint, parseListen } from "../config/address.ts";
import type { MachineNames } from "../config/machine_names.ts";
import type { Config } from "../config/schema.ts";

/**
 * Names for the server certificate of web and control, the most useful first: those that people named, where the
 * listeners listen, the machine's name as it is and in the local network (`.local`, RFC 6762), its addresses, and
 * loopback. Addresses count where a listener is open to all of them, since others would only tell about the machine.
 */
export function serverNames(
  { runtime: { web, control } }: Pick<Config, "runtime">,
  machine: MachineNames,
  named: readonly string[] = [],
): string[] {
  const endpoint = parseEndpoint(control.endpoint);
  const listens = [
    ...(web.enabled ? [parseListen(web.listen)?.host ?? ""] : []),
    ...(control.enabled && endpoint?.kind === "tcp" ? [endpoint.host] : []),
  ];
  const remote = listens.some((host) => !isLoopback(host));
  const anywhere = listens.some(isWildcard);
  const hostname = machine.hostname.toLowerCase().replace(/\.$/, "");
  const names = [
    ...named,
    ...web.allowed_hosts,
    ...listens,
    ...(remote ? [hostname, hostname.includes(".") ? "" : `${hostname}.local`] : []),
    ...(anywhere ? machine.addresses.filter(reachable) : []),
    "localhost",
    "127.0.0.1",
    "::1",
  ];
  return [...new Set(names.map((name) => name.toLowerCase()))].filter((name) => isHost(name) && !isWildcard(name));
}

/** An address that others can use as it stands: link-local IPv6 needs a zone. */
function reachable(address: string): boolean {
  return isIP(address) !== 0 && !isLoopback(address) && !/^fe[89ab]/i.test(address) && !address.includes("%");
}
