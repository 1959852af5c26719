/** A node of the mesh as the hub lists it. Times are ISO 8601 text. */
export interface NodeView {
  readonly nodeId: string;
  readonly name: string;
  readonly meshIp: string;
  readonly groups: readonly string[];
  readonly state: "active" | "removed";
  readonly presence: "online" | "late" | "offline";
  readonly generation: number;
  readonly fingerprint: string;
  readonly cosigned: boolean;
  readonly registered: string;
  readonly lastHeartbeat: string | null;
  readonly address: string | null;
  readonly version: string;
  readonly nat: "unknown" | "cone" | "symmetric";
  readonly endpoints: readonly { readonly kind: "lan" | "observed" | "static"; readonly address: string }[];
  readonly status: string | null;
  readonly appliedSequence: number | null;
  readonly sequence: number;
}

/** A tunnel between two nodes. */
export interface LinkView {
  readonly a: string;
  readonly b: string;
  readonly path: "lan" | "direct" | "relay" | "none";
  readonly rttMs: number | null;
  readonly lastHandshake: string | null;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** Nodes and the tunnels between them. */
export interface TopologyView {
  readonly nodes: readonly NodeView[];
  readonly links: readonly LinkView[];
}

/** One rule of the policy, as people write it. */
export interface RuleView {
  readonly id: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly ports: readonly (readonly [number, number])[];
  readonly log: boolean;
  readonly comment: string;
}

/** The whole policy; a change names the version that it starts from. */
export interface PolicyView {
  readonly version: number;
  readonly rules: readonly RuleView[];
}

/** What a firewall of one node lets in. */
export interface EffectiveRule {
  readonly id: string;
  readonly src: readonly string[];
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly ports: readonly (readonly [number, number])[];
}

/** What a proposed policy would do. */
export interface PolicyPlanView {
  readonly ok: boolean;
  readonly findings: readonly {
    readonly severity: "error" | "warning";
    readonly rule: string;
    readonly text: string;
  }[];
  readonly changes: readonly {
    readonly from: string;
    readonly to: string;
    readonly opened: readonly string[];
    readonly closed: readonly string[];
  }[];
  readonly moreChanges: number;
  readonly nodes: readonly { readonly nodeId: string; readonly rules: readonly EffectiveRule[] }[];
}

/** A join token without its secret. */
export interface JoinTokenView {
  readonly id: string;
  readonly label: string;
  readonly group: string;
  readonly uses: number;
  readonly usesLeft: number;
  readonly created: string;
  readonly createdBy: string;
  readonly expires: string;
  readonly state: "open" | "used" | "expired" | "revoked";
  readonly nodes: readonly string[];
}

/** A join token that was just made: its text is shown this once. */
export interface NewJoinTokenView {
  readonly text: string;
  readonly token: JoinTokenView;
}

/** The keys that the mesh trusts. */
export interface KeysView {
  readonly hubId: string;
  readonly epoch: number;
  readonly keyIndex: number;
  readonly signingKeySha256: string;
  readonly signingKeySince: string;
  readonly previousUntil: string | null;
  readonly tlsSpki: readonly string[];
  readonly tlsNotAfter: string;
  readonly adminKeySha256: string | null;
  readonly revocationSerial: number | null;
  readonly stoppedSigning: string | null;
}

/** How the hub as a whole is doing. */
export interface HubView {
  readonly hubId: string;
  readonly url: string;
  readonly meshCidr: string;
  readonly pskMode: "end-to-end" | "hub";
  readonly listening: string;
  readonly nodes: { readonly active: number; readonly online: number; readonly removed: number };
  readonly relays: { readonly sessions: number; readonly most: number };
  readonly refusedRequests: number;
}
