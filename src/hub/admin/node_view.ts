import type { HubLink, HubNode } from "../../mesh/hub_admin.ts";
import type { MeshNode } from "../core/mesh_node.ts";

const lateUs = 90_000_000;
const offlineUs = 300_000_000;
/** Links that are shown: a thousand nodes have half a million. */
const mostLinks = 10_000;

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

/**
 * Tunnels as both ends tell them: path and round trip by the end with the newer handshake, bytes as the first counts them.
 *
 * @param only of this node alone; without it the first {@link mostLinks} of all
 */
export function linkViews(nodes: readonly MeshNode[], only?: MeshNode): HubLink[] {
  const links: HubLink[] = [];
  for (const a of only === undefined ? nodes : [only]) {
    for (const b of nodes) {
      if (a === b || (only === undefined && a.id > b.id)) continue;
      const link = a.id < b.id ? linkView(a, b) : linkView(b, a);
      if (link !== null) links.push(link);
      if (links.length >= mostLinks) return links;
    }
  }
  return links;
}

function linkView(a: MeshNode, b: MeshNode): HubLink | null {
  const [ab, ba] = [a.links.get(b.slot), b.links.get(a.slot)];
  const told = (ab?.handshakeS ?? -1) >= (ba?.handshakeS ?? -1) ? ab : ba;
  if (told === null) return null;
  const handshakeS = Math.max(ab?.handshakeS ?? 0, ba?.handshakeS ?? 0);
  return {
    a: a.id,
    b: b.id,
    path: told.path === "unknown" ? "none" : told.path,
    rttMs: told.rttMs ?? ab?.rttMs ?? ba?.rttMs ?? null,
    lastHandshakeUs: handshakeS === 0 ? null : handshakeS * 1_000_000,
    rxBytes: ab?.rx ?? ba?.tx ?? 0,
    txBytes: ab?.tx ?? ba?.rx ?? 0,
  };
}
