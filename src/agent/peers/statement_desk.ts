import type { HubId, NodeId } from "../../mesh/ids.ts";
import type { HubRequests } from "../hub_client/hub_requests.ts";
import type { PeerLink } from "./peer_link.ts";
import { emptyPsk, type PeerRecord } from "./peer_record.ts";
import type { Refusal } from "./refusal.ts";
import { judgeStatement } from "./statement_check.ts";

/** What {@link StatementDesk} needs. */
export interface StatementDeskParts {
  readonly hub: HubId;
  readonly requests: Pick<HubRequests, "statement" | "keyReady">;
  readonly nowMs: () => number;
  /** What is on disk of a peer, present or removed; `null`: nothing. */
  readonly recordOf: (peer: NodeId) => PeerRecord | null;
  /** Stores a record; rejects when nothing was stored. */
  readonly save: (link: PeerLink, record: PeerRecord) => Promise<void>;
  /** Serial of the co-signature that admits a peer now; `null`: nothing admits it, or it is gone. */
  readonly admits: (link: PeerLink) => number | null;
  /** WireGuard keys (base64) that are not this peer's to have. */
  readonly takenKeys: (peer: NodeId) => ReadonlySet<string>;
  /** Runs a request besides, and its result in turn. */
  readonly besides: (task: () => Promise<void>) => void;
  readonly serial: (step: () => Promise<void>) => Promise<void>;
  /** Something may be due now. */
  readonly hurry: () => void;
  readonly tell: (
    link: PeerLink,
    what: "peer_admitted" | "peer_key_changed" | "peer_statement_refused",
    outcome: "ok" | Refusal,
    generation: number,
  ) => void;
}

/** Statements that are fetched at once. */
const mostFetches = 8;

/**
 * Keeps each peer's statement the one that the hub names, if it may be: fetches, judges, stores. A statement that a peer
 * is about to change to is prepared beside the present one, and the hub told so (mesh protocol, key rotation).
 */
export class StatementDesk {
  readonly #parts: StatementDeskParts;
  #fetches = 0;

  constructor(parts: StatementDeskParts) {
    this.#parts = parts;
  }

  /** What is due for an admitted peer. */
  async attend(link: PeerLink): Promise<void> {
    const named = link.state.statement_sha256;
    if (link.isKeyProven && link.prepared?.wireguard_key === link.applied?.wireguardKey) {
      // a handshake with the new key is the peer's own word that it uses it, whatever the hub knows
      await this.#promote(link, link.statement?.sha256 ?? null);
    }
    const { record } = link;
    if (link.prepared?.sha256 === named) await this.#promote(link, null);
    else if (link.statement?.sha256 === named && record !== null) {
      link.rejected = null;
      if (record.previous_sha256 !== null) await this.#parts.save(link, { ...record, previous_sha256: null });
    } else if (record?.previous_sha256 !== named && link.rejected?.sha256 !== named) {
      this.#fetch(link, named, "commit");
    }
    if (link.preparing === null) return;
    if (link.prepared?.sha256 === link.preparing) this.#sayReady(link, link.preparing);
    else this.#fetch(link, link.preparing, "prepare");
  }

  /** The hub says that a peer is about to change to a statement (`prepare`), or has changed (`commit`). */
  async rotated(link: PeerLink, sha256: string, phase: "prepare" | "commit"): Promise<void> {
    if (link.statement?.sha256 === sha256) return;
    if (phase === "prepare") {
      link.preparing = sha256;
      link.ready.reset();
      link.fetch.reset();
    } else if (link.prepared?.sha256 === sha256) await this.#promote(link, null);
    else this.#fetch(link, sha256, "commit");
  }

  /** The prepared statement is the statement. */
  async #promote(link: PeerLink, previous: string | null): Promise<void> {
    const { record, prepared } = link;
    if (record === null || prepared === null) return;
    await this.#parts.save(link, {
      ...record,
      generation: prepared.generation,
      statement: prepared.text,
      statement_sha256: prepared.sha256,
      previous_sha256: previous,
      prepared: null,
    });
    link.preparing = null;
    this.#parts.tell(link, "peer_key_changed", "ok", prepared.generation);
  }

  #fetch(link: PeerLink, sha256: string, phase: "prepare" | "commit"): void {
    const { requests, nowMs, besides, serial, hurry } = this.#parts;
    if (link.fetching || this.#fetches >= mostFetches || !link.fetch.due(nowMs())) return;
    link.fetching = true;
    link.fetch.tried(nowMs());
    this.#fetches++;
    besides(async () => {
      try {
        const text = await requests.statement(sha256);
        await serial(() => this.#take(link, text, sha256, phase));
      } finally {
        link.fetching = false;
        this.#fetches--;
        hurry();
      }
    });
  }

  async #take(link: PeerLink, text: string, sha256: string, phase: "prepare" | "commit"): Promise<void> {
    const { hub, recordOf, takenKeys, admits, save, tell } = this.#parts;
    // it may have been removed, or refused, while the hub was asked
    const serial = admits(link);
    if (serial === null) return;
    link.fetch.reset();
    const record = recordOf(link.nodeId);
    const taken = takenKeys(link.nodeId);
    const { statement, refusal } = judgeStatement(text, sha256, link.nodeId, hub, record, (key) => taken.has(key));
    if (phase === "prepare") {
      const isNext = statement !== null && record !== null && record.statement !== null &&
        statement.generation > record.generation;
      if (isNext) return await save(link, { ...record, prepared: text });
      link.preparing = null;
      if (refusal !== null) tell(link, "peer_statement_refused", refusal, record?.generation ?? 0);
    } else if (statement === null) link.rejected = { sha256, refusal };
    else {
      await save(link, {
        node_id: link.nodeId,
        mesh_ip: record?.mesh_ip ?? link.state.mesh_ip,
        generation: statement.generation,
        statement_sha256: sha256,
        statement: text,
        previous_sha256: null,
        prepared: null,
        cosign_serial: Math.max(serial, record?.cosign_serial ?? 0),
        psk: record?.psk ?? emptyPsk,
      });
      tell(link, "peer_admitted", "ok", statement.generation);
    }
  }

  /** Tells the hub that the key is prepared, again until it took it. */
  #sayReady(link: PeerLink, sha256: string): void {
    const { requests, nowMs, besides } = this.#parts;
    if (link.sayingReady || !link.ready.due(nowMs())) return;
    link.sayingReady = true;
    link.ready.tried(nowMs());
    besides(async () => {
      try {
        await requests.keyReady({ peer_id: link.nodeId, statement_sha256: sha256 });
        if (link.preparing === sha256) link.preparing = null;
      } finally {
        link.sayingReady = false;
      }
    });
  }
}
