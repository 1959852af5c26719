import type { HubId, NodeId } from "./ids.ts";
import type { PolicyRule } from "./state.ts";

/** A node as admins see it. Times are µs UTC. */
export interface HubNode {
  readonly nodeId: NodeId;
  /** Name for people; at first the host name that the node registered with. Unique in the mesh. */
  readonly name: string;
  readonly meshIp: string;
  readonly groups: readonly string[];
  readonly state: "active" | "removed";
  /** `online`: its event stream is open; `late`: no heartbeat for 90 s; `offline`: none for 5 min. */
  readonly presence: "online" | "late" | "offline";
  readonly generation: number;
  /** First 16 hexadecimal digits of SHA-256 of the identity key, in groups of four, for people to compare. */
  readonly fingerprint: string;
  readonly cosigned: boolean;
  readonly registeredUs: number;
  readonly lastHeartbeatUs: number | null;
  /** Address that its last request came from. */
  readonly address: string | null;
  readonly version: string;
  readonly binarySha256: string;
  readonly nat: "unknown" | "cone" | "symmetric";
  readonly endpoints: readonly { readonly kind: "lan" | "observed" | "static"; readonly address: string }[];
  /** What it last told of itself. */
  readonly status: string | null;
  readonly uptimeS: number | null;
  /** Sequence that its heartbeat named, and the newest that is allocated to it. */
  readonly appliedSequence: number | null;
  readonly sequence: number;
}

/** One tunnel between two nodes, as their heartbeats tell it. */
export interface HubLink {
  readonly a: NodeId;
  readonly b: NodeId;
  readonly path: "lan" | "direct" | "relay" | "none";
  readonly rttMs: number | null;
  readonly lastHandshakeUs: number | null;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** A join token without its secret. */
export interface HubToken {
  readonly id: string;
  readonly label: string;
  readonly group: string;
  readonly uses: number;
  readonly usesLeft: number;
  readonly createdUs: number;
  readonly createdBy: string;
  readonly expiresUs: number;
  readonly state: "open" | "used" | "expired" | "revoked";
  /** Nodes that joined with it. */
  readonly nodes: readonly NodeId[];
}

/** One rule as admins write it: names, groups (`group:plc`) or `*` on both sides. Rules allow; all else is denied. */
export interface HubRule {
  readonly id: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly protocol: "tcp" | "udp" | "icmp";
  /** Inclusive ranges; empty for icmp. */
  readonly ports: readonly (readonly [low: number, high: number])[];
  readonly log: boolean;
  readonly comment: string;
}

/** The whole policy. `version` counts its changes. */
export interface HubPolicy {
  readonly version: number;
  readonly rules: readonly HubRule[];
}

/** What a proposed policy would change for one pair of nodes. */
export interface HubPolicyChange {
  readonly from: NodeId;
  readonly to: NodeId;
  /** In words of the firewall: `tcp/4840`, `udp/1-1024`, `icmp`. */
  readonly opened: readonly string[];
  readonly closed: readonly string[];
}

/** Outcome of a dry run. */
export interface HubPolicyPlan {
  readonly ok: boolean;
  /** What is wrong with it, or worth knowing: an unknown name, a rule that matches nobody. */
  readonly findings: readonly {
    readonly severity: "error" | "warning";
    readonly rule: string;
    readonly text: string;
  }[];
  readonly changes: readonly HubPolicyChange[];
  /** Pairs beyond the first 500 that would change too. */
  readonly moreChanges: number;
  /**
   * Effective rules of each node as its firewall would get them, those that change first. With more than 20,000 sources
   * in all, the nodes beyond are left out: a thousand nodes would have a million.
   */
  readonly nodes: readonly { readonly nodeId: NodeId; readonly rules: readonly PolicyRule[] }[];
}

/** The keys that the mesh trusts. Nothing here is secret. */
export interface HubKeys {
  readonly hubId: HubId;
  readonly epoch: number;
  readonly keyIndex: number;
  /** SHA-256 of the signing key, lowercase hexadecimal: what tokens pin. */
  readonly signingKeySha256: string;
  readonly signingKeySinceUs: number;
  /** Until when the key before is still accepted; `null`: none is. */
  readonly previousUntilUs: number | null;
  /** SHA-256 of the SPKI of each pinned TLS key, lowercase hexadecimal, the served one first. */
  readonly tlsSpki: readonly string[];
  readonly tlsNotAfterUs: number;
  /** SHA-256 of the admin key of co-signature; `null`: co-signature is off. */
  readonly adminKeySha256: string | null;
  readonly revocationSerial: number | null;
  /** Set while a node has shown a position ahead of this hub's: nothing is signed until a recovery. */
  readonly stoppedSigning: string | null;
}

/** What the hub as a whole is doing. */
export interface HubStatus {
  readonly hubId: HubId;
  readonly url: string;
  readonly meshCidr: string;
  readonly pskMode: "end-to-end" | "hub";
  readonly listening: string;
  readonly observers: readonly string[];
  readonly nodes: { readonly active: number; readonly online: number; readonly removed: number };
  readonly relays: {
    readonly sessions: number;
    readonly most: number;
    readonly forwardedBytes: number;
    readonly droppedPackets: number;
  };
  readonly refusedRequests: number;
  readonly databaseBytes: number;
  readonly keys: HubKeys;
}

/** Thrown by {@link HubAdmin}; the message is for people. */
export class HubRefusal extends Error {
  override readonly name = "HubRefusal";

  constructor(
    readonly code: "not_found" | "conflict" | "bad_params" | "not_configured" | "too_many" | "unavailable",
    message: string,
    readonly fix?: string,
  ) {
    super(message);
  }
}

/**
 * The hub as its admins use it, whoever they are: roles and audit are the caller's. Every method throws
 * {@link HubRefusal} when it refuses. `by` is the name of the person, for the record of the hub.
 */
export interface HubAdmin {
  status(): HubStatus;
  nodes(): readonly HubNode[];
  /** By node id or by name. */
  node(idOrName: string): HubNode;
  rename(idOrName: string, name: string): HubNode;
  setGroups(idOrName: string, groups: readonly string[]): HubNode;
  /** Force-removes: peers delete it at once, hub parts of the remaining pairs change over 10 min with jitter. */
  remove(idOrName: string, by: string): HubNode;
  /** Asks the node for new WireGuard keys (`rotate_keys`); without a name every active node, with jitter. */
  rotateNodeKeys(idOrName: string | null, by: string): readonly NodeId[];
  /** Of one node, or of all: then 10,000 at most. */
  links(node?: NodeId): readonly HubLink[];
  policy(): HubPolicy;
  planPolicy(rules: readonly HubRule[]): HubPolicyPlan;
  /** @param version the one that the change starts from; another one by now is a `conflict` */
  setPolicy(rules: readonly HubRule[], version: number, by: string): HubPolicy;
  tokens(): readonly HubToken[];
  /** @returns the token's one-time text beside its description; it is shown this once */
  createToken(wish: {
    readonly label: string;
    readonly group: string;
    /** 1 to 100. */
    readonly uses: number;
    /** 1 to 10,080. */
    readonly minutes: number;
    readonly by: string;
  }): { readonly text: string; readonly token: HubToken };
  revokeToken(id: string): HubToken;
  keys(): HubKeys;
  /** Next signing key, linked by the present one. */
  rotateSigningKey(by: string): HubKeys;
  /** Next TLS key: pinned now, served after 7 days or when called again with `now`. */
  rotateTlsKey(now: boolean, by: string): HubKeys;
  /** Sets the admin key of co-signature (raw Ed25519, base64) for tokens from now on. */
  setAdminKey(publicKey: string, by: string): HubKeys;
  /** Takes an object that the admin key signed: ek.cosign, ek.revoke or ek.recover. */
  applyAdminObject(text: string, by: string): HubKeys;
  /** What an admin has to sign so that `nodeId` is co-signed. */
  cosignRequests(): readonly {
    readonly nodeId: NodeId;
    readonly name: string;
    readonly meshIp: string;
    readonly fingerprint: string;
  }[];
  /** What `edgekeep hub recover` signs: the hub's proposed next key, its pins, and the epoch to name. */
  proposeRecovery(
    by: string,
  ): {
    readonly hubId: HubId;
    readonly epoch: number;
    readonly keyIndex: number;
    readonly signingKey: string;
    readonly tlsSpki: readonly string[];
  };
  /**
   * Goes on with a new signing key and the next epoch without an admin's signature: only while no admin key is set.
   * Every agent refuses the hub until root on its box runs `edgekeep agent accept-hub` with the new key's fingerprint.
   */
  recoverUnsigned(by: string): HubKeys;
  /** Told of each change that a page should show anew; the returned function ends it. */
  subscribe(listener: (topic: "nodes" | "links" | "policy" | "tokens" | "keys") => void): () => void;
}
