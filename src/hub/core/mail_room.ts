import { canonicalText } from "../../mesh/canonical.ts";
import { maxMailBytes, maxReplayedEvents } from "../../mesh/constants.ts";
import { pskLeader } from "../../mesh/psk.ts";
import { openObject, readAnyObject } from "../../mesh/signed_object.ts";
import { HubRequestRefused } from "../hub_core.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange } from "./mesh_change.ts";
import type { MeshNode } from "./mesh_node.ts";
import { Pace } from "./pace.ts";

const mailTypes = ["ek.psk_offer", "ek.psk_accept", "ek.psk_commit"] as const;

/**
 * Messages of a pair in one direction: so many at once, and then one each five seconds. An exchange that gets no answer
 * repeats itself each ten; each message is a record in its receiver's audit.
 */
const burst = 12;
const refillMs = 5000;
/** Pairs whose pace is watched at a time. */
const mostWatched = 20_000;
/** Messages are given out again to a node that starts, for so long and so often. */
const againUs = 10 * 60_000_000;
const mostAgain = 3;
const keepUs = 24 * 3_600_000_000;

/** Carries signed messages between nodes. It reads who they are from and for, and keeps the newest of each kind. */
export class MailRoom {
  readonly #book: MeshBook;
  readonly #nowUs: () => number;
  /** When each pair will have its whole burst again, ms. */
  readonly #paces = new Map<string, number>();
  readonly #pace: Pace<string>;

  constructor(book: MeshBook, nowUs: () => number) {
    this.#book = book;
    this.#nowUs = nowUs;
    this.#pace = new Pace(burst, refillMs, nowUs, this.#paces);
  }

  send(from: MeshNode, to: MeshNode | undefined, text: string): void {
    if (to === undefined || to.row.state !== "active" || to === from) {
      throw new HubRequestRefused("node_unknown", 404, "There is no such node to write to");
    }
    const { typ, from: sender, to: receiver } = readAnyObject(mailTypes, text, maxMailBytes);
    if (sender !== from.id || receiver !== to.id) {
      throw new HubRequestRefused("mail_refused", 403, "The message is not from its sender, or not for its receiver");
    }
    if ((typ === "ek.psk_accept") === (pskLeader(from.id, to.id) === from.id)) {
      throw new HubRequestRefused("mail_refused", 403, "The message is not this node's to send: the lower id leads");
    }
    openObject(typ, text, { hub: this.#book.hubId, publicKey: from.identityKey, maxBytes: maxMailBytes });
    if (!this.#pace.take(`${from.no} ${to.no}`)) {
      throw new HubRequestRefused("too_many", 429, "Too many messages to this node: wait some seconds");
    }
    // the one that was new the longest ago
    if (this.#paces.size > mostWatched) this.#paces.delete(this.#paces.keys().next().value ?? "");
    const before = this.#book.store.mail(from.no, to.no, typ);
    // still waiting for a node that is away: once is enough
    const waiting = before !== null && before.text === text && to.streams === 0 &&
      before.sequence > (to.beat?.sequence ?? 0) && before.sequence > to.sequence - maxReplayedEvents;
    if (waiting) return;
    this.#book.change((change) => {
      this.#deliver(change, to, text);
      const mail = { from: from.no, to: to.no, typ, text, sequence: to.sequence, atUs: this.#nowUs(), again: 0 };
      this.#book.store.putMail(mail);
    });
  }

  /**
   * A node takes its state as of now, and with it jumps over the messages before: those that it has not told to have
   * come by are given out once more.
   */
  giveAgain(node: MeshNode): void {
    const missed = this.#book.store.mailsTo(node.no, node.beat?.sequence ?? 0, this.#nowUs() - againUs)
      .filter(({ again, sequence }) => again < mostAgain && sequence <= node.sequence)
      .slice(-maxReplayedEvents / 2);
    if (missed.length === 0) return;
    this.#book.change((change) => {
      for (const mail of missed) {
        this.#deliver(change, node, mail.text);
        this.#book.store.putMail({ ...mail, sequence: node.sequence, again: mail.again + 1 });
      }
    });
  }

  /** Forgets what nobody needs any more. */
  tidy(): void {
    const nowMs = this.#nowUs() / 1000;
    for (const [pair, fullMs] of this.#paces) if (fullMs <= nowMs) this.#paces.delete(pair);
    this.#book.relaxed(() => this.#book.store.deleteMails({ beforeUs: this.#nowUs() - keepUs }));
  }

  #deliver(change: MeshChange, to: MeshNode, message: string): void {
    change.tell(to, { type: "peer_mail", body: canonicalText({ message }) });
  }
}
