import { z } from "zod";
import { maxMailBytes } from "../../mesh/constants.ts";
import { base64Field, countField, hashField, ipv4Field, nodeIdField } from "../../mesh/fields.ts";
import type { NodeId } from "../../mesh/ids.ts";

/** One pre-shared key that a pair agreed on, or is about to. */
const pskKeySchema = z.strictObject({
  /** `psk_epoch` of its offer. */
  epoch: countField.min(1),
  psk_hub_id: countField,
  /** The key as WireGuard gets it. */
  psk: base64Field(32),
  /** Goes on in the next key when only the hub's part changes. */
  kem_secret: base64Field(32),
  confirm: base64Field(32),
  /** Statements of leader and follower that it was made for. */
  from_statement: hashField,
  to_statement: hashField,
  offer_sha256: hashField,
  /** Exact text of what this end said: the leader's offer, the follower's accept. */
  message: z.string().min(2).max(maxMailBytes),
});
/** One pre-shared key of a pair. */
export type PskKey = z.output<typeof pskKeySchema>;

/** Most keys of a pair that are kept: the one before, the present one, the one under way. */
export const mostPskKeys = 3;

/** What this end of a pair knows of their pre-shared keys. */
const pskRecordSchema = z.strictObject({
  /** Highest epoch that was agreed on; only higher ones are ever offered or accepted. */
  committed: countField,
  /** By rising epoch. */
  keys: z.array(pskKeySchema).max(mostPskKeys),
  /** Epoch of the key that the device gets; `null`: none yet, so the peer is not on the device. */
  current: countField.nullable(),
  /** Epoch of the leader's offer without an answer, or of the follower's accept without a commit. */
  open: countField.nullable(),
});
/** The pre-shared keys of a pair, as one end keeps them. */
export type PskRecord = z.output<typeof pskRecordSchema>;

/** A pair that has not said anything yet. */
export const emptyPsk: PskRecord = { committed: 0, keys: [], current: null, open: null };

const statementText = z.string().min(2).max(8192);

/**
 * What outlives a restart of one peer. Of a removed peer the generation and the epoch stay, without any key: they are
 * what a replay is recognised by.
 */
export const peerRecordSchema = z.strictObject({
  node_id: nodeIdField,
  /** Its address, once it was admitted; `null` after it was removed. */
  mesh_ip: ipv4Field.nullable(),
  /** Highest generation of its statements that was accepted, and that statement. */
  generation: countField,
  statement_sha256: hashField,
  /** Exact text; `null` after it was removed. */
  statement: statementText.nullable(),
  /** Hash of the one before, while the hub may not have heard of the change yet. */
  previous_sha256: hashField.nullable(),
  /** Exact text of the statement that the peer is about to change to. */
  prepared: statementText.nullable(),
  /** Highest serial of an accepted co-signature. */
  cosign_serial: countField,
  psk: pskRecordSchema,
});
/** @see peerRecordSchema */
export type PeerRecord = z.output<typeof peerRecordSchema>;

/** Where the records of peers are kept. */
export interface PeerStore {
  /** All records; `damaged`: peers whose record cannot be read, and must not be taken for new ones. */
  load(): Promise<{ readonly records: readonly PeerRecord[]; readonly damaged: readonly NodeId[] }>;
  /** Replaces the record of its peer; resolves when it is safe on disk, rejects when nothing changed. */
  save(record: PeerRecord): Promise<void>;
}
