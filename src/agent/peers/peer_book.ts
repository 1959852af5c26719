import type { NodeId } from "../../mesh/ids.ts";
import { type Cidr, formatCidr, parseCidr } from "../../mesh/ipv4.ts";
import type { NodeState, StatePeer } from "../../mesh/state.ts";
import { type AddressBook, addressRefusal } from "./address_check.ts";
import { type AcceptedRevocation, type AdminTrust, adminWordOn, type CosignCache } from "./admin_word.ts";
import type { PeerLink } from "./peer_link.ts";
import type { PeerRecord } from "./peer_record.ts";
import type { Refusal } from "./refusal.ts";

/** What never changes after this node joined. */
export interface OwnPlace {
  readonly nodeId: NodeId;
  readonly meshIp: string;
  readonly meshCidr: string;
  readonly trust: AdminTrust;
}

/** Most records of peers that are kept, those of removed ones included; a state has 16,384 peers at most. */
export const mostRecords = 20_000;

/**
 * Judges all peers of a state: who may be on the device at all. Sets `refusal`, `problem` and `cosigned` of each link;
 * statements are judged where they are fetched.
 */
export class PeerBook {
  readonly #own: OwnPlace;
  readonly #cidr: Cidr;
  readonly #cosigns: CosignCache = new Map();

  /** @throws RangeError when the own network is none */
  constructor(own: OwnPlace) {
    const cidr = parseCidr(own.meshCidr);
    if (cidr === null) throw new RangeError("Cannot judge peers as the mesh's own network is not an IPv4 network");
    this.#own = own;
    this.#cidr = cidr;
  }

  /** Drops what was remembered of a peer. */
  forget(peer: NodeId): void {
    this.#cosigns.delete(peer);
  }

  /** Serial of the co-signature that counts for a peer now. */
  judge(
    links: ReadonlyMap<NodeId, PeerLink>,
    state: NodeState,
    barred: ReadonlyMap<NodeId, Refusal>,
    revocation: AcceptedRevocation | null,
    hubUs: number,
  ): ReadonlyMap<NodeId, number> {
    const owners = new Map<string, NodeId>();
    // who was admitted before keeps what it has: a newcomer may not take it
    for (const { nodeId, record } of links.values()) if (record?.mesh_ip) owners.set(record.mesh_ip, nodeId);
    const book: AddressBook = {
      self: this.#own.nodeId,
      meshIp: this.#own.meshIp,
      meshCidr: this.#cidr,
      observers: new Set(state.observers.map(({ address }) => address.replace(/:\d+$/, "").replace(/^\[|\]$/g, ""))),
      owners,
    };
    const serials = new Map<NodeId, number>();
    for (const link of links.values()) {
      const serial = this.#judgeOne(link, link.state, book, barred, revocation, hubUs);
      if (serial === null) continue;
      serials.set(link.nodeId, serial);
      owners.set(link.record?.mesh_ip ?? link.state.mesh_ip, link.nodeId);
    }
    return serials;
  }

  /** WireGuard keys (base64) that are not `peer`'s to have. */
  takenKeys(
    peer: NodeId,
    links: ReadonlyMap<NodeId, PeerLink>,
    observers: NodeState["observers"],
    own: readonly string[],
  ): ReadonlySet<string> {
    const taken = new Set([...own, ...observers.map(({ public_key }) => public_key)]);
    for (const { nodeId, statement, prepared } of links.values()) {
      if (nodeId === peer) continue;
      for (const held of [statement, prepared]) if (held !== null) taken.add(held.wireguard_key);
    }
    return taken;
  }

  #judgeOne(
    link: PeerLink,
    state: StatePeer,
    book: AddressBook,
    barred: ReadonlyMap<NodeId, Refusal>,
    revocation: AcceptedRevocation | null,
    hubUs: number,
  ): number | null {
    const { record } = link;
    const pinned = record?.mesh_ip ?? null;
    const refuse = (refusal: Refusal) => {
      link.refusal = refusal;
      link.cosigned = false;
      return null;
    };
    const bar = barred.get(link.nodeId);
    if (bar !== undefined) return refuse(bar);
    const meshIp = pinned ?? state.mesh_ip;
    const word = adminWordOn(
      { nodeId: link.nodeId, meshIp, cosign: state.cosign },
      record?.cosign_serial ?? 0,
      this.#own.trust,
      revocation,
      hubUs,
      this.#cosigns,
    );
    if (word.refusal !== null) return refuse(word.refusal);
    const address = addressRefusal(link.nodeId, state.mesh_ip, pinned, book);
    // a peer that has its address keeps it when the hub names another one
    if (address !== null && address !== "address_changed") return refuse(address);
    link.cosigned = this.#own.trust.cosign;
    const rejected = link.rejected?.sha256 === state.statement_sha256 ? link.rejected.refusal : null;
    if (link.statement === null) {
      link.problem = null;
      if (rejected !== null) return refuse(rejected);
      if (address !== null) return refuse(address);
      link.refusal = "statement_missing";
      return word.serial;
    }
    link.refusal = null;
    link.problem = rejected ?? address;
    return word.serial;
  }
}

/** What is kept of a peer that is gone: enough to know a replay, and no key. */
export function tombstoneOf(record: PeerRecord, psk: PeerRecord["psk"]): PeerRecord {
  return { ...record, mesh_ip: null, statement: null, prepared: null, previous_sha256: null, psk };
}

/** `10.100.0.5` as WireGuard's allowed IP. */
export function hostRoute(meshIp: string): string {
  return formatCidr(parseCidr(`${meshIp}/32`) ?? { network: 0, prefix: 32 });
}
