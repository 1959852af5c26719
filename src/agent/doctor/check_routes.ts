import { readNetworkFacts } from "../network/network_facts.ts";
import { overlappingRoute } from "../network/overlapping_route.ts";
import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorParts } from "./doctor_parts.ts";

/** Whether a local route takes addresses of the mesh, and whether each peer has its own. */
export async function checkRoutes(parts: DoctorParts): Promise<DoctorFinding[]> {
  const { run, signal, meshCidr, peerIps, agent } = parts;
  if (meshCidr === null) return [];
  const facts = await readNetworkFacts(run, signal);
  const overlap = overlappingRoute(facts, meshCidr, parts.interface);
  const findings: DoctorFinding[] = [
    overlap === null
      ? { code: "route_overlap", severity: "ok", detail: `No local route lies in the mesh's network ${meshCidr}` }
      : {
        code: "route_overlap",
        severity: "error",
        detail:
          `The route ${overlap.destination} by ${overlap.interface || "no interface"} lies in the mesh's network ` +
          `${meshCidr}: addresses are lost to one or the other`,
        remedy: "Renumber the local network, or make a mesh with another hub.mesh_cidr",
      },
  ];
  if (agent === null || agent.heldDown !== null) return findings;
  const routed = new Set(
    facts.routes.filter((route) => route.interface === parts.interface).map(({ destination }) => destination),
  );
  const missing = peerIps.filter((ip) => !routed.has(ip));
  findings.push(
    missing.length === 0 ? { code: "routes", severity: "ok", detail: "Every peer has its route" } : {
      code: "routes",
      severity: "note",
      detail: `${missing.length} of ${peerIps.length} peers have no route, as ${missing[0]}`,
      remedy: "A peer gets its route once its keys are agreed: 'edgekeep agent peers' says what it waits for",
    },
  );
  return findings;
}
