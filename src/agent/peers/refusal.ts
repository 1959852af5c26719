/** Why a peer is not configured, or a change of it is not followed. Stable: in the audit and the status. */
export type Refusal =
  | "not_cosigned"
  | "cosign_invalid"
  | "cosign_expired"
  | "cosign_old"
  | "revoked"
  | "self"
  | "address_outside"
  | "address_taken"
  | "address_changed"
  | "address_of_observer"
  | "statement_missing"
  | "statement_invalid"
  | "statement_of_other"
  | "statement_old"
  | "statement_forked"
  | "key_taken"
  | "record_damaged"
  | "too_many_peers";

/** The same for people: what is wrong, and what to do where something can be done. */
export const refusalTexts: Readonly<Record<Refusal, string>> = {
  not_cosigned: "The hub names it without an admin's co-signature: have it co-signed if it belongs to the mesh",
  cosign_invalid: "Its co-signature is not the admin's, or is for another node or address",
  cosign_expired: "Its co-signature has expired: have it co-signed anew",
  cosign_old: "Its co-signature is older than one that was seen before",
  revoked: "An admin revoked it",
  self: "The hub names this node as its own peer",
  address_outside: "Its address is not one of the mesh's network",
  address_taken: "Its address is another node's",
  address_changed: "The hub gives it another address than it had: remove it from the mesh and let it join anew",
  address_of_observer: "Its address is that of an observer of the hub",
  statement_missing: "Its statement could not be fetched from the hub yet",
  statement_invalid: "Its statement is not one: of a wrong form, unsigned, or without usable keys",
  statement_of_other: "The statement that the hub names is another node's",
  statement_old: "The hub names an older statement of it than was seen before",
  statement_forked: "The hub names a second statement of the same generation",
  key_taken: "Its WireGuard key is another node's, an observer's or this node's",
  record_damaged: "What this node kept of it is damaged: restore the file, or remove it to learn the peer anew",
  too_many_peers: "There are more peers than this node keeps",
};
