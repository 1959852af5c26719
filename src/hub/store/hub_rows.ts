import type { NodeId } from "../../mesh/ids.ts";
import type { StateEndpoint } from "../../mesh/state.ts";

/** Keys of a node as one of its statements names them. */
export interface KeySet {
  /** SHA-256 of the statement's exact text. */
  readonly statementSha256: string;
  readonly generation: number;
  /** base64. */
  readonly wireguardKey: string;
  readonly kemKeySha256: string;
  /** When the hub took it, µs UTC. */
  readonly sinceUs: number;
}

/** What an observer saw of a node last. */
export interface Observation {
  readonly observer: 0 | 1;
  readonly address: string;
  /** Time stamp inside the handshake initiation, hex: older ones are replays. */
  readonly tai64n: string;
  readonly atUs: number;
}

/** A node as it is stored. */
export interface NodeRow {
  /** Number inside this hub; never used twice. */
  readonly no: number;
  readonly nodeId: NodeId;
  /** Raw Ed25519 key, base64. */
  readonly identityKey: string;
  readonly name: string;
  /** 32-bit number of its address. */
  readonly meshIp: number;
  readonly groups: readonly string[];
  readonly state: "active" | "removed";
  readonly tokenId: string;
  readonly registeredUs: number;
  readonly removedUs: number | null;
  readonly keys: KeySet;
  /** Keys of a rotation that is not committed. */
  readonly prepared: KeySet | null;
  /** What the node reported: kinds `lan` and `static`. */
  readonly reported: readonly StateEndpoint[];
  readonly observations: readonly Observation[];
  readonly nat: "unknown" | "cone" | "symmetric";
  /** What its state gives to peers as `observed`, in order. */
  readonly observed: readonly string[];
  /** Exact text of its ek.cosign. */
  readonly cosign: string | null;
  /** Newest refresh of hub parts that had begun when it joined. */
  readonly pskFrom: number;
  /** Newest event when it joined: only later ones are its. */
  readonly firstEvent: number;
  readonly version: string;
  readonly binarySha256: string;
  readonly lastHeartbeatUs: number | null;
  readonly address: string | null;
  /** When it is to be asked for new keys; `null`: not before the schedule says so. */
  readonly rotateDueUs: number | null;
  readonly rotateAskedUs: number | null;
}

/** An event before it has an id. */
export interface NewEventRow {
  /** Number of the node that it is for; 0: all active nodes but `except`. */
  readonly node: number;
  readonly except: number;
  readonly type: string;
  /** RFC 8785 text of the payload, with `"psk_hub":""` where the pair's part belongs; `null` where `peer` and `psk` say all. */
  readonly body: string | null;
  /** Number of the peer of whose pair with the receiver the hub's part is given; 0: none is. */
  readonly peer: number;
  /** psk_hub_id of that part. */
  readonly psk: number;
}

/** An event as it is stored. Ids rise in the order in which sequences were allocated. */
export interface EventRow extends NewEventRow {
  readonly id: number;
}

/** A join token as it is stored. */
export interface TokenRow {
  readonly id: string;
  /** 32 bytes; `null` once no registration can need it. */
  readonly secret: Uint8Array | null;
  readonly label: string;
  readonly group: string;
  readonly uses: number;
  readonly usesLeft: number;
  readonly createdUs: number;
  readonly createdBy: string;
  readonly expiresUs: number;
  readonly revokedUs: number | null;
}

/** That a node joined with a token. */
export interface TokenUse {
  readonly tokenId: string;
  readonly nodeId: NodeId;
  readonly atUs: number;
}

/** The newest message of one kind from a node to another. */
export interface MailRow {
  readonly from: number;
  readonly to: number;
  readonly typ: string;
  readonly text: string;
  /** Sequence of the receiver's event that carried it last. */
  readonly sequence: number;
  readonly atUs: number;
  /** How often it was given out again. */
  readonly again: number;
}

/** A relay session as it is stored. */
export interface RelayRow {
  readonly sessionId: string;
  readonly a: number;
  readonly b: number;
  readonly portOfA: number;
  readonly portOfB: number;
  readonly expiresUs: number;
  readonly openedUs: number;
}

/** An ek.keylink or ek.recover that the hub serves. */
export interface KeyObjectRow {
  readonly kind: "ek.keylink" | "ek.recover";
  readonly text: string;
}

/** What memory starts from. */
export interface StoredHub {
  readonly nodes: readonly NodeRow[];
  readonly sequences: ReadonlyMap<number, number>;
  /** All that are kept, oldest first; without the bodies of those for one node alone. */
  readonly events: readonly EventRow[];
  readonly relays: readonly RelayRow[];
  /** Pairs of node and peer: the peer has prepared the node's new key. */
  readonly ready: readonly (readonly [node: number, peer: number])[];
}
