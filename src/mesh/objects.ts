import { z } from "zod";
import { protocolVersion } from "./constants.ts";
import {
  base64Field,
  countField,
  hashField,
  hubIdField,
  ipv4Field,
  keyField,
  nameField,
  nodeIdField,
  nonceField,
  pinsField,
  textField,
  timeField,
  versionField,
} from "./fields.ts";
import type { NodeId } from "./ids.ts";
import { kemSizes } from "./kem.ts";

/** Members that every signed object has beside its `typ`. */
const common = { v: z.literal(protocolVersion), hub: hubIdField, signature: base64Field(64) };

/** From 1: the first statement of a node has generation 1, the second epoch of a hub is 1 … */
const fromOne = countField.min(1);

const eventSchema = z.strictObject({
  ...common,
  typ: z.literal("ek.event"),
  audience: nodeIdField,
  epoch: countField,
  sequence: countField,
  key_index: countField,
  event_type: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  event_id: z.string().regex(/^evt_[0-9a-f]{32}$/),
  issued_at: timeField,
  nonce: nonceField,
  reply_to: nonceField,
  payload: z.custom<Record<string, unknown>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "not an object",
  ),
});

const statementSchema = z.strictObject({
  ...common,
  typ: z.literal("ek.node"),
  node_id: nodeIdField,
  identity_key: keyField,
  generation: fromOne,
  issued_at: timeField,
  wireguard_key: keyField,
  kem_key: base64Field(kemSizes.publicKey),
});

const registerSchema = z.strictObject({
  ...common,
  typ: z.literal("ek.register"),
  token_id: nameField,
  statement: textField(8192),
  hostname: nameField,
  version: versionField,
  binary_sha256: hashField,
  nonce: nonceField,
  token_mac: base64Field(32),
});

const cosignSchema = z.strictObject({
  ...common,
  typ: z.literal("ek.cosign"),
  node_id: nodeIdField,
  mesh_ip: ipv4Field,
  serial: countField,
  not_after: timeField,
});

const revocationSchema = z.strictObject({
  ...common,
  typ: z.literal("ek.revoke"),
  serial: countField,
  node_ids: z.array(nodeIdField).max(16_384).refine(isSortedSet, "not sorted"),
});

const keyLinkSchema = z.strictObject({
  ...common,
  typ: z.literal("ek.keylink"),
  key_index: fromOne,
  signing_key: keyField,
  tls_spki: pinsField,
  issued_at: timeField,
});

const recoverySchema = z.strictObject({
  ...common,
  typ: z.literal("ek.recover"),
  epoch: fromOne,
  key_index: countField,
  signing_key: keyField,
  tls_spki: pinsField,
  issued_at: timeField,
});

/** From which node to which, and which exchange of the pair. */
const pskCommon = { from: nodeIdField, to: nodeIdField, psk_epoch: fromOne };

const pskOfferSchema = z.strictObject({
  ...common,
  typ: z.literal("ek.psk_offer"),
  ...pskCommon,
  psk_hub_id: countField,
  from_statement: hashField,
  to_statement: hashField,
  ciphertext: base64Field(kemSizes.ciphertext).optional(),
});

const pskAcceptSchema = z.strictObject({
  ...common,
  typ: z.literal("ek.psk_accept"),
  ...pskCommon,
  offer_sha256: hashField,
  confirm: base64Field(32),
});

const pskCommitSchema = z.strictObject({
  ...common,
  typ: z.literal("ek.psk_commit"),
  ...pskCommon,
  offer_sha256: hashField,
});

/** The shape of every signed object, by its `typ`. */
export const objectSchemas = {
  "ek.event": eventSchema,
  "ek.node": statementSchema,
  "ek.register": registerSchema,
  "ek.cosign": cosignSchema,
  "ek.revoke": revocationSchema,
  "ek.keylink": keyLinkSchema,
  "ek.recover": recoverySchema,
  "ek.psk_offer": pskOfferSchema,
  "ek.psk_accept": pskAcceptSchema,
  "ek.psk_commit": pskCommitSchema,
} as const;

/** A kind of signed object. */
export type ObjectType = keyof typeof objectSchemas;

/** A signed object, as it is on the wire: keys, nonces and signatures base64, hashes hex, times of 20 characters. */
export type ObjectOf<T extends ObjectType> = z.infer<(typeof objectSchemas)[T]>;

/** What a signed object says beside what every one has. */
export type MembersOf<T extends ObjectType> = Omit<ObjectOf<T>, keyof typeof common | "typ">;

/** The envelope of an event; `envelope.ts` opens its payload. Signed by the hub. */
export type EventObject = ObjectOf<"ek.event">;
/** A node's keys, signed by its identity. */
export type Statement = ObjectOf<"ek.node">;
/** A node's request to become one, signed by its identity. */
export type Register = ObjectOf<"ek.register">;
/** The admin's whole list of nodes whose co-signature no longer counts; a higher serial replaces it. */
export type Revocation = ObjectOf<"ek.revoke">;
/** The hub's new signing key and epoch after a loss, signed by an admin. */
export type Recovery = ObjectOf<"ek.recover">;
/** First message of a PSK exchange, by the leader. Without `ciphertext` the stored KEM secret goes on. */
export type PskOffer = ObjectOf<"ek.psk_offer">;
/** The follower's answer. */
export type PskAccept = ObjectOf<"ek.psk_accept">;
/** The leader's last word. */
export type PskCommit = ObjectOf<"ek.psk_commit">;

function isSortedSet(ids: readonly NodeId[]): boolean {
  return ids.every((id, index) => index === 0 || (ids[index - 1] ?? "") < id);
}
