import { randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import { MAX_HISTORY_CONTINUATION_POINTS } from "../sessions/limits.ts";

/** A continuation point that is not used for so long is released, µs. */
export const CONTINUATION_TIMEOUT_US = 60_000_000;

interface Entry<T> {
  readonly state: T;
  readonly expiresUs: number;
}

/**
 * What sessions have been promised to get later, by the opaque token that they send back. A point holds a position,
 * never rows. At most 1,000 a session, as many as a request may name nodes; a point lives 60 s; taking it uses it up.
 */
export class ContinuationPoints<T> {
  readonly #sessions = new Map<object, Map<string, Entry<T>>>();
  readonly #nowUs: () => number;

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  /** Points that are held now, of all sessions. */
  get size(): number {
    let size = 0;
    for (const points of this.#sessions.values()) size += points.size;
    return size;
  }

  /** Keeps `state` for the session. `null` when the session holds as many as it may. */
  add(session: object, state: T): Buffer | null {
    const nowUs = this.#nowUs();
    let points = this.#sessions.get(session);
    if (points === undefined) this.#sessions.set(session, points = new Map());
    if (points.size >= MAX_HISTORY_CONTINUATION_POINTS) {
      // they are in the order in which they expire
      for (const [token, { expiresUs }] of points) {
        if (expiresUs > nowUs) break;
        points.delete(token);
      }
      if (points.size >= MAX_HISTORY_CONTINUATION_POINTS) return null;
    }
    const token = randomBytes(16);
    points.set(token.toString("hex"), { state, expiresUs: nowUs + CONTINUATION_TIMEOUT_US });
    return token;
  }

  /** Gives a point that was taken back to the session, because it could not be served. */
  putBack(session: object, token: Uint8Array, state: T): void {
    this.#sessions.get(session)?.set(Buffer.from(token).toString("hex"), {
      state,
      expiresUs: this.#nowUs() + CONTINUATION_TIMEOUT_US,
    });
  }

  /** Hands out and forgets the state behind `token`; `undefined` when the session has no such point (any more). */
  take(session: object, token: Uint8Array): T | undefined {
    const points = this.#sessions.get(session);
    const key = Buffer.from(token).toString("hex");
    const entry = points?.get(key);
    points?.delete(key);
    return entry !== undefined && entry.expiresUs > this.#nowUs() ? entry.state : undefined;
  }

  /** Forgets everything of a session that ended. */
  release(session: object): void {
    this.#sessions.delete(session);
  }
}
