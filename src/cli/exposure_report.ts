import { urlHost } from "../config/address.ts";
import type { Exposure } from "../policy/exposure.ts";
import { type FirewallChecklist, firewallChecklist } from "../policy/firewall.ts";
import { visible } from "./visible.ts";

const reaches: Readonly<Record<Exposure["reach"], string>> = {
  loopback: "this machine alone",
  lan: "the network of this address",
  any: "every network of this machine",
};

const proofs: Readonly<Record<Exposure["authentication"][number], string>> = {
  nothing_on_loopback: "nothing, to look from this machine",
  socket_peer: "the right to open the socket",
  login: "a login",
  token: "a token",
  client_certificate: "a client certificate",
  opcua_password: "user and password",
  join_token: "a join token",
  node_key: "a key of a node",
};

/** Who can reach what, how it is protected and what it lets them do; then what a firewall has to let through. */
export function exposureText(exposures: readonly Exposure[]): string {
  const blocks = exposures.map((exposure) => {
    const { listener, reach, encryption, authentication, lets, key } = exposure;
    const protection = encryption === "tls"
      ? "TLS"
      : encryption === "opcua"
      ? "OPC UA signature and encryption"
      : encryption === "wireguard"
      ? "WireGuard, from node to node"
      : reach === "loopback"
      ? "none, and none needed: nothing leaves the machine"
      : "NONE: everybody on the way can read along";
    return [
      `  ${visible(`${listener.padEnd(9)}${urlOf(exposure)}  (${key})`)}`,
      `    reached by    ${reaches[reach]}`,
      `    protected by  ${protection}`,
      `    asks for      ${authentication.map((one) => proofs[one]).join(", or ")}`,
      `    lets one      ${visible(`${lets.charAt(0).toLowerCase()}${lets.slice(1)}`)}`,
      "",
    ].join("\n");
  });
  const listeners = blocks.length === 0 ? "  Nothing listens.\n" : blocks.join("\n");
  return `Who can reach what\n\n${listeners}\n${firewallText(firewallChecklist(exposures))}`;
}

/** The same for programs. */
export function exposureJson(exposures: readonly Exposure[]): {
  readonly exposures: readonly Exposure[];
  readonly firewall: FirewallChecklist;
} {
  return { exposures, firewall: firewallChecklist(exposures) };
}

function urlOf({ address, port, lastPort, protocol }: Exposure): string {
  const scheme = protocol === "tls" ? "tcp+tls" : protocol;
  const ports = lastPort === undefined ? port : `${port}-${lastPort}`;
  return port === null ? `${scheme}://${address}` : `${scheme}://${urlHost(address)}:${ports}`;
}

function firewallText({ nftables, ufw }: FirewallChecklist): string {
  if (nftables.length === 0) return "Firewall: nothing has to be let in from other machines.\n";
  const lines = (title: string, commands: readonly string[]) =>
    `  ${title}\n${commands.map((command) => `    ${visible(command)}\n`).join("")}`;
  return `Firewall: let this in, where other machines need it, and nothing else

${lines("nftables (a table inet filter with a chain input that drops by default)", nftables)}
${lines("ufw", ufw)}
  A VPN or \`ssh -L\` needs none of these ports open to the network.
`;
}
