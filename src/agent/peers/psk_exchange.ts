import { fromBase64, sha256Hex, toBase64 } from "../../mesh/encoding.ts";
import type { HubId, NodeId } from "../../mesh/ids.ts";
import { decapsulate, encapsulate, type KemKey } from "../../mesh/kem.ts";
import type { SigningKey } from "../../mesh/keys.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import type { PskAccept, PskCommit, PskOffer } from "../../mesh/objects.ts";
import { endToEndPsk, isPskConfirm, pskConfirm, pskLeader } from "../../mesh/psk.ts";
import { sealObject } from "../../mesh/signed_object.ts";
import { mostPskKeys, type PskKey, type PskRecord } from "./peer_record.ts";

/** What one end of a pair stands on while it exchanges keys. */
export interface ExchangeContext {
  readonly hub: HubId;
  readonly self: NodeId;
  readonly identity: SigningKey;
  readonly kem: KemKey;
  /** SHA-256 of the own statement that the mesh knows. */
  readonly ownStatement: string;
  readonly peer: NodeId;
  /** Raw ML-KEM-768 key of the peer's statement. */
  readonly peerKem: Uint8Array;
  readonly peerStatement: string;
  /** The hub's part, 32 bytes, and which one it is. */
  readonly pskHub: Uint8Array;
  readonly pskHubId: number;
}

/** ML-KEM-768; `mesh/kem.ts` unless a simulation brings its own. */
export interface Kem {
  encapsulate(publicKey: Uint8Array): Promise<{ readonly ciphertext: Uint8Array; readonly secret: Uint8Array }>;
  decapsulate(key: KemKey, ciphertext: Uint8Array): Promise<Uint8Array>;
}

const mlKem: Kem = { encapsulate, decapsulate };

/**
 * A message or a handshake changed nothing, or this: `record` has to be on disk before `send` goes out, and before a
 * commit the device has to have the key.
 */
export interface ExchangeStep {
  readonly record: PskRecord;
  /** Exact text of the message to the peer; `null`: none. */
  readonly send: string | null;
}

/** What becomes of a received message. */
export type MailOutcome =
  | ({ readonly kind: "step" } & ExchangeStep)
  /** It fits to what the hub has not told this end yet, or no longer: look again when the state changed. */
  | { readonly kind: "later" }
  /** Not taken. `send`: what the other end has missed. */
  | { readonly kind: "refused"; readonly reason: RefusedMail; readonly send: string | null };

/** Why a message of a peer was not taken. */
export type RefusedMail = "psk_confirm_failed" | "psk_epoch_old" | "psk_role" | "psk_unexpected" | "psk_no_secret";

/** The key that the device is to have; `null`: none yet. */
export function currentKey(record: PskRecord): PskKey | null {
  return keyOf(record, record.current);
}

/**
 * Keys that the other end may be using, the present one first, then by falling epoch. The leader is the one who decides;
 * the follower does not know which one that is while there are several.
 */
export function candidateKeys(record: PskRecord, leads: boolean): readonly PskKey[] {
  const present = currentKey(record);
  if (present === null) return [];
  return leads ? [present] : [present, ...record.keys.filter((key) => key !== present).toReversed()];
}

/** Whether a key before the present one is kept, because the present one was in no handshake yet. */
export function isUnsettled(record: PskRecord): boolean {
  return record.keys.some(({ epoch }) => epoch !== record.current && epoch !== record.open);
}

/**
 * Whether the leader has to offer a key now: `fresh` with a new ML-KEM secret, `reuse` with the stored one, when nothing
 * but the hub's part changed. While the present key was in no handshake the follower may still use the one before: a
 * third one would leave the ends without a common key, unless there is no session left to lose.
 *
 * @param sessionLost no handshake for so long that no session can be left
 * @param doubtful no handshake for so long that the other end may have lost the key, as after its disk was restored
 */
export function offerNeeded(
  record: PskRecord,
  context: ExchangeContext,
  sessionLost: boolean,
  doubtful: boolean,
): "none" | "fresh" | "reuse" {
  if (pskLeader(context.self, context.peer) !== context.self) return "none";
  const [present, open] = [currentKey(record), keyOf(record, record.open)];
  if (open !== null && isFor(open, context)) return "none";
  if (present === null) return "fresh";
  if (open === null && isFor(present, context)) return doubtful ? "fresh" : "none";
  if (isUnsettled(record) && !sessionLost) return "none";
  const sameStatements = present.from_statement === context.ownStatement &&
    present.to_statement === context.peerStatement;
  // an open offer that the present key outlived (the hub took its change back) must not stay open
  return sameStatements ? "reuse" : "fresh";
}

/** The leader's next offer; takes the place of one without an answer. */
export async function makeOffer(
  record: PskRecord,
  context: ExchangeContext,
  kind: "fresh" | "reuse",
  kem: Kem = mlKem,
): Promise<ExchangeStep> {
  const epoch = highestEpoch(record) + 1;
  if (!Number.isSafeInteger(epoch)) throw new MeshError("E_PSK", "The pair has used all its PSK epochs");
  const present = currentKey(record);
  const fresh = kind === "fresh" || present === null ? await kem.encapsulate(context.peerKem) : null;
  const secret = fresh?.secret ?? fromBase64(present?.kem_secret ?? "", 32);
  const offer = sealObject("ek.psk_offer", context.hub, {
    from: context.self,
    to: context.peer,
    psk_epoch: epoch,
    psk_hub_id: context.pskHubId,
    from_statement: context.ownStatement,
    to_statement: context.peerStatement,
    ...fresh === null ? {} : { ciphertext: toBase64(fresh.ciphertext) },
  }, context.identity);
  const key: PskKey = {
    ...derive(secret, context, offer),
    epoch,
    psk_hub_id: context.pskHubId,
    from_statement: context.ownStatement,
    to_statement: context.peerStatement,
    message: offer,
  };
  const keys = [...record.keys.filter((one) => one.epoch !== record.open), key];
  return { record: { ...record, keys: bounded(keys, record.current), open: epoch }, send: offer };
}

/** The follower takes an offer whose signature was checked. */
export async function takeOffer(
  record: PskRecord,
  context: ExchangeContext,
  text: string,
  offer: PskOffer,
  kem: Kem = mlKem,
): Promise<MailOutcome> {
  if (offer.from !== context.peer || offer.to !== context.self || offer.from > offer.to) return refused("psk_role");
  const sha256 = sha256Hex(text);
  const known = record.keys.find((key) => key.offer_sha256 === sha256);
  if (known !== undefined) {
    const asked = known.epoch === record.open || known.epoch === record.current;
    return asked ? step(record, known.message) : refused("psk_epoch_old");
  }
  if (offer.psk_epoch <= highestEpoch(record)) {
    return refused("psk_epoch_old", record.keys.at(-1)?.message ?? usedUp(record, context));
  }
  const fits = offer.from_statement === context.peerStatement && offer.to_statement === context.ownStatement &&
    offer.psk_hub_id === context.pskHubId;
  if (!fits) return { kind: "later" };
  const stored = currentKey(record)?.kem_secret;
  if (offer.ciphertext === undefined && stored === undefined) return refused("psk_no_secret");
  const secret = offer.ciphertext === undefined
    ? fromBase64(stored ?? "", 32)
    : await kem.decapsulate(context.kem, fromBase64(offer.ciphertext));
  const derived = derive(secret, context, text);
  const accept = sealObject("ek.psk_accept", context.hub, {
    from: context.self,
    to: context.peer,
    psk_epoch: offer.psk_epoch,
    offer_sha256: sha256,
    confirm: derived.confirm,
  }, context.identity);
  const key: PskKey = {
    ...derived,
    epoch: offer.psk_epoch,
    psk_hub_id: offer.psk_hub_id,
    from_statement: offer.from_statement,
    to_statement: offer.to_statement,
    message: accept,
  };
  // with nothing that works there is nothing to lose: the first key is set with the accept (§5.6)
  const first = record.current === null || record.current > record.committed;
  const current = first ? key.epoch : record.current;
  return step({ ...record, keys: bounded([...record.keys, key], current), current, open: key.epoch }, accept);
}

/** The leader takes an accept whose signature was checked. */
export function takeAccept(record: PskRecord, context: ExchangeContext, accept: PskAccept): MailOutcome {
  if (accept.from !== context.peer || accept.to !== context.self || accept.from < accept.to) return refused("psk_role");
  const open = keyOf(record, record.open);
  if (open !== null && accept.offer_sha256 === open.offer_sha256) {
    if (!isPskConfirm(fromBase64(open.confirm), fromBase64(accept.confirm))) return refused("psk_confirm_failed");
    const keys = record.keys.filter(({ epoch }) => epoch === open.epoch || epoch === record.current);
    return step({ committed: open.epoch, keys, current: open.epoch, open: null }, commitOf(open, context));
  }
  const present = currentKey(record);
  if (present !== null && accept.offer_sha256 === present.offer_sha256) return step(record, commitOf(present, context));
  const highest = highestEpoch(record);
  if (accept.psk_epoch > highest && accept.psk_epoch - highest <= farthestEpoch) {
    // this end was restored from a backup: what the follower agreed to is gone here, and what is here is gone there
    return step({ committed: accept.psk_epoch, keys: [], current: null, open: null }, null);
  }
  return refused(accept.psk_epoch > highest ? "psk_unexpected" : "psk_epoch_old");
}

/** The follower takes a commit whose signature was checked. */
export function takeCommit(record: PskRecord, context: ExchangeContext, commit: PskCommit): MailOutcome {
  if (commit.from !== context.peer || commit.to !== context.self || commit.from > commit.to) return refused("psk_role");
  const key = record.keys.find(({ offer_sha256 }) => offer_sha256 === commit.offer_sha256);
  if (key === undefined) return refused("psk_unexpected");
  if (key.epoch < (record.current ?? 0)) return refused("psk_epoch_old");
  // the leader's device has it already: what was before is of no use any more
  return step(provenBy(record, key.epoch), null);
}

/**
 * The other end has the key of this epoch set, as a handshake or a commit has shown: it is agreed on, and older ones go.
 */
export function provenBy(record: PskRecord, epoch: number): PskRecord {
  const key = keyOf(record, epoch);
  if (key === null) return record;
  const keys = record.keys.filter((one) => one.epoch >= epoch);
  const open = record.open === epoch ? null : record.open;
  const unchanged = keys.length === record.keys.length && record.current === epoch && open === record.open &&
    record.committed >= epoch;
  return unchanged ? record : { committed: Math.max(record.committed, epoch), keys, current: epoch, open };
}

/** What is left of a pair whose peer was removed: no key, and the epochs that are used up. */
export function withoutKeys(record: PskRecord): PskRecord {
  return { committed: highestEpoch(record), keys: [], current: null, open: null };
}

/** How far a peer may say that its epoch is ahead of the one known here. */
const farthestEpoch = 2 ** 20;

function keyOf(record: PskRecord, epoch: number | null): PskKey | null {
  return record.keys.find((key) => key.epoch === epoch) ?? null;
}

function highestEpoch(record: PskRecord): number {
  return record.keys.reduce((highest, { epoch }) => Math.max(highest, epoch), record.committed);
}

function isFor(key: PskKey, { ownStatement, peerStatement, pskHubId }: ExchangeContext): boolean {
  return key.from_statement === ownStatement && key.to_statement === peerStatement && key.psk_hub_id === pskHubId;
}

function derive(secret: Uint8Array, { pskHub }: ExchangeContext, offer: string) {
  return {
    psk: toBase64(endToEndPsk(secret, pskHub, offer)),
    kem_secret: toBase64(secret),
    confirm: toBase64(pskConfirm(secret, pskHub, offer)),
    offer_sha256: sha256Hex(offer),
  };
}

/** The present key and the newest ones; rising. */
function bounded(keys: readonly PskKey[], current: number | null): PskKey[] {
  const kept = [...keys];
  while (kept.length > mostPskKeys) kept.splice(kept.findIndex(({ epoch }) => epoch !== current), 1);
  return kept;
}

function commitOf(key: PskKey, context: ExchangeContext): string {
  return sealObject("ek.psk_commit", context.hub, {
    from: context.self,
    to: context.peer,
    psk_epoch: key.epoch,
    offer_sha256: key.offer_sha256,
  }, context.identity);
}

/** Tells a leader whose disk was restored which epochs are used up, where no accept is left that could be repeated. */
function usedUp(record: PskRecord, context: ExchangeContext): string {
  return sealObject("ek.psk_accept", context.hub, {
    from: context.self,
    to: context.peer,
    psk_epoch: record.committed,
    offer_sha256: "0".repeat(64),
    confirm: toBase64(new Uint8Array(32)),
  }, context.identity);
}

function step(record: PskRecord, send: string | null): MailOutcome {
  return { kind: "step", record, send };
}

function refused(reason: RefusedMail, send: string | null = null): MailOutcome {
  return { kind: "refused", reason, send };
}
