import { createHash } from "node:crypto";
import type { Origin } from "./principal.ts";
import { secretDigest } from "./same_secret.ts";
import type { AccessStore, StoredSession } from "./store.ts";

/** Sessions of one owner; one more ends the one that was unused the longest. */
export const MAX_SESSIONS_EACH = 20;
const DAY_MS = 86_400_000;
/** Browsers keep no cookie longer (RFC 6265bis §5.5). */
const DEVICE_MS = 400 * DAY_MS;

/** The browser sessions. The cookie is 32 random bytes; only its digest is kept. */
export class SessionBook {
  readonly #store: AccessStore;
  readonly #random: (bytes: number) => Uint8Array;
  readonly #nowUs: () => number;
  readonly #onEnd: (id: string) => void;
  readonly #deviceEndUs: (owner: string) => number | null | undefined;
  readonly #sessions = new Map<string, StoredSession>();
  readonly #byDigest = new Map<string, string>();
  readonly #used = new Set<string>();
  #idleMs: number;

  /**
   * @param onEnd told of each session that ended
   * @param deviceEndUs when the token of a paired device ends, µs; `null`: not before it is revoked; `undefined` for
   *   whoever is no paired device
   */
  constructor(
    parts: {
      readonly store: AccessStore;
      readonly random: (bytes: number) => Uint8Array;
      readonly nowUs: () => number;
      readonly idleMs: number;
      readonly onEnd: (id: string) => void;
      readonly deviceEndUs: (owner: string) => number | null | undefined;
    },
    sessions: readonly StoredSession[],
  ) {
    this.#store = parts.store;
    this.#random = parts.random;
    this.#nowUs = parts.nowUs;
    this.#idleMs = parts.idleMs;
    this.#onEnd = parts.onEnd;
    this.#deviceEndUs = parts.deviceEndUs;
    for (const session of sessions) this.#keep(session);
  }

  /** Time without a request after which a session ends. */
  set idleMs(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /**
   * Opens a session. It ends when it was not used for the idle time, and in any case after a day, or after three times the
   * idle time when that is longer. A paired device's lasts as long as its token, used or not: nobody stands at a panel to
   * pair it again each day. A disk that refuses does not keep anybody out: the session then ends with the process.
   *
   * @param mark see {@link StoredSession.ownerMark}; `undefined` while it is being made: {@link store} follows
   * @param ownerEndUs end of the credential behind it
   */
  open(
    owner: string,
    mark: Uint8Array | null | undefined,
    ownerEndUs: number | null,
    origin: Origin,
    userAgent: string,
  ): { readonly cookie: string; readonly session: StoredSession } {
    this.expire();
    const own = [...this.#sessions.values()].filter((session) => session.owner === owner)
      .toSorted((a, b) => a.lastUsedUs - b.lastUsedUs);
    for (const { id } of own.slice(0, Math.max(0, own.length - MAX_SESSIONS_EACH + 1))) this.close(id);
    const nowUs = this.#nowUs();
    const isDevice = this.#deviceEndUs(owner) !== undefined;
    const longestMs = isDevice ? DEVICE_MS : Math.max(DAY_MS, 3 * this.#idleMs);
    const cookie = hex(this.#random(32));
    const session: StoredSession = {
      id: hex(this.#random(8)),
      digest: secretDigest(cookie),
      owner,
      ownerMark: mark ?? null,
      address: origin.address.slice(0, 64),
      userAgent: printable(userAgent),
      createdUs: nowUs,
      lastUsedUs: nowUs,
      // a device's token may be renewed, and its sessions with it
      expiresUs: Math.min(nowUs + longestMs * 1000, isDevice ? Infinity : ownerEndUs ?? Infinity),
    };
    this.#keep(session);
    if (mark !== undefined) this.#write(session.id);
    return { cookie, session };
  }

  /** Stores the sessions of an owner whose mark is known by now. */
  store(owner: string, mark: Uint8Array): void {
    for (const session of this.list()) {
      if (session.owner !== owner || session.ownerMark !== null) continue;
      this.#sessions.set(session.id, { ...session, ownerMark: mark });
      this.#write(session.id);
    }
  }

  /** The session of a cookie; `undefined` when there is none or it is over. Does not count as use. */
  find(cookie: string): StoredSession | undefined {
    if (!/^[0-9a-f]{64}$/.test(cookie)) return undefined;
    // a digest of 256 random bits: looking it up in a map gives nothing away
    const id = this.#byDigest.get(createHash("sha256").update(cookie).digest("hex"));
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (session === undefined) return undefined;
    if (this.endOf(session) > this.#nowUs()) return session;
    this.close(session.id);
    return undefined;
  }

  get(id: string): StoredSession | undefined {
    return this.#sessions.get(id);
  }

  list(): StoredSession[] {
    return [...this.#sessions.values()].toSorted((a, b) => a.createdUs - b.createdUs);
  }

  /** When the session ends if it is not used again, µs. */
  endOf(session: StoredSession): number {
    const last = this.lastEndOf(session);
    return this.#deviceEndUs(session.owner) === undefined
      ? Math.min(session.lastUsedUs + this.#idleMs * 1000, last)
      : last;
  }

  /** When the session ends however much it is used, µs. */
  lastEndOf({ owner, expiresUs }: StoredSession): number {
    return Math.min(expiresUs, this.#deviceEndUs(owner) ?? Infinity);
  }

  touch(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.set(id, { ...session, lastUsedUs: this.#nowUs() });
    this.#used.add(id);
  }

  /** Sessions that were used since the last call. */
  takeUsed(): StoredSession[] {
    const used = [...this.#used].flatMap((id) => this.#sessions.get(id) ?? []).filter(isStorable);
    this.#used.clear();
    return used;
  }

  /** Ends a session at once, whatever the disk says; `false` when there is none with this id. */
  close(id: string): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    this.#sessions.delete(id);
    this.#used.delete(id);
    this.#byDigest.delete(hex(session.digest));
    this.#onEnd(id);
    this.#store.writeOrKeep((writer) => writer.deleteSession(id));
    return true;
  }

  /** Ends all sessions of an owner, but perhaps one. */
  closeOf(owner: string, keep?: string): void {
    for (const session of this.list()) if (session.owner === owner && session.id !== keep) this.close(session.id);
  }

  /** Ends what is over. */
  expire(): void {
    const nowUs = this.#nowUs();
    for (const session of this.list()) if (this.endOf(session) <= nowUs) this.close(session.id);
  }

  #write(id: string): void {
    this.#store.writeOrKeep((writer) => {
      // by the time that the disk takes it, it may be over
      const session = this.#sessions.get(id);
      if (session !== undefined) writer.putSession(session);
    });
  }

  #keep(session: StoredSession): void {
    this.#sessions.set(session.id, session);
    this.#byDigest.set(hex(session.digest), session.id);
  }
}

/** A session of a configured credential is stored with its mark, or not at all. */
function isStorable({ owner, ownerMark }: StoredSession): boolean {
  return ownerMark !== null || owner.startsWith("user:") || owner.startsWith("token:");
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A browser's name for itself, fit for a list. */
function printable(text: string): string {
  return text.slice(0, 512).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "").slice(0, 200);
}
