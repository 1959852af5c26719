import { fromBase64, sha256Hex } from "../../mesh/encoding.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { formatIpv4 } from "../../mesh/ipv4.ts";
import type { StateEndpoint, StateRelay } from "../../mesh/state.ts";
import type { EventRow, NodeRow } from "../store/hub_rows.ts";
import { LinkTable } from "./link_table.ts";
import { endpointsOf } from "./node_endpoints.ts";
import { type PeerPieces, peerPieces } from "./peer_text.ts";

/** A node of this hub: what is stored of it, its place in the sequence of its events, and what is known of it now. */
export class MeshNode {
  /** Replaced as a whole by each change, never changed in place. */
  row: NodeRow;
  /** Newest sequence that is allocated to it. */
  sequence: number;
  /** Place in tables of pairs; given to another node when this one is removed. */
  readonly slot: number;
  readonly identityKey: Uint8Array;
  /** Events for it alone, the oldest first; those of all are elsewhere. */
  readonly own: EventRow[] = [];
  /** Newest event of its own that is no longer in {@link own}. */
  ownFloor = 0;
  /** RFC 8785 text of `policy` of its state; one string for all that have the same. */
  policy = '{"rules":[]}';
  /** Relay sessions of it, by the peer's number. */
  readonly relays = new Map<number, StateRelay>();
  /** Peers that have prepared the key of its rotation. */
  readonly ready = new Set<number>();
  stateSha256: { readonly sequence: number; readonly sha256: string } | null = null;

  readonly links = new LinkTable();
  /** Open streams. */
  streams = 0;
  /** When its newest stream was opened, µs. */
  streamUs = 0;
  beat: {
    readonly atUs: number;
    readonly sequence: number;
    readonly status: string;
    readonly uptimeS: number;
  } | null = null;
  address: string | null;
  /** Not yet told by `key_rotation_ready` which peers are. */
  readyTold = false;

  #pieces: PeerPieces | null = null;

  constructor(row: NodeRow, slot: number, sequence: number) {
    this.row = row;
    this.slot = slot;
    this.sequence = sequence;
    this.address = row.address;
    this.identityKey = fromBase64(row.identityKey, 32);
  }

  get no(): number {
    return this.row.no;
  }

  get id(): NodeId {
    return this.row.nodeId;
  }

  get meshIp(): string {
    return formatIpv4(this.row.meshIp);
  }

  /** First 16 hex digits of SHA-256 of the identity key, in groups of four. */
  get fingerprint(): string {
    return sha256Hex(this.identityKey).slice(0, 16).replace(/(.{4})(?=.)/g, "$1 ");
  }

  /** Where peers may reach it, in the order of its state. */
  get endpoints(): StateEndpoint[] {
    return endpointsOf(this.row);
  }

  /** Its part of other nodes' states. */
  get pieces(): PeerPieces {
    return this.#pieces ??= peerPieces(this.row);
  }

  /** The row was replaced. */
  replaced(row: NodeRow): void {
    this.row = row;
    this.#pieces = null;
  }
}
