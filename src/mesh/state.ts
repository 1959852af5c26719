import { z } from "zod";
import { canonicalText } from "./canonical.ts";
import {
  base64Field,
  cidrField,
  countField,
  endpointField,
  hashField,
  ipv4Field,
  keyField,
  nameField,
  nodeIdField,
  pinsField,
  textField,
  timeField,
} from "./fields.ts";
import { sha256Hex } from "./encoding.ts";
import type { NodeId } from "./ids.ts";

// Members that this version does not know stay in the value: the hash of the state is over all that the hub wrote. The
// types name only the known ones, so that a mistyped member does not compile. Shapes are written in alphabetical order:
// so is what they read, and canonicalText has nothing to sort.
function open<S extends z.ZodRawShape>(shape: S): z.ZodType<z.infer<z.ZodObject<S>>> {
  return z.looseObject(shape) as unknown as z.ZodType<z.infer<z.ZodObject<S>>>;
}

/** Where a node may be reached: on its own network, as the hub's observers saw it, or as its owner wrote it down. */
const stateEndpointSchema = open({ address: endpointField, kind: z.enum(["lan", "observed", "static"]) });
/** One address of {@link endpointsField}. */
export type StateEndpoint = z.infer<typeof stateEndpointSchema>;

/** A relay session: `address` is the port of the hub that this node uses as its peer's endpoint. */
export const relaySchema = open({ address: endpointField, expires_at: timeField, session_id: nameField });
/** @see relaySchema */
export type StateRelay = z.infer<typeof relaySchema>;

/** The hub's secret part of a pair's PSK, and which one it is. */
export const pskHubFields = { psk_hub: base64Field(32), psk_hub_id: countField } as const;

/** Exact text of an `ek.cosign`. */
export const cosignField = textField(2048);
/** Exact text of an `ek.revoke`. */
export const revocationField = textField(1024 * 1024);
/** Endpoints of one node. */
export const endpointsField = z.array(stateEndpointSchema).max(32);

/** Another active node, as the hub tells it. Its keys come from the statement with that hash, never from here. */
export const statePeerSchema = open({
  cosign: cosignField.optional(),
  endpoints: endpointsField,
  mesh_ip: ipv4Field,
  name: nameField,
  node_id: nodeIdField,
  ...pskHubFields,
  relay: relaySchema.optional(),
  statement_sha256: hashField,
});
/** @see statePeerSchema */
export type StatePeer = z.infer<typeof statePeerSchema>;

const portField = z.int().min(1).max(65_535);

/** What may come in from whom; `ports` are ranges, both ends included, and empty for `icmp`. All else is denied. */
const policyRuleSchema = open({
  id: nameField,
  log: z.boolean(),
  ports: z.array(z.tuple([portField, portField]).refine(([low, high]) => low <= high, "low above high")).max(64),
  protocol: z.enum(["tcp", "udp", "icmp"]),
  src: z.array(z.union([nodeIdField, z.literal("*")])).max(4096),
}).refine(({ protocol, ports }) => (protocol === "icmp") === (ports.length === 0), "ports are for tcp and udp");
/** One rule of a {@link Policy}. */
export type PolicyRule = z.infer<typeof policyRuleSchema>;

/** The rules of one node. */
export const policySchema = open({ rules: z.array(policyRuleSchema).max(1024) });
/** @see policySchema */
export type Policy = z.infer<typeof policySchema>;

/** One of the hub's two UDP ports that read handshake initiations, and its raw X25519 key. */
const observerSchema = open({ address: endpointField, public_key: keyField });
/** One of the observers in a {@link NodeState}. */
export type Observer = z.infer<typeof observerSchema>;

/** Members of the state that `hub_settings` replaces. */
export const settingsFields = {
  observers: z.array(observerSchema).max(4),
  psk_mode: z.enum(["end-to-end", "hub"]),
  tls_spki: pinsField,
} as const;

/** All that a hub tells one node: payload of `node_state`. */
export const nodeStateSchema = open({
  mesh_cidr: cidrField,
  mesh_ip: ipv4Field,
  observers: settingsFields.observers,
  peers: z.array(statePeerSchema).max(16_384).refine(isSortedById, "not sorted by node id"),
  policy: policySchema,
  psk_mode: settingsFields.psk_mode,
  revocation: revocationField.optional(),
  tls_spki: settingsFields.tls_spki,
});
/** @see nodeStateSchema */
export type NodeState = z.infer<typeof nodeStateSchema>;

/**
 * SHA-256 of the RFC 8785 form of a state, lowercase hex: what `tick` and the heartbeat compare. Members that are
 * `undefined` count as absent; peers have to be sorted by node id.
 */
export function stateSha256(state: NodeState): string {
  return sha256Hex(canonicalText(state));
}

function isSortedById(peers: readonly { readonly node_id: NodeId }[]): boolean {
  return peers.every(({ node_id }, index) => index === 0 || (peers[index - 1]?.node_id ?? "") < node_id);
}
