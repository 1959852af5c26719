import { sha256Hex } from "./encoding.ts";

declare const nodeBrand: unique symbol;
declare const hubBrand: unique symbol;

/** A node: `n_` and the first 32 hex digits of SHA-256 of its identity key. */
export type NodeId = string & { readonly [nodeBrand]: true };

/** A hub: `h_` and the first 32 hex digits of SHA-256 of its signing key 0, for ever. */
export type HubId = string & { readonly [hubBrand]: true };

/** The audience of an answer to somebody who has not said which node asks: `GET /v1/time`. */
export const noNode = `n_${"0".repeat(32)}` as NodeId;

/** @param identityKey raw Ed25519 public key, 32 bytes */
export function nodeIdOf(identityKey: Uint8Array): NodeId {
  return `n_${sha256Hex(identityKey).slice(0, 32)}` as NodeId;
}

/** @param signingKey0 the raw Ed25519 public key that the hub signed with first, 32 bytes */
export function hubIdOf(signingKey0: Uint8Array): HubId {
  return `h_${sha256Hex(signingKey0).slice(0, 32)}` as HubId;
}

/** How a node's id is written. */
export const nodeIdPattern = /^n_[0-9a-f]{32}$/;
/** How a hub's id is written. */
export const hubIdPattern = /^h_[0-9a-f]{32}$/;

/** Whether a text has the form of a node's id. */
export function isNodeId(text: string): text is NodeId {
  return nodeIdPattern.test(text);
}

/** Whether a text has the form of a hub's id. */
export function isHubId(text: string): text is HubId {
  return hubIdPattern.test(text);
}
