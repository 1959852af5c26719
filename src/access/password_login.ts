import { randomBytes, timingSafeEqual } from "node:crypto";
import { HashGate, HashGateFullError } from "./hash_gate.ts";
import { defaultCost, dummyHash, type HashCost, hashPassword, isWeaker, verifyPassword } from "./password_hash.ts";
import { keyedDigest } from "./same_secret.ts";
import type { StoredUser } from "./store.ts";

/** A password that was right need not be hashed again for so long: Basic and OPC UA send it with every connection. */
const REMEMBER_US = 5 * 60 * 1_000_000;

/** Longest password that is looked at at all, characters. */
const MAX_PASSWORD = 1024;

/** What a password came to. */
export type PasswordVerdict =
  | { readonly outcome: "right"; readonly rehashed: string | null }
  | { readonly outcome: "wrong" }
  | { readonly outcome: "busy"; readonly retryAfterMs: number };

/** Compares passwords with stored hashes, few at a time, and remembers for a while which were right. */
export class PasswordLogin {
  readonly #gate = new HashGate();
  readonly #cost: HashCost;
  readonly #dummy: string;
  readonly #nowUs: () => number;
  readonly #key = randomBytes(32);
  readonly #right = new Map<string, { readonly digest: Uint8Array; readonly hash: string; readonly untilUs: number }>();

  constructor(nowUs: () => number, cost: HashCost = defaultCost) {
    this.#nowUs = nowUs;
    this.#cost = cost;
    this.#dummy = dummyHash(cost);
  }

  /**
   * Checks a password. Without a user it takes as long as with one, and is wrong.
   *
   * @param known somebody with this name has logged in from there before: goes first when many wait
   */
  async check(user: StoredUser | undefined, password: string, known: boolean): Promise<PasswordVerdict> {
    if (password.length > MAX_PASSWORD) return { outcome: "wrong" };
    const digest = keyedDigest(this.#key, password);
    if (user !== undefined && this.#isRemembered(user, digest)) return { outcome: "right", rehashed: null };
    try {
      const right = await this.#gate.run(known, () => verifyPassword(password, user?.hash ?? this.#dummy));
      if (!right || user === undefined) return { outcome: "wrong" };
      const weak = isWeaker(user.hash, this.#cost);
      const rehashed = weak ? await this.#gate.run(true, () => hashPassword(password, this.#cost)) : null;
      return { outcome: "right", rehashed };
    } catch (error) {
      if (error instanceof HashGateFullError) return { outcome: "busy", retryAfterMs: error.retryAfterMs };
      throw error;
    }
  }

  /** Remembers that the password is the one of the user's hash. */
  remember(user: StoredUser, password: string): void {
    const now = this.#nowUs();
    for (const [name, { untilUs }] of this.#right) if (untilUs <= now) this.#right.delete(name);
    const digest = keyedDigest(this.#key, password);
    this.#right.set(user.name, { digest, hash: user.hash, untilUs: now + REMEMBER_US });
  }

  /** Forgets what was remembered of a user. */
  forget(name: string): void {
    this.#right.delete(name);
  }

  /** Hashes a new password. @throws {HashGateFullError} when too many wait */
  hash(password: string): Promise<string> {
    return this.#gate.run(true, () => hashPassword(password, this.#cost));
  }

  #isRemembered(user: StoredUser, digest: Uint8Array): boolean {
    const entry = this.#right.get(user.name);
    return entry !== undefined && entry.hash === user.hash && entry.untilUs > this.#nowUs() &&
      timingSafeEqual(entry.digest, digest);
  }
}
