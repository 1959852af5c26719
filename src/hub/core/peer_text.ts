import { canonicalText } from "../../mesh/canonical.ts";
import { formatIpv4 } from "../../mesh/ipv4.ts";
import type { StateRelay } from "../../mesh/state.ts";
import type { NodeRow } from "../store/hub_rows.ts";
import { endpointsOf } from "./node_endpoints.ts";

/** A peer as all states have it, cut where the parts of a pair belong. RFC 8785 sorts the members. */
export interface PeerPieces {
  /** `{"cosign":…,"endpoints":…,"mesh_ip":…,"name":…,"node_id":…` */
  readonly head: string;
  /** `,"statement_sha256":…}` */
  readonly tail: string;
}

/** What takes the place of the hub's part of a pair in a stored payload: it is never written to the disk. */
export const pskMark = '"psk_hub":""';

/** The parts of a peer that are the same in every state. */
export function peerPieces(row: NodeRow): PeerPieces {
  const head = canonicalText({
    cosign: row.cosign ?? undefined,
    endpoints: endpointsOf(row),
    mesh_ip: formatIpv4(row.meshIp),
    name: row.name,
    node_id: row.nodeId,
  });
  return { head: head.slice(0, -1), tail: `,"statement_sha256":"${row.keys.statementSha256}"}` };
}

/** The RFC 8785 text of a peer. @param psk the hub's part of the pair, base64; empty for a text to be stored */
export function peerText({ head, tail }: PeerPieces, psk: string, pskId: number, relay?: StateRelay): string {
  const relayText = relay === undefined ? "" : `,"relay":${canonicalText(relay)}`;
  return `${head},"psk_hub":"${psk}","psk_hub_id":${pskId}${relayText}${tail}`;
}
