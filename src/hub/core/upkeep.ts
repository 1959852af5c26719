import { getLogger } from "@logtape/logtape";
import type { EndpointDesk } from "./endpoint_desk.ts";
import type { MailRoom } from "./mail_room.ts";
import type { Membership } from "./membership.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { PskRefresher } from "./psk_refresher.ts";
import type { HubAudit } from "./hub_audit.ts";
import type { RelayDesk } from "./relay_desk.ts";
import type { Rotations } from "./rotations.ts";
import { StoreRefused } from "./store_trouble.ts";
import type { TlsKeys } from "./tls_keys.ts";
import type { TokenDesk } from "./token_desk.ts";

const log = getLogger(["edgekeep", "hub"]);
const lookMs = 1000;
/** Events kept for each node in the store, about. */
const keptEvents = 256;
/** Nodes whose last heartbeat is written at a time. */
const mostNoted = 200;

interface UpkeepParts {
  readonly book: MeshBook;
  readonly psk: PskRefresher;
  readonly relays: RelayDesk;
  readonly rotations: Rotations;
  readonly endpoints: EndpointDesk;
  readonly mail: MailRoom;
  readonly tokens: TokenDesk;
  readonly membership: Membership;
  readonly tls: TlsKeys;
  readonly audit: HubAudit;
  readonly nowUs: () => number;
}

/** What the hub does by the clock. A disk that refuses is tried again; other errors are told and end nothing. */
export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #timer: ReturnType<typeof setInterval>;
  #looks = 0;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.look(), lookMs);
  }

  /** Does what is due. */
  look(): void {
    const { book, psk, relays, rotations, endpoints, mail, tokens, membership } = this.#parts;
    const look = this.#looks++;
    this.#do(() => psk.step());
    this.#do(() => endpoints.answerLate());
    this.#do(() => relays.look());
    if (look % 2 === 0) book.notifyBeats();
    if (look % 5 === 0) this.#do(() => rotations.lookAtAll());
    if (look % 5 === 1) this.#do(() => rotations.askDue());
    if (look % 30 === 2) this.#do(() => this.#pruneEvents());
    if (look % 30 === 3) {
      this.#do(() => book.relaxed(() => book.store.pruneSeen(this.#parts.nowUs())));
    }
    if (look % 60 === 4) this.#do(() => this.#switchTls());
    if (look % 60 === 5) this.#do(() => tokens.tidy());
    if (look % 60 === 6) this.#do(() => mail.tidy());
    if (look % 60 === 7) this.#do(() => this.#noteHeartbeats());
    if (look % 3600 === 8) this.#do(() => membership.tidy());
    if (look % 3600 === 9) this.#parts.tls.certifySoon();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#do(() => this.#noteHeartbeats(Infinity));
  }

  #do(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof StoreRefused) return; // the fault is on the board
      log.error("The hub's upkeep failed: {error}", { event: "hub_upkeep_failed", error });
    }
  }

  #switchTls(): void {
    const { book, tls, audit } = this.#parts;
    if (!tls.isDue()) return;
    book.change((change) => tls.switchToNext(change, book));
    audit.changed("tls_key_switch", "hub", null, { pins: book.wide.tlsSpki });
  }

  #pruneEvents(): void {
    const { book } = this.#parts;
    const upTo = book.log.newestId - keptEvents * (book.active.length + 4);
    const floor = Number(book.store.meta("event_floor") ?? 0);
    if (upTo - floor < keptEvents) return;
    book.relaxed(() => {
      book.store.pruneEvents(upTo);
      book.store.setMeta("event_floor", String(upTo));
    });
  }

  /** The time of a heartbeat may be lost, its sequence never is in one: so it is written seldom. */
  #noteHeartbeats(most = mostNoted): void {
    const { book } = this.#parts;
    const stale = book.active.filter(({ beat, row }) =>
      beat !== null && beat.atUs - (row.lastHeartbeatUs ?? 0) > 240_000_000
    )
      .slice(0, most);
    if (stale.length === 0) return;
    book.relaxed(() => {
      for (const node of stale) {
        const row = { ...node.row, lastHeartbeatUs: node.beat?.atUs ?? null, address: node.address };
        book.store.putNode(row);
        node.replaced(row);
      }
    });
  }
}
