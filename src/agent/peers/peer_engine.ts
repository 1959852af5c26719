import type { NodeId } from "../../mesh/ids.ts";
import type { NodeState } from "../../mesh/state.ts";

/** How a peer is doing. Times µs UTC. */
export interface PeerStatus {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly meshIp: string;
  /** `refused`: it may not be configured, see `problem`; `pending`: the exchange of the pre-shared key is under way. */
  readonly state: "up" | "idle" | "connecting" | "pending" | "refused";
  readonly problem: string | null;
  /** The one that carries the tunnel; `none` while none does. */
  readonly path: "lan" | "direct" | "relay" | "none";
  readonly endpoint: string | null;
  readonly lastHandshakeUs: number | null;
  readonly rttMs: number | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly generation: number;
  readonly pskEpoch: number;
  readonly cosigned: boolean;
}

/** Turns the signed state and the mail of peers into a WireGuard device that carries them. */
export interface PeerEngine {
  /** Takes a state over by difference; unchanged peers never flap. Resolves when the device follows. */
  follow(state: NodeState): Promise<void>;
  /** Takes a removed peer off the device at once, before anything else. */
  removed(peer: NodeId): Promise<void>;
  /** An event `peer_mail`; a message that does not fit is recorded and dropped. */
  mail(message: string): Promise<void>;
  /** An event `peer_key_rotated`. */
  keyRotated(
    event: { readonly phase: "prepare" | "commit"; readonly peerId: NodeId; readonly statementSha256: string },
  ): Promise<void>;
  /** An event `rotate_keys`, or the owner's wish: begins the rotation of the own WireGuard key. */
  rotateOwnKey(): Promise<void>;
  /** An event `key_rotation_ready`; one for another statement than the next one is left. */
  rotationReady(
    event: {
      readonly ready: readonly NodeId[];
      readonly missing: readonly NodeId[];
      /** Absent: the hub does not say which. */
      readonly statementSha256?: string | undefined;
    },
  ): Promise<void>;
  status(): readonly PeerStatus[];
  /** Ends timers and work under way; the tunnel stays. */
  stop(): Promise<void>;
}
