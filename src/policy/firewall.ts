import type { Exposure } from "./exposure.ts";

/** Lines of a firewall's configuration for what the gateway serves to other machines. */
export interface FirewallChecklist {
  /** Rules for a chain of type filter, hook input, as `nft add rule inet filter input …` takes them. */
  readonly nftables: string[];
  readonly ufw: string[];
}

/** What an inbound firewall must let through, and nothing else: one rule for each listener that others can reach. */
export function firewallChecklist(exposures: readonly Exposure[]): FirewallChecklist {
  const remote = exposures.filter(({ reach, port }) => reach !== "loopback" && port !== null && port > 0);
  return {
    nftables: remote.map(({ listener, address, protocol, port, lastPort }) => {
      const transport = protocol === "udp" ? "udp" : "tcp";
      const ports = lastPort === undefined ? port : `${port}-${lastPort}`;
      const family = address.includes(":") ? "ip6" : "ip";
      const only = isAddress(address) && !isAny(address) ? `${family} daddr ${address} ` : "";
      return `nft add rule inet filter input ${only}${transport} dport ${ports} accept comment '"edgekeep ${listener}"'`;
    }),
    ufw: remote.map(({ listener, address, protocol, port, lastPort }) => {
      const transport = protocol === "udp" ? "udp" : "tcp";
      // ufw writes a range with a colon
      const ports = lastPort === undefined ? port : `${port}:${lastPort}`;
      const to = isAddress(address) && !isAny(address) ? address : "any";
      return `ufw allow proto ${transport} from any to ${to} port ${ports} comment 'edgekeep ${listener}'`;
    }),
  };
}

function isAny(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** Host names cannot stand in a rule: what they lead to is known only to the resolver. */
function isAddress(address: string): boolean {
  return /^[\d.]+$/.test(address) || address.includes(":");
}
