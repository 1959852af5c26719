import { parseListen } from "../config/address.ts";
import { RELAY_PORTS_A_SESSION } from "../config/mesh_schema.ts";
import type { Draft } from "../config/salvage.ts";
import type { Config } from "../config/schema.ts";
import type { ConfiguredRole } from "./configured_role.ts";
import type { Exposure } from "./exposure.ts";
import { type Listener, place } from "./listeners.ts";

/** What the mesh listens on: the hub's ports for a hub, and those of this machine's agent where it has one. */
export function meshListenersOf({ hub, agent }: Draft<Config>, role: ConfiguredRole): Listener[] {
  return [...role === "hub" && hub !== undefined ? hubListeners(hub) : [], ...agentListeners(agent)];
}

/** The same as the world sees it. */
export function meshExposuresOf(config: Draft<Config>, role: ConfiguredRole): Exposure[] {
  return meshListenersOf(config, role).map(({ listener, host, port, lastPort, reach, encryption, at }) => ({
    listener,
    address: host,
    port,
    ...lastPort === undefined ? {} : { lastPort },
    protocol: listener === "hub" ? "https" : "udp",
    reach,
    encryption,
    authentication: listener === "hub" ? ["join_token", "node_key"] : ["node_key"],
    lets: lets[listener] ?? "",
    key: at.join("."),
  }));
}

const lets: { readonly [K in Exposure["listener"]]?: string } = {
  hub:
    "Join the mesh with a token; as a node of it, get its own signed state and events, and nothing of other nodes' keys",
  observer: "Tell the hub under which address a node sends; it is never answered",
  relay: "Reach another node through the hub, encrypted from node to node, while the hub has a session for the two",
  agent: "Open a tunnel as a node of the mesh, and reach there what its policy allows",
};

function hubListeners(hub: NonNullable<Draft<Config>["hub"]>): Listener[] {
  const address = parseListen(hub.listen ?? "");
  if (address === null) return [];
  const { host, port } = address;
  const udp = (listener: "observer" | "relay", name: string, key: string, first: number, last?: number): Listener => ({
    listener,
    name,
    transport: "udp",
    ...place(host, first),
    ...last === undefined ? {} : { lastPort: last },
    encryption: "wireguard",
    at: ["hub", key],
    portAt: ["hub", key],
  });
  const { observer_ports: observers = [], relay_first_port: first, relay_sessions: sessions = 0 } = hub;
  const at = ["hub", "listen"];
  return [
    { listener: "hub", name: "the hub", transport: "tcp", ...place(host, port), encryption: "tls", at, portAt: at },
    ...observers.map((observer, n) => udp("observer", `observer ${n + 1} of the hub`, "observer_ports", observer)),
    ...first === undefined || sessions === 0
      ? []
      : [udp("relay", "the hub's relay", "relay_first_port", first, first + sessions * RELAY_PORTS_A_SESSION - 1)],
  ];
}

function agentListeners(agent: Draft<Config>["agent"]): Listener[] {
  if (agent?.listen_port === undefined) return [];
  const at = ["agent", "listen_port"];
  return [{
    listener: "agent",
    name: "the mesh agent",
    transport: "udp",
    ...place("0.0.0.0", agent.listen_port),
    encryption: "wireguard",
    at,
    portAt: at,
  }];
}
