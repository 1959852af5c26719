import type { NodeId } from "../../mesh/ids.ts";
import type { StatePeer } from "../../mesh/state.ts";

/** What is known of one peer when its path is judged. Times are monotonic ms but `lastHandshakeAgeMs`. */
export interface PathInput {
  readonly peer: StatePeer;
  /** Public addresses that the observers saw this node at; empty: not known. */
  readonly ownObserved: readonly string[];
  /** `null`: never. */
  readonly lastHandshakeAgeMs: number | null;
  readonly endpoint: string | null;
  /** Bytes received since the last look. */
  readonly receivedBytes: number;
  readonly nowMs: number;
}

/** Chooses endpoints: LAN, direct, relay (mesh-wire §5.8), 6 s each until a handshake. One instance for all peers. */
export interface PathSelector {
  /**
   * The endpoint to set now; `null`: leave it as it is. Whoever sets it sends something into the tunnel at once (as
   * `RttProbe.ask` does), since WireGuard itself is silent on a new endpoint for up to 25 s. It may be the one that is
   * set already: then only something has to be sent.
   */
  look(input: PathInput): { readonly endpoint: string; readonly kind: "lan" | "direct" | "relay" } | null;
  /** Kind of the path that the peer's present endpoint is on; `none` while paths are tried, since none of them works. */
  kindOf(peer: NodeId, endpoint: string | null): "lan" | "direct" | "relay" | "none";
  forget(peer: NodeId): void;
}
