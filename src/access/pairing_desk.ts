import { timingSafeEqual } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { AccessError, type NewToken, type PairingInfo, type TokenGrant } from "./access.ts";
import { makeCode, normaliseCode } from "./codes.ts";
import type { Origin } from "./principal.ts";
import { keyedDigest } from "./same_secret.ts";
import type { AccessStore, StoredPairing } from "./store.ts";
import type { Throttle } from "./throttle.ts";
import { checkGrant, type TokenBook, tokenInfo } from "./token_book.ts";

const log = getLogger(["edgekeep", "access"]);

/** Life of a code. */
export const CODE_LIFE_US = 5 * 60 * 1_000_000;
/** Wrong tries that burn a code. A wrong try names no code, so it counts against every open one. */
export const WRONG_TRIES = 5;
const MAX_OPEN = 20;
/** Wrong tries of all addresses together within {@link WINDOW_US}; beyond, claims are refused unchecked. */
const MAX_WRONG_IN_WINDOW = 20;
const WINDOW_US = 60 * 1_000_000;
/** The owner is told from so many wrong tries within a quarter of an hour, and until it has been quiet for one. */
const ALARM_FROM = 10;
const ALARM_US = 900 * 1_000_000;

/** What pairing works with. */
export interface PairingParts {
  readonly store: AccessStore;
  /** Of the store: a stolen digest cannot be tried out without it. */
  readonly key: Uint8Array;
  readonly random: (bytes: number) => Uint8Array;
  readonly nowUs: () => number;
  readonly throttle: Throttle;
  readonly tokens: TokenBook;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
}

/** The open pairing codes: 40 random bits each, known by a digest under the store's own key. */
export class PairingDesk {
  readonly #parts: PairingParts;
  readonly #open = new Map<string, StoredPairing>();
  /** Wrong tries of the running window, and of the running alarm. */
  #window = { startUs: 0, wrong: 0 };
  #alarm = { lastUs: 0, wrong: 0, raised: false };

  constructor(parts: PairingParts, pairings: readonly StoredPairing[]) {
    this.#parts = parts;
    for (const pairing of pairings) this.#open.set(pairing.id, pairing);
  }

  list(): PairingInfo[] {
    this.expire();
    return [...this.#open.values()].map(pairingInfo);
  }

  /** Makes a code. @throws {AccessError} `bad_params`, `conflict` when too many are open, `unavailable` */
  start(grant: TokenGrant, by: string): { readonly code: string; readonly info: PairingInfo } {
    checkGrant(grant);
    this.expire();
    if (this.#open.size >= MAX_OPEN) {
      throw new AccessError("conflict", `Cannot start a pairing as ${MAX_OPEN} codes are open`, {
        fix: "Withdraw codes, or wait until they are over",
      });
    }
    const { store, random, nowUs, tokens } = this.#parts;
    const code = makeCode(2, random);
    const createdUs = nowUs();
    const pairing: StoredPairing = {
      id: tokens.newId(),
      role: grant.role,
      label: grant.label.trim(),
      lifetimeSeconds: grant.lifetimeSeconds,
      digest: this.#digest(code),
      createdUs,
      createdBy: by,
      expiresUs: createdUs + CODE_LIFE_US,
      wrongTries: 0,
    };
    store.write("start a pairing", (writer) => writer.putPairing(pairing));
    this.#open.set(pairing.id, pairing);
    return { code, info: pairingInfo(pairing) };
  }

  /** Withdraws a code at once. @throws {AccessError} `not_found` */
  revoke(id: string): PairingInfo {
    this.expire();
    const pairing = this.#open.get(id);
    if (pairing === undefined) {
      throw new AccessError("not_found", `Cannot withdraw the pairing '${id}' as it is not open`);
    }
    this.#drop(id);
    return pairingInfo(pairing);
  }

  /** Withdraws what somebody started who may no longer. */
  revokeOf(by: string): void {
    for (const { id, createdBy } of this.#open.values()) if (createdBy === by) this.#drop(id);
  }

  /** Trades a code for a token. @throws {AccessError} `permission_denied`, `throttled`, `unavailable` */
  claim(code: string, { address }: Origin): NewToken {
    const { throttle, nowUs, tokens } = this.#parts;
    this.expire();
    const now = nowUs();
    if (now - this.#window.startUs >= WINDOW_US || now < this.#window.startUs) {
      this.#window = { startUs: now, wrong: 0 };
    }
    if (this.#window.wrong >= MAX_WRONG_IN_WINDOW) throw throttled((this.#window.startUs + WINDOW_US - now) / 1000);
    const attempt = throttle.begin(address, null);
    if (!attempt.ok) throw throttled(attempt.waitMs);
    const found = this.#find(code);
    if (found === null) {
      this.#wrong();
      throw new AccessError("permission_denied", "Cannot pair as the code is not valid", {
        fix: "Ask for a new code: each is good for five minutes and one use",
      });
    }
    try {
      const { secret, row } = tokens.make("paired", found, found.createdBy, now);
      tokens.put("pair", row, (writer) => writer.deletePairing(found.id));
      this.#open.delete(found.id);
      attempt.succeeded();
      this.#parts.feed.add("info", "paired", "gateway", `'${row.label}' was paired as ${row.role} from ${address}`);
      return { token: secret, info: tokenInfo(row) };
    } catch (error) {
      attempt.withdrawn();
      throw error;
    }
  }

  /** When the first code is over, µs; Infinity without one. */
  nextEndUs(): number {
    return Math.min(Infinity, ...[...this.#open.values()].map(({ expiresUs }) => expiresUs));
  }

  /** Ends codes that are over, and the alarm when it has been quiet. */
  expire(): void {
    const now = this.#parts.nowUs();
    for (const pairing of this.#open.values()) if (isOver(pairing, now)) this.#drop(pairing.id);
    if (this.#alarm.wrong > 0 && now - this.#alarm.lastUs >= ALARM_US) {
      this.#alarm = { lastUs: 0, wrong: 0, raised: false };
      this.#parts.faults.clear("pairing_under_attack");
    }
  }

  /** Compares with every open code, whichever fits, so that the time tells nothing. */
  #find(code: string): StoredPairing | null {
    const digest = this.#digest(code);
    let found: StoredPairing | null = null;
    for (const pairing of this.#open.values()) if (timingSafeEqual(pairing.digest, digest)) found = pairing;
    return found;
  }

  #wrong(): void {
    const { nowUs, store } = this.#parts;
    this.#window.wrong++;
    this.#alarm.wrong++;
    this.#alarm.lastUs = nowUs();
    const burnt: StoredPairing[] = [];
    const tried: StoredPairing[] = [];
    for (const pairing of this.#open.values()) {
      const next = { ...pairing, wrongTries: pairing.wrongTries + 1 };
      if (next.wrongTries >= WRONG_TRIES) burnt.push(next);
      else tried.push(next);
    }
    for (const { id } of burnt) this.#open.delete(id);
    for (const pairing of tried) this.#open.set(pairing.id, pairing);
    if (burnt.length + tried.length > 0) {
      store.writeOrKeep((writer) => {
        for (const { id } of burnt) writer.deletePairing(id);
        for (const pairing of tried) writer.putPairing(pairing);
      });
    }
    for (const { label, id } of burnt) this.#tellBurnt(label, id);
    if (burnt.length > 0 || this.#alarm.wrong >= ALARM_FROM) this.#raise();
  }

  #tellBurnt(label: string, id: string): void {
    this.#parts.feed.add(
      "warning",
      "pairing_burnt",
      "gateway",
      `The pairing code for '${label}' was burnt by ${WRONG_TRIES} wrong tries`,
    );
    log.warning("The pairing code for {label} was burnt by {tries} wrong tries", {
      event: "pairing_burnt",
      label,
      pairing: id,
      tries: WRONG_TRIES,
    });
  }

  #raise(): void {
    if (this.#alarm.raised) return;
    this.#alarm.raised = true;
    const detail = "Wrong pairing codes keep coming; the audit has their addresses";
    this.#parts.faults.raise("pairing_under_attack", detail);
    this.#parts.feed.add("warning", "pairing_under_attack", "gateway", detail);
    log.warning("Wrong pairing codes keep coming", { event: "pairing_under_attack", wrong_tries: this.#alarm.wrong });
  }

  #drop(id: string): void {
    this.#open.delete(id);
    this.#parts.store.writeOrKeep((writer) => writer.deletePairing(id));
  }

  #digest(code: string): Uint8Array {
    return keyedDigest(this.#parts.key, normaliseCode(code));
  }
}

/** A clock that is set back by more than a code's life ends it as well, instead of prolonging it by days. */
function isOver({ expiresUs }: StoredPairing, nowUs: number): boolean {
  return expiresUs <= nowUs || expiresUs - nowUs > 2 * CODE_LIFE_US;
}

function throttled(waitMs: number): AccessError {
  const retryAfterMs = Math.max(1, Math.ceil(waitMs));
  return new AccessError("throttled", "Cannot check the code now as too many were wrong", { retryAfterMs });
}

function pairingInfo({ digest: _, lifetimeSeconds: __, ...info }: StoredPairing): PairingInfo {
  return info;
}
