import { isIP } from "node:net";
import { z } from "zod";
import { isOrigin, parseListen } from "./address.ts";
import { parseCidr } from "./cidr.ts";
import { count, host, port } from "./schema_fields.ts";

/** Ports that the relay takes for one session: one for each of the two nodes. */
export const RELAY_PORTS_A_SESSION = 2;

export const hubSchema = z.strictObject({
  url: z.string().max(256).refine(
    (text) => isOrigin(text),
    "must be scheme://host or scheme://host:port, without a path",
  )
    .optional().meta({
      description: "Address that agents reach the hub under; every join token carries it.",
      expected: "https://host:port",
      unset: "no join token can be made",
      example: "https://hub.plant.example:8443",
    }),
  listen: z.string().refine((text) => parseListen(text) !== null, "must be host:port, as 0.0.0.0:8443 or [::]:8443")
    .default("0.0.0.0:8443").meta({
      description:
        "Address and port that agents are served on, with TLS of the hub's own certificate. Port 0 takes a free one.",
      expected: "host:port, as 0.0.0.0:8443 or [::]:8443",
    }),
  mesh_cidr: z.string().refine((text) => parseCidr(text) !== null, "must be an IPv4 network, as 10.100.0.0/16")
    .default("10.100.0.0/16").meta({
      description: "Network of the addresses inside the mesh. Read when the hub is made; it never changes later.",
      expected: "an IPv4 network, as 10.100.0.0/16",
    }),
  address: host.optional().meta({
    description: "Address under which agents reach the observers and the relay.",
    unset: "the host of url",
    example: "203.0.113.7",
  }),
  observer_ports: z.tuple([z.int().min(1).max(65535), z.int().min(1).max(65535)]).default([3478, 3479]).meta({
    description: "UDP ports on which the hub sees the address that an agent has behind NAT.",
    expected: "two ports, each from 1 to 65535",
  }),
  relay_first_port: port(51900).describe(
    "First UDP port of the relay, which takes two ports a session from there on.",
  ),
  relay_sessions: count(0, 256, 256).describe(
    "Pairs of agents that may be relayed at once, where no direct way exists; 0 relays nobody.",
  ),
  psk: z.enum(["end-to-end", "hub"]).default("end-to-end").describe(
    "Pre-shared key of each tunnel. end-to-end: agreed with post-quantum keys that the hub does not know; hub: made by " +
      "the hub alone.",
  ),
  key_rotation_days: count(0, 365, 30).describe(
    "Days after which an agent's WireGuard key is replaced; 0 replaces none.",
  ),
});

const endpoint = z.string().max(64).refine((text) => {
  const address = parseListen(text);
  return address !== null && isIP(address.host) !== 0 && address.port > 0;
}, "must be ip:port, as 203.0.113.7:51820 or [2001:db8::7]:51820").meta({ expected: "ip:port" });

export const agentSchema = z.strictObject({
  dir: z.string().min(1).default("/var/lib/edgekeep/agent").describe(
    "Folder of the agent's keys and state (mode 0700).",
  ),
  interface: z.string().regex(/^[a-z][a-z0-9_-]{0,14}$/i, "must be 1 to 15 letters, digits, _ and -, a letter first")
    .default("edgekeep0").meta({
      description: "Name of the WireGuard interface.",
      expected: "1 to 15 letters, digits, _ and -, a letter first",
    }),
  listen_port: port(51820).describe("UDP port of the tunnels."),
  backend: z.enum(["auto", "kernel", "userspace"]).default("auto").describe(
    "auto: the kernel's WireGuard where it has one, else the program wireguard-go.",
  ),
  static_endpoints: z.array(endpoint).max(8).default([]).describe(
    "Addresses under which other agents reach this one besides those it finds out, as of a forwarded port.",
  ),
  lan_endpoints: z.boolean().default(true).describe(
    "false keeps the addresses of this machine's networks from the hub.",
  ),
  max_offline_hours: count(0, 8760, 0).describe(
    "Hours without the hub after which the tunnels end; 0 keeps them for as long as it takes.",
  ),
});
