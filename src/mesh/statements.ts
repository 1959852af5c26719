import { fromBase64, sha256Hex, toBase64 } from "./encoding.ts";
import { type HubId, nodeIdOf } from "./ids.ts";
import { isSigningPublicKey, isWireGuardPublicKey, type SigningKey } from "./keys.ts";
import { MeshError } from "./mesh_error.ts";
import type { MembersOf, Statement } from "./objects.ts";
import { openObject, readObject, sealObject } from "./signed_object.ts";

/** Largest text of a statement; a real one has less than 2.2 kB. */
export const maxStatementBytes = 8192;

/** A statement that was verified, with the text that it is and the name that others call it by. */
export type OpenStatement = Statement & {
  /** Exact text. */
  readonly text: string;
  /** SHA-256 of the text, lowercase hex: `statement_sha256` elsewhere. */
  readonly sha256: string;
};

/**
 * Takes a node's statement: it proves itself, since it is signed by the identity key inside it and names the node id
 * that follows from that key. Whether its generation may be accepted is the caller's to say.
 *
 * @throws MeshError `E_SIZE`, `E_FORM`, `E_HUB`, `E_KEY` (a key nobody may have), `E_AUDIENCE` (the node id is not that
 *   of the key), `E_SIGNATURE`
 */
export function openStatement(text: string, hub: HubId): OpenStatement {
  const claim = readObject("ek.node", text, maxStatementBytes);
  const publicKey = fromBase64(claim.identity_key);
  if (claim.hub !== hub) throw new MeshError("E_HUB", "A statement for another hub");
  if (!isSigningPublicKey(publicKey)) throw new MeshError("E_KEY", "The identity key of a statement is not usable");
  if (!isWireGuardPublicKey(fromBase64(claim.wireguard_key))) {
    throw new MeshError("E_KEY", "The WireGuard key of a statement is not usable");
  }
  if (nodeIdOf(publicKey) !== claim.node_id) {
    throw new MeshError("E_AUDIENCE", "The node id of a statement is not that of its identity key");
  }
  const statement = openObject("ek.node", text, { hub, publicKey, maxBytes: maxStatementBytes });
  return { ...statement, text, sha256: sha256Hex(text) };
}

/**
 * A node's own statement.
 *
 * @param key the node's identity; node id and identity key follow from it
 */
export function sealStatement(
  hub: HubId,
  members: Omit<MembersOf<"ek.node">, "node_id" | "identity_key">,
  key: SigningKey,
): string {
  const identity = { node_id: nodeIdOf(key.publicKey), identity_key: toBase64(key.publicKey) };
  return sealObject("ek.node", hub, { ...members, ...identity }, key);
}
