import { cidrHosts, isPrivateCidr, parseCidr } from "./cidr.ts";
import { RELAY_PORTS_A_SESSION } from "./mesh_schema.ts";
import type { Rule } from "./rules.ts";

/** Least number of nodes that a mesh has room for. */
const LEAST_NODES = 6;
const LAST_PORT = 65_535;

/** What is wrong with `[hub]` and `[agent]` themselves. */
export const meshRules: readonly Rule[] = [
  {
    id: "hub_url_missing",
    severity: "warning",
    *check({ hub }) {
      if (hub === undefined || hub.url !== undefined) return;
      const text = "Without url no join token can be made: agents learn from it where the hub is";
      const fix = 'Write url = "https://…:8443" under [hub], with a name or address that agents reach';
      yield { at: ["hub", "url"], text, fix };
    },
  },
  {
    id: "hub_url_not_https",
    severity: "error",
    *check({ hub }) {
      const url = URL.parse(hub?.url ?? "");
      if (url === null || url.protocol === "https:") return;
      yield { at: ["hub", "url"], text: "Agents talk to their hub with TLS alone", fix: `Write "https://${url.host}"` };
    },
  },
  {
    id: "hub_cidr_not_private",
    severity: "error",
    *check({ hub }) {
      const cidr = parseCidr(hub?.mesh_cidr ?? "");
      if (cidr === null || isPrivateCidr(cidr)) return;
      const text = `${hub?.mesh_cidr} holds addresses of the Internet, which the mesh would hide from its nodes`;
      const fix = "Write a network of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10";
      yield { at: ["hub", "mesh_cidr"], text, fix };
    },
  },
  {
    id: "hub_cidr_too_small",
    severity: "error",
    *check({ hub }) {
      const cidr = parseCidr(hub?.mesh_cidr ?? "");
      if (cidr === null || cidrHosts(cidr) >= LEAST_NODES) return;
      const text = `${hub?.mesh_cidr} has room for ${cidrHosts(cidr)} nodes, and it never changes later`;
      yield { at: ["hub", "mesh_cidr"], text, fix: "Write a larger one: a /16 has room for 65,534" };
    },
  },
  {
    id: "hub_observer_ports_equal",
    severity: "error",
    *check({ hub }) {
      const [one, other] = hub?.observer_ports ?? [];
      if (one === undefined || one !== other) return;
      const text = `Both observers are on port ${one}: only two tell what kind of NAT an agent is behind`;
      yield { at: ["hub", "observer_ports"], text, fix: "Choose two ports" };
    },
  },
  {
    id: "hub_relay_beyond_ports",
    severity: "error",
    *check({ hub }) {
      const { relay_first_port: first, relay_sessions: sessions } = hub ?? {};
      if (first === undefined || sessions === undefined) return;
      const ports = sessions * RELAY_PORTS_A_SESSION;
      if (first + ports - 1 <= LAST_PORT) return;
      const text = `${sessions} sessions take ${ports} ports, and from ${first} on there are ${LAST_PORT - first + 1}`;
      yield { at: ["hub", "relay_first_port"], text, fix: `Write at most ${LAST_PORT - ports + 1}` };
    },
  },
];
