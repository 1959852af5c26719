import type { HubLink, HubNode } from "../../mesh/hub_admin.ts";
import type { MeshNode } from "../core/mesh_node.ts";

const lateUs = 90_000_000;
const offlineUs = 300_000_000;
/** Links that are shown: a thousand nodes have half a million. */
export const mostLinks = 10_000;

/** Presence by stream and heartbeat: a stream that is open proves little when nothing else comes. */
export function presenceOf({ streams, streamUs, beat, row }: MeshNode, nowUs: number): HubNode["presence"] {
  if (row.state === "removed") return "offline";
  const lastUs = Math.max(beat?.atUs ?? row.lastHeartbeatUs ?? 0, streams > 0 ? streamUs : 0);
  if (nowUs - lastUs >= offlineUs) return "offline";
  return nowUs - lastUs >= lateUs || streams === 0 ? "late" : "online";
}

/** A node as admins see it. */
export function nodeView(node: MeshNode, nowUs: number, cosigned: boolean): HubNode {
  const { row, beat } = node;
  return {
    nodeId: node.id,
    name: row.name,
    meshIp: node.meshIp,
    groups: row.groups,
    state: row.state,
    presence: presenceOf(node, nowUs),
    generation: row.keys.generation,
    fingerprint: node.fingerprint,
    cosigned,
    registeredUs: row.registeredUs,
    lastHeartbeatUs: beat?.atUs ?? row.lastHeartbeatUs,
    address: node.address,
    version: row.version,
    binarySha256: row.binarySha256,
    nat: row.nat,
    endpoints: node.endpoints,
    status: beat?.status ?? null,
    uptimeS: beat?.uptimeS ?? null,
    appliedSequence: beat?.sequence ?? null,
    sequence: node.sequence,
  };
}

/** Tunnels as both ends tell them: the newer handshake's end tells path and round trip; bytes are what `a` counted, or `b`. */
export function linkViews(nodes: readonly MeshNode[]): HubLink[] {
  const links: HubLink[] = [];
  for (let i = 0; i < nodes.length; i++) {
    for (let j = i + 1; j < nodes.length; j++) {
      const [a, b] = [nodes[i], nodes[j]];
      if (a === undefined || b === undefined) continue;
      const [ab, ba] = [a.links.get(b.slot), b.links.get(a.slot)];
      if (ab === null && ba === null) continue;
      const told = (ab?.handshakeS ?? -1) >= (ba?.handshakeS ?? -1) ? ab ?? ba : ba ?? ab;
      const handshakeS = Math.max(ab?.handshakeS ?? 0, ba?.handshakeS ?? 0);
      links.push({
        a: a.id,
        b: b.id,
        path: told === null || told.path === "unknown" ? "none" : told.path,
        rttMs: told?.rttMs ?? ab?.rttMs ?? ba?.rttMs ?? null,
        lastHandshakeUs: handshakeS === 0 ? null : handshakeS * 1_000_000,
        rxBytes: ab?.rx ?? ba?.tx ?? 0,
        txBytes: ab?.tx ?? ba?.rx ?? 0,
      });
      if (links.length >= mostLinks) return links;
    }
  }
  return links;
}
