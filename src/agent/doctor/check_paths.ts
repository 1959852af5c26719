import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorParts } from "./doctor_parts.ts";

/**
 * Whether UDP reaches the hub's observers, and how the router translates. The observers never answer, so only the running
 * agent can tell, whose handshakes they saw.
 */
export function checkPaths({ agent, observers }: DoctorParts): Promise<DoctorFinding[]> {
  if (agent === null) {
    return Promise.resolve([{
      code: "udp",
      severity: "note",
      detail: "Whether UDP passes is known while the agent runs only",
      remedy: "Start the agent and look again: edgekeep agent run",
    }]);
  }
  if (observers.length === 0) {
    return Promise.resolve([{ code: "udp", severity: "note", detail: "The hub names no observers" }]);
  }
  const { kind, addresses, reached } = agent.nat;
  if (!reached) {
    return Promise.resolve([{
      code: "udp",
      severity: "warning",
      detail: `No observer of the hub has seen this node: UDP to ${observers.join(" and ")} does not pass`,
      remedy: "Allow outgoing UDP to the hub's observer and relay ports, and to the peers' ports",
    }]);
  }
  return Promise.resolve([
    { code: "udp", severity: "ok", detail: `UDP passes; the hub sees this node as ${addresses.join(" and ")}` },
    natFinding(kind),
  ]);
}

function natFinding(kind: "unknown" | "none" | "cone" | "symmetric"): DoctorFinding {
  switch (kind) {
    case "none":
      return { code: "nat", severity: "ok", detail: "Peers reach this node directly: nothing translates its address" };
    case "cone":
      return { code: "nat", severity: "ok", detail: "The router keeps one port for all peers: direct tunnels work" };
    case "symmetric":
      return {
        code: "nat",
        severity: "note",
        detail: "The router takes another port for each peer: tunnels to peers behind such routers go by the relay",
        remedy: "Forward the UDP port of the tunnels on the router and name it in [agent].static_endpoints",
      };
    case "unknown":
      return {
        code: "nat",
        severity: "note",
        detail: "One observer alone has seen this node: the kind of NAT is not known",
      };
  }
}
