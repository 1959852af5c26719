import { maxMailBytes, pskAcceptRetryMs, pskOfferRetryMs } from "../../mesh/constants.ts";
import { fromBase64 } from "../../mesh/encoding.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { openObject, readAnyObject } from "../../mesh/signed_object.ts";
import type { OwnPeerKeys } from "./own_rotation.ts";
import type { PeerLink } from "./peer_link.ts";
import { emptyPsk, type PskRecord } from "./peer_record.ts";
import {
  currentKey,
  type ExchangeContext,
  type Kem,
  type MailOutcome,
  makeOffer,
  offerNeeded,
  provenBy,
  type RefusedMail,
  takeAccept,
  takeCommit,
  takeOffer,
} from "./psk_exchange.ts";
import { RetrySchedule } from "./retry_schedule.ts";

/** What {@link ExchangeDriver} needs. */
export interface ExchangeParts {
  readonly keys: OwnPeerKeys;
  readonly kem?: Kem | undefined;
  readonly nowMs: () => number;
  /** Stores the pair's record; rejects when nothing was stored, and then nothing is sent or set. */
  readonly save: (link: PeerLink, psk: PskRecord) => Promise<void>;
  readonly send: (to: NodeId, kind: MailKind, message: string) => void;
  readonly tell: (link: PeerLink, what: "psk_agreed" | "psk_mail_refused" | "psk_confirm_failed", why: string) => void;
}

/** A message between the two ends of a pair. */
export type MailKind = "ek.psk_offer" | "ek.psk_accept" | "ek.psk_commit";

const kinds: readonly MailKind[] = ["ek.psk_offer", "ek.psk_accept", "ek.psk_commit"];
/** A working tunnel is at stake for so long; later an accept is repeated less often, as the hub counts requests. */
const acceptRetries: readonly number[] = [...Array<number>(20).fill(pskAcceptRetryMs), 60_000];
/** After so long without a handshake the other end may have lost the key. */
const doubtAfterMs = 600_000;
const doubtEveryMs = 3_600_000;

/** Reads the kind and the sender that a message claims. Throws MeshError. */
export function readMail(message: string): { readonly kind: MailKind; readonly from: NodeId } {
  const { typ, from } = readAnyObject(kinds, message, maxMailBytes);
  return { kind: typ, from };
}

/** Drives the key exchange of each pair: what is due is offered or repeated, what arrives is judged; stored first. */
export class ExchangeDriver {
  readonly #parts: ExchangeParts;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** Takes a message of the peer; its signature is checked here. */
  async take(link: PeerLink, kind: MailKind, message: string): Promise<void> {
    const { keys, tell, send } = this.#parts;
    const context = this.#context(link);
    if (context === null || link.statement === null) return void link.later.set(kind, message);
    const publicKey = fromBase64(link.statement.identity_key);
    let outcome: MailOutcome;
    try {
      const options = { hub: keys.hub, publicKey, maxBytes: maxMailBytes };
      outcome = await this.#judge(link, context, kind, message, options);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      return tell(link, "psk_mail_refused", error.code);
    }
    if (outcome.kind === "later") link.later.set(kind, message);
    else if (outcome.kind === "refused") this.#refused(link, outcome.reason, outcome.send);
    else {
      const before = link.record?.psk ?? emptyPsk;
      await this.#keep(link, outcome.record);
      if (outcome.send !== null && kind === "ek.psk_accept") link.owedCommit = outcome.send;
      else if (outcome.send !== null) send(link.nodeId, "ek.psk_accept", outcome.send);
      if (kind === "ek.psk_accept" && outcome.record !== before) link.redo.reset();
      if (outcome.record.committed > before.committed) tell(link, "psk_agreed", String(outcome.record.committed));
    }
  }

  /** Notes what a handshake has shown. */
  async proven(link: PeerLink): Promise<void> {
    if (!link.isPskProven) return;
    link.hubPskProven();
    const before = link.record?.psk;
    const key = before?.keys.find(({ epoch }) => `e${epoch}` === link.applied?.pskId);
    if (before === undefined || key === undefined) return;
    const after = provenBy(before, key.epoch);
    if (after === before) return;
    await this.#keep(link, after);
    if (after.committed > before.committed) this.#parts.tell(link, "psk_agreed", String(after.committed));
  }

  /** Commits to what the device has now. */
  deviceFollowed(link: PeerLink): void {
    const { owedCommit, applied, record } = link;
    if (owedCommit === null || applied?.pskId !== `e${record?.psk.current}`) return;
    link.owedCommit = null;
    this.#parts.send(link.nodeId, "ek.psk_commit", owedCommit);
  }

  /** Offers, repeats, and looks again at what could not be judged. */
  async due(link: PeerLink): Promise<void> {
    const { nowMs, send } = this.#parts;
    const context = this.#context(link);
    if (context === null) return;
    for (const [kind, message] of [...link.later]) {
      link.later.delete(kind);
      await this.take(link, kind as MailKind, message);
    }
    const record = link.record?.psk ?? emptyPsk;
    const open = record.keys.find(({ epoch }) => epoch === record.open) ?? null;
    const kind = this.#offerKind(link, record, context);
    if (kind !== "none") {
      const step = await makeOffer(record, context, kind, this.#parts.kem);
      await this.#keep(link, step.record);
      link.redoWanted = false;
      if (step.send !== null) send(link.nodeId, "ek.psk_offer", step.send);
      resendOf(link).tried(nowMs());
    } else if (open !== null && !link.redoWanted && resendOf(link).due(nowMs())) {
      resendOf(link).tried(nowMs());
      send(link.nodeId, link.leads ? "ek.psk_offer" : "ek.psk_accept", open.message);
    }
  }

  #offerKind(link: PeerLink, record: PskRecord, context: ExchangeContext): "none" | "fresh" | "reuse" {
    if (!link.leads) return "none";
    const nowMs = this.#parts.nowMs();
    if (link.redoWanted && record.open !== null) {
      if (!link.redo.due(nowMs)) return "none";
      link.redo.tried(nowMs);
      return "fresh";
    }
    const doubtful = link.applied !== null && link.silentMs(nowMs) >= doubtAfterMs &&
      nowMs - link.doubtedMs >= doubtEveryMs;
    const kind = offerNeeded(record, context, link.sessionLost(nowMs), doubtful);
    if (kind !== "none") {
      if (doubtful) link.doubtedMs = nowMs;
      return kind;
    }
    // a follower that lost the stored secret cannot answer an offer that goes on with it
    const open = record.keys.find(({ epoch }) => epoch === record.open);
    const reuses = open !== undefined && open.kem_secret === currentKey(record)?.kem_secret;
    return reuses && resendOf(link).tries > pskOfferRetryMs.length && resendOf(link).due(nowMs) ? "fresh" : "none";
  }

  async #judge(
    link: PeerLink,
    context: ExchangeContext,
    kind: MailKind,
    message: string,
    options: Parameters<typeof openObject>[2],
  ): Promise<MailOutcome> {
    const record = link.record?.psk ?? emptyPsk;
    switch (kind) {
      case "ek.psk_offer":
        return await takeOffer(record, context, message, openObject(kind, message, options), this.#parts.kem);
      case "ek.psk_accept":
        return takeAccept(record, context, openObject(kind, message, options));
      case "ek.psk_commit":
        return takeCommit(record, context, openObject(kind, message, options));
    }
  }

  #refused(link: PeerLink, reason: RefusedMail, send: string | null): void {
    if (send !== null) this.#parts.send(link.nodeId, "ek.psk_accept", send);
    if (reason === "psk_confirm_failed") {
      link.redoWanted = true;
      this.#parts.tell(link, "psk_confirm_failed", reason);
    } else if (reason !== "psk_epoch_old") this.#parts.tell(link, "psk_mail_refused", reason);
  }

  /** Stores the record when it changed, and starts the schedule of repeats when another message is open. */
  async #keep(link: PeerLink, psk: PskRecord): Promise<void> {
    const before = link.record?.psk ?? emptyPsk;
    if (psk === before) return;
    await this.#parts.save(link, psk);
    if (psk.open === before.open) return;
    link.resend = null;
    // the message goes out right after this
    if (!link.leads) resendOf(link).tried(this.#parts.nowMs());
  }

  #context(link: PeerLink): ExchangeContext | null {
    const { keys } = this.#parts;
    const { statement, state } = link;
    if (statement === null || link.refusal !== null || link.record === null) return null;
    return {
      hub: keys.hub,
      self: keys.nodeId,
      identity: keys.identity,
      kem: keys.kem,
      ownStatement: keys.tunnel.statement.sha256,
      peer: link.nodeId,
      peerKem: fromBase64(statement.kem_key),
      peerStatement: statement.sha256,
      pskHub: fromBase64(state.psk_hub, 32),
      pskHubId: state.psk_hub_id,
    };
  }
}

function resendOf(link: PeerLink): RetrySchedule {
  return link.resend ??= new RetrySchedule(link.leads ? pskOfferRetryMs : acceptRetries);
}
