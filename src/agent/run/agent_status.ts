import type { HubId, NodeId } from "../../mesh/ids.ts";
import type { ActiveFault } from "../../telemetry/fault_board.ts";
import type { FollowStatus } from "../follow/follower.ts";
import type { NatReport } from "../paths/nat_report.ts";

/** How an agent is doing. Times µs UTC unless they say otherwise; nothing here is secret. */
export interface AgentStatus {
  readonly version: string;
  readonly startedUs: number;
  readonly nodeId: NodeId;
  /** First 16 hex digits of SHA-256 of the identity key, in groups of four. */
  readonly fingerprint: string;
  readonly hub: {
    readonly id: HubId;
    readonly url: string;
    readonly keyIndex: number;
    /** SHA-256 of the hub's signing key, hex: what people compare. */
    readonly keySha256: string;
    readonly following: FollowStatus;
    /** When the hub last signed something that this node took, by hub time; `null`: never. */
    readonly contactUs: number | null;
  };
  readonly position: { readonly epoch: number; readonly sequence: number };
  readonly meshIp: string;
  readonly meshCidr: string;
  readonly joinedUs: number;
  /** Whether peers need a co-signature. */
  readonly cosign: boolean;
  readonly pskMode: "end-to-end" | "hub" | null;
  readonly tunnel: {
    readonly interface: string;
    /** `null` while it is being opened. */
    readonly backend: "kernel" | "userspace" | null;
    readonly listenPort: number;
    /** Held down: there is no firewall in force, or the hub was away for too long. */
    readonly heldDown: "no_firewall" | "offline" | null;
    readonly generation: number;
    /** A WireGuard key is being rotated. */
    readonly rotating: boolean;
  };
  readonly nat: NatReport;
  /** How far this machine's clock is ahead of the hub's, ms; `null`: not known. */
  readonly clockAheadMs: number | null;
  readonly peers: { readonly up: number; readonly relayed: number; readonly refused: number; readonly all: number };
  readonly faults: readonly ActiveFault[];
}
