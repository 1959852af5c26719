import { sha256Hex, toBase64 } from "../../src/mesh/encoding.ts";
import { wireGuardKeyOf } from "../../src/mesh/keys.ts";
import { kemSizes } from "../../src/mesh/kem.ts";
import type { MembersOf, ObjectType } from "../../src/mesh/objects.ts";
import type { EnvelopeMembers } from "../../src/mesh/envelope.ts";
import type { EventType, PayloadOf } from "../../src/mesh/events.ts";
import type { NodeId } from "../../src/mesh/ids.ts";
import type { NodeState, StatePeer } from "../../src/mesh/state.ts";
import { filled, hub, hubKey, node, nodeKey, nonceOf, other, otherKey, vectorTime } from "./mesh_keys.ts";

const hash = (text: string) => sha256Hex(text);
const key = (byte: number) => toBase64(wireGuardKeyOf(filled(byte)).publicKey);

/** One example of what each kind of signed object says, all members present. */
export const exampleMembers: { readonly [T in ObjectType]: MembersOf<T> } = {
  "ek.event": {
    audience: node,
    epoch: 1,
    sequence: 7,
    key_index: 0,
    event_type: "peer_removed",
    event_id: `evt_${"0".repeat(31)}1`,
    issued_at: vectorTime,
    nonce: nonceOf(3),
    reply_to: nonceOf(4),
    payload: { peer_id: `n_${"0".repeat(32)}` },
  },
  "ek.node": {
    node_id: node,
    identity_key: toBase64(nodeKey.publicKey),
    generation: 1,
    issued_at: vectorTime,
    wireguard_key: key(0x12),
    kem_key: toBase64(filled(0x13, kemSizes.publicKey)),
  },
  "ek.register": {
    token_id: "ekt_1",
    statement: "{}",
    hostname: "pump-station-7",
    version: "0.1.0",
    binary_sha256: hash("binary"),
    nonce: nonceOf(6),
    token_mac: toBase64(filled(7)),
  },
  "ek.cosign": { node_id: node, mesh_ip: "10.100.0.2", serial: 1, not_after: "2026-01-15T10:30:00Z" },
  "ek.revoke": { serial: 2, node_ids: [node, other].sort() },
  "ek.keylink": {
    key_index: 1,
    signing_key: toBase64(otherKey.publicKey),
    tls_spki: [hash("tls 0"), hash("tls 1")],
    issued_at: vectorTime,
  },
  "ek.recover": {
    epoch: 2,
    key_index: 2,
    signing_key: toBase64(otherKey.publicKey),
    tls_spki: [hash("tls 1")],
    issued_at: vectorTime,
  },
  "ek.psk_offer": {
    from: node,
    to: other,
    psk_epoch: 1,
    psk_hub_id: 1,
    from_statement: hash("statement of from"),
    to_statement: hash("statement of to"),
    ciphertext: toBase64(filled(0x14, kemSizes.ciphertext)),
  },
  "ek.psk_accept": { from: other, to: node, psk_epoch: 1, offer_sha256: hash("offer"), confirm: toBase64(filled(8)) },
  "ek.psk_commit": { from: node, to: other, psk_epoch: 1, offer_sha256: hash("offer") },
};

/** A peer with everything a peer can have. */
export const examplePeer: StatePeer = {
  node_id: other,
  name: "control-room",
  mesh_ip: "10.100.0.3",
  statement_sha256: hash("statement of other"),
  endpoints: [
    { kind: "lan", address: "192.168.1.20:51820" },
    { kind: "observed", address: "203.0.113.20:40001" },
    { kind: "static", address: "[2001:db8::20]:51820" },
  ],
  psk_hub: toBase64(filled(9)),
  psk_hub_id: 1,
  cosign: "{}",
  relay: { session_id: "rs_1", address: "203.0.113.1:51900", expires_at: "2025-01-15T11:30:00Z" },
};

/** A state with everything a state can have. */
export const exampleState: NodeState = {
  mesh_ip: "10.100.0.2",
  mesh_cidr: "10.100.0.0/16",
  psk_mode: "end-to-end",
  tls_spki: [hash("tls 0")],
  observers: [
    { address: "203.0.113.1:3478", public_key: key(0x31) },
    { address: "203.0.113.1:3479", public_key: key(0x32) },
  ],
  revocation: "{}",
  peers: [examplePeer],
  policy: {
    rules: [
      { id: "opcua", src: [other], protocol: "tcp", ports: [[4840, 4840]], log: false },
      { id: "ping", src: ["*"], protocol: "icmp", ports: [], log: true },
    ],
  },
};

/** One example of the payload of each event. */
export const examplePayloads: { readonly [T in EventType]: PayloadOf<T> } = {
  tick: { state_sha256: hash("state") },
  time: {},
  registered: { signing_key: toBase64(hubKey.publicKey), mesh_ip: "10.100.0.2", mesh_cidr: "10.100.0.0/16" },
  node_state: exampleState,
  peer_added: { peer: examplePeer },
  peer_removed: { peer_id: other },
  peer_endpoint_changed: { peer_id: other, endpoints: [{ kind: "observed", address: "203.0.113.20:40002" }] },
  peer_key_rotated: { phase: "prepare", peer_id: other, statement_sha256: hash("next statement of other") },
  peer_psk_changed: { peer_id: other, psk_hub: toBase64(filled(10)), psk_hub_id: 2 },
  policy_updated: { policy: exampleState.policy },
  rotate_keys: {},
  key_rotation_ready: { ready: [other], missing: [] },
  peer_mail: { message: "{}" },
  endpoint_observed: { endpoints: [{ observer: 0, address: "203.0.113.10:51820" }] },
  relay_session_assigned: {
    peer_id: other,
    relay: { session_id: "rs_2", address: "203.0.113.1:51902", expires_at: "2025-01-15T11:30:00Z" },
  },
  relay_session_revoked: { peer_id: other },
  signing_key_rotated: { link: "{}" },
  hub_settings: { observers: exampleState.observers, tls_spki: exampleState.tls_spki, psk_mode: "hub" },
  peer_cosigned: { peer_id: other, cosign: "{}" },
  revocation_updated: { revocation: "{}" },
};

/** An envelope to {@link node} that answers {@link nonceOf}(4), sequence 7 of epoch 1. */
export function exampleEnvelope<T extends EventType>(event_type: T, payload: PayloadOf<T>): EnvelopeMembers<T> {
  return {
    hub,
    audience: node,
    epoch: 1,
    sequence: 7,
    key_index: 0,
    event_type,
    issued_at: vectorTime,
    reply_to: nonceOf(4),
    payload,
  };
}

/** A state with many peers, sorted; every value differs from peer to peer. */
export function stateOf(peers: number): NodeState {
  return {
    ...exampleState,
    peers: Array.from({ length: peers }, (_, index): StatePeer => ({
      node_id: `n_${hash(`peer ${index}`).slice(0, 32)}` as NodeId,
      name: `site-${index}`,
      mesh_ip: `10.100.${Math.floor(index / 250) + 1}.${(index % 250) + 1}`,
      statement_sha256: hash(`statement ${index}`),
      endpoints: [
        { kind: "lan", address: `192.168.1.${(index % 250) + 1}:51820` },
        { kind: "observed", address: `203.0.113.${(index % 250) + 1}:${40_000 + index}` },
      ],
      psk_hub: toBase64(Uint8Array.from(Buffer.from(hash(`psk ${index}`), "hex"))),
      psk_hub_id: index,
    })).sort((a, b) => a.node_id < b.node_id ? -1 : 1),
  };
}
