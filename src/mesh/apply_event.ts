import type { MeshEvent } from "./events.ts";
import type { NodeId } from "./ids.ts";
import type { NodeState, StatePeer } from "./state.ts";

/**
 * A node's state after an event. The state that was given stays as it is. After the event of each sequence the result
 * has the hash that the hub tells in its next tick of that sequence; events that say nothing about the state, and events
 * about peers that are not in it, leave it as it was.
 */
export function applyEvent(state: NodeState, event: MeshEvent): NodeState {
  switch (event.type) {
    case "node_state":
      return event.payload;
    case "peer_added":
      return withPeer(state, event.payload.peer);
    case "peer_removed":
      return { ...state, peers: state.peers.filter(({ node_id }) => node_id !== event.payload.peer_id) };
    case "peer_endpoint_changed":
      return changed(state, event.payload.peer_id, { endpoints: event.payload.endpoints });
    case "peer_key_rotated":
      // the state names the old statement until the peer uses the new one
      return event.payload.phase === "prepare"
        ? state
        : changed(state, event.payload.peer_id, { statement_sha256: event.payload.statement_sha256 });
    case "peer_psk_changed": {
      const { peer_id, psk_hub, psk_hub_id } = event.payload;
      return changed(state, peer_id, { psk_hub, psk_hub_id });
    }
    case "peer_cosigned":
      return changed(state, event.payload.peer_id, { cosign: event.payload.cosign });
    case "relay_session_assigned":
      return changed(state, event.payload.peer_id, { relay: event.payload.relay });
    case "relay_session_revoked":
      return changed(state, event.payload.peer_id, { relay: undefined });
    case "policy_updated":
      return { ...state, policy: event.payload.policy };
    case "hub_settings":
      return { ...state, ...event.payload };
    case "revocation_updated":
      return { ...state, revocation: event.payload.revocation };
    case "tick":
    case "time":
    case "registered":
    case "rotate_keys":
    case "key_rotation_ready":
    case "peer_mail":
    case "endpoint_observed":
    case "signing_key_rotated":
    case "unknown":
      return state;
  }
}

/** In its place by node id, or instead of what was known of this peer. */
function withPeer(state: NodeState, peer: StatePeer): NodeState {
  const others = state.peers.filter(({ node_id }) => node_id !== peer.node_id);
  const at = others.findIndex(({ node_id }) => node_id > peer.node_id);
  return { ...state, peers: others.toSpliced(at < 0 ? others.length : at, 0, peer) };
}

function changed(state: NodeState, id: NodeId, patch: Partial<StatePeer>): NodeState {
  return { ...state, peers: state.peers.map((peer) => peer.node_id === id ? { ...peer, ...patch } : peer) };
}
