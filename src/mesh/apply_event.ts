import type { MeshEvent } from "./events.ts";
import type { NodeId } from "./ids.ts";
import type { NodeState, StatePeer } from "./state.ts";

/**
 * The state after an event: what the hub's own state of this node is at the event's sequence, so that its hash is that of
 * the next tick. An event that changes no state, or is about a node that is no peer, gives the very same object back.
 */
export function applyEvent(state: NodeState, event: MeshEvent): NodeState {
  switch (event.type) {
    case "peer_added": {
      const { peer } = event.payload;
      const others = state.peers.filter(({ node_id }) => node_id !== peer.node_id);
      return { ...state, peers: [...others, peer].toSorted((a, b) => a.node_id < b.node_id ? -1 : 1) };
    }
    case "peer_removed": {
      const peers = state.peers.filter(({ node_id }) => node_id !== event.payload.peer_id);
      return peers.length === state.peers.length ? state : { ...state, peers };
    }
    case "peer_endpoint_changed": {
      const { peer_id, endpoints } = event.payload;
      return withPeer(state, peer_id, (peer) => ({ ...peer, endpoints }));
    }
    case "peer_key_rotated": {
      const { phase, peer_id, statement_sha256 } = event.payload;
      return phase === "commit" ? withPeer(state, peer_id, (peer) => ({ ...peer, statement_sha256 })) : state;
    }
    case "peer_psk_changed": {
      const { peer_id, psk_hub, psk_hub_id } = event.payload;
      return withPeer(state, peer_id, (peer) => ({ ...peer, psk_hub, psk_hub_id }));
    }
    case "relay_session_assigned": {
      const { peer_id, relay } = event.payload;
      return withPeer(state, peer_id, (peer) => ({ ...peer, relay }));
    }
    case "relay_session_revoked":
      return withPeer(state, event.payload.peer_id, ({ relay: _, ...peer }) => peer);
    case "peer_cosigned": {
      const { peer_id, cosign } = event.payload;
      return withPeer(state, peer_id, (peer) => ({ ...peer, cosign }));
    }
    case "policy_updated":
      return { ...state, policy: event.payload.policy };
    case "hub_settings": {
      const { psk_mode, tls_spki, observers } = event.payload;
      return { ...state, psk_mode, tls_spki, observers };
    }
    case "revocation_updated":
      return { ...state, revocation: event.payload.revocation };
    case "node_state":
      return event.payload;
    default:
      return state;
  }
}

function withPeer(state: NodeState, id: NodeId, change: (peer: StatePeer) => StatePeer): NodeState {
  const index = state.peers.findIndex(({ node_id }) => node_id === id);
  const peer = state.peers[index];
  return peer === undefined ? state : { ...state, peers: state.peers.with(index, change(peer)) };
}
