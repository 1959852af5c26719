import { meshTimeUs, sha256Hex } from "../../mesh/encoding.ts";
import type { HubId, NodeId } from "../../mesh/ids.ts";
import { openObject } from "../../mesh/signed_object.ts";
import type { Refusal } from "./refusal.ts";

/** Whom an agent believes about who belongs to the mesh. */
export interface AdminTrust {
  readonly hub: HubId;
  /** Raw Ed25519 key of whoever co-signs and revokes; `null`: none is known. */
  readonly adminKey: Uint8Array | null;
  /** Whether each peer needs a co-signature; set at join, cleared only by root on this machine. */
  readonly cosign: boolean;
}

/** A revocation list that an admin signed. */
export interface AcceptedRevocation {
  /** Exact text of the `ek.revoke`. */
  readonly text: string;
  readonly serial: number;
  readonly nodes: ReadonlySet<NodeId>;
}

/** @throws MeshError when it is none of this hub's admin */
export function openRevocation(text: string, hub: HubId, adminKey: Uint8Array): AcceptedRevocation {
  const { serial, node_ids } = openObject("ek.revoke", text, { hub, publicKey: adminKey });
  return { text, serial, nodes: new Set(node_ids) };
}

/**
 * Which of two revocation lists counts: the one with the higher serial, and of two with one serial the one that was here
 * first. `problem`: the hub offers one that was not taken.
 */
export function newerRevocation(
  held: AcceptedRevocation | null,
  offered: string | undefined,
  trust: AdminTrust,
): {
  readonly revocation: AcceptedRevocation | null;
  readonly problem: "revocation_invalid" | "revocation_old" | "revocation_forked" | null;
} {
  if (trust.adminKey === null || offered === held?.text) return { revocation: held, problem: null };
  if (offered === undefined) return { revocation: held, problem: held === null ? null : "revocation_old" };
  try {
    const next = openRevocation(offered, trust.hub, trust.adminKey);
    if (held === null || next.serial > held.serial) return { revocation: next, problem: null };
    return { revocation: held, problem: next.serial === held.serial ? "revocation_forked" : "revocation_old" };
  } catch {
    return { revocation: held, problem: "revocation_invalid" };
  }
}

/** Co-signatures that were verified: a peer's is looked at again with every state, and is nearly always the same one. */
export type CosignCache = Map<NodeId, { readonly textSha256: string; readonly cosign: VerifiedCosign | null }>;

interface VerifiedCosign {
  readonly meshIp: string;
  readonly serial: number;
  readonly notAfterUs: number;
}

/** What an admin says about a peer. `serial`: of its co-signature, 0 where none is needed. */
export type AdminWord =
  | { readonly refusal: null; readonly serial: number }
  | { readonly refusal: Extract<Refusal, "revoked" | "not_cosigned" | `cosign_${string}`> };

/**
 * Whether an admin's word stands against a peer: it was revoked, or it needs a co-signature and has none that holds.
 *
 * @param meshIp the address that the peer is to have
 * @param lowestSerial highest serial of a co-signature that was accepted for it
 * @param hubUs hub time, µs UTC
 */
export function adminWordOn(
  peer: { readonly nodeId: NodeId; readonly meshIp: string; readonly cosign: string | undefined },
  lowestSerial: number,
  trust: AdminTrust,
  revocation: AcceptedRevocation | null,
  hubUs: number,
  cache: CosignCache,
): AdminWord {
  if (revocation?.nodes.has(peer.nodeId) === true) return { refusal: "revoked" };
  if (!trust.cosign) return { refusal: null, serial: 0 };
  if (peer.cosign === undefined || trust.adminKey === null) return { refusal: "not_cosigned" };
  const cosign = verifiedCosign(peer.nodeId, peer.cosign, trust.hub, trust.adminKey, cache);
  if (cosign === null || cosign.meshIp !== peer.meshIp) return { refusal: "cosign_invalid" };
  if (cosign.serial < lowestSerial) return { refusal: "cosign_old" };
  if (hubUs >= cosign.notAfterUs) return { refusal: "cosign_expired" };
  return { refusal: null, serial: cosign.serial };
}

function verifiedCosign(node: NodeId, text: string, hub: HubId, adminKey: Uint8Array, cache: CosignCache) {
  const textSha256 = sha256Hex(text);
  const known = cache.get(node);
  if (known?.textSha256 === textSha256) return known.cosign;
  let cosign: VerifiedCosign | null = null;
  try {
    const { node_id, mesh_ip, serial, not_after } = openObject("ek.cosign", text, { hub, publicKey: adminKey });
    if (node_id === node) cosign = { meshIp: mesh_ip, serial, notAfterUs: meshTimeUs(not_after) };
  } catch {
    // not the admin's
  }
  cache.set(node, { textSha256, cosign });
  return cosign;
}
