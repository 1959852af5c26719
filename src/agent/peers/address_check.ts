import type { NodeId } from "../../mesh/ids.ts";
import { type Cidr, isHostOf, parseIpv4 } from "../../mesh/ipv4.ts";
import type { Refusal } from "./refusal.ts";

/** Addresses of the mesh that are somebody's already. */
export interface AddressBook {
  readonly self: NodeId;
  readonly meshIp: string;
  readonly meshCidr: Cidr;
  /** IP addresses of the hub's observers, without port. */
  readonly observers: ReadonlySet<string>;
  /** Whose each address is, of the peers that were admitted. */
  readonly owners: ReadonlyMap<string, NodeId>;
}

/**
 * Why a peer may not have the address that the hub gives it: the tunnel carries packets of exactly that address, so a
 * wrong one would take another node's traffic.
 *
 * @param pinned the address that the peer had when it was admitted; `null`: never
 */
export function addressRefusal(peer: NodeId, meshIp: string, pinned: string | null, book: AddressBook): Refusal | null {
  if (peer === book.self) return "self";
  if (pinned !== null && pinned !== meshIp) return "address_changed";
  const address = parseIpv4(meshIp);
  if (address === null || !isHostOf(book.meshCidr, address)) return "address_outside";
  if (meshIp === book.meshIp) return "address_taken";
  if (book.observers.has(meshIp)) return "address_of_observer";
  const owner = book.owners.get(meshIp);
  return owner !== undefined && owner !== peer ? "address_taken" : null;
}
