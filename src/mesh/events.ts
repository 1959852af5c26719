import { z } from "zod";
import { maxMailBytes } from "./constants.ts";
import { cidrField, endpointField, hashField, ipv4Field, keyField, nodeIdField, textField } from "./fields.ts";
import { parseShape } from "./parse_shape.ts";
import {
  cosignField,
  endpointsField,
  nodeStateSchema,
  policySchema,
  pskHubFields,
  relaySchema,
  revocationField,
  settingsFields,
  statePeerSchema,
} from "./state.ts";

const nodeList = z.array(nodeIdField).max(16_384);

/** The payload of each event, by its `event_type`. Members that this version does not know are dropped. */
export const eventSchemas = {
  /** Every 30 s, first on every stream; allocates no sequence. */
  tick: z.object({ state_sha256: hashField }),
  /** Answer to `GET /v1/time`; audience and epoch mean nothing. */
  time: z.object({}),
  /** Answer to `POST /v1/register`. */
  registered: z.object({ signing_key: keyField, mesh_ip: ipv4Field, mesh_cidr: cidrField }),
  /** Everything; allocates no sequence. */
  node_state: nodeStateSchema,
  peer_added: z.object({ peer: statePeerSchema }),
  peer_removed: z.object({ peer_id: nodeIdField }),
  peer_endpoint_changed: z.object({ peer_id: nodeIdField, endpoints: endpointsField }),
  /** `prepare`: fetch the statement, say `key-ready`; `commit`: replace the old key by it. */
  peer_key_rotated: z.object({
    phase: z.enum(["prepare", "commit"]),
    peer_id: nodeIdField,
    statement_sha256: hashField,
  }),
  peer_psk_changed: z.object({ peer_id: nodeIdField, ...pskHubFields }),
  policy_updated: z.object({ policy: policySchema }),
  /** The hub asks this node to rotate its WireGuard key. */
  rotate_keys: z.object({}),
  /** To the rotating node: which peers have prepared its new key. */
  key_rotation_ready: z.object({ ready: nodeList, missing: nodeList, statement_sha256: hashField.optional() }),
  /** Exact text of an `ek.psk_*` of another node. */
  peer_mail: z.object({ message: textField(maxMailBytes) }),
  /** What the observers saw of this node. Not part of its state. */
  endpoint_observed: z.object({
    endpoints: z.array(z.object({ observer: z.int().min(0).max(3), address: endpointField })).max(4),
  }),
  relay_session_assigned: z.object({ peer_id: nodeIdField, relay: relaySchema }),
  relay_session_revoked: z.object({ peer_id: nodeIdField }),
  /** Exact text of an `ek.keylink`. */
  signing_key_rotated: z.object({ link: textField(4096) }),
  hub_settings: z.object(settingsFields),
  peer_cosigned: z.object({ peer_id: nodeIdField, cosign: cosignField }),
  revocation_updated: z.object({ revocation: revocationField }),
} as const;

/** A kind of event that this version knows. */
export type EventType = keyof typeof eventSchemas;

/** What an event of one kind says. */
export type PayloadOf<T extends EventType> = z.infer<(typeof eventSchemas)[T]>;

/** An event that this version knows, told apart by `type`. */
export type EventPayload = { [T in EventType]: { readonly type: T; readonly payload: PayloadOf<T> } }[EventType];

/** An event of a newer hub: it advances the position, is counted, and the state is fetched. */
export interface UnknownEvent {
  readonly type: "unknown";
  /** Its `event_type`: `[a-z][a-z0-9_]*`, at most 64 characters. */
  readonly name: string;
}

/** What an envelope brings. */
export type MeshEvent = EventPayload | UnknownEvent;

/**
 * Reads an event's payload.
 *
 * @throws MeshError `E_FORM` when it is not what an event of this known kind says
 */
export function readEvent(name: string, payload: unknown): MeshEvent {
  if (!isEventType(name)) return { type: "unknown", name };
  return { type: name, payload: parseShape(eventSchemas[name], payload, `The payload of ${name}`) } as EventPayload;
}

function isEventType(name: string): name is EventType {
  return Object.hasOwn(eventSchemas, name);
}
