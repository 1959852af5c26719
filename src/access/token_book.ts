import { timingSafeEqual } from "node:crypto";
import { AccessError, type TokenGrant, type TokenInfo } from "./access.ts";
import { codeAlphabet } from "./codes.ts";
import { secretDigest } from "./same_secret.ts";
import type { AccessStore, StoredToken, StoreWriter } from "./store.ts";
import { checkRole } from "./user_book.ts";

const MAX_TOKENS = 1000;
const SECRET_BYTES = 32;
/** Ten years. */
export const MAX_LIFETIME_S = 3650 * 86_400;

const tokenPattern = /^ek_([a-z0-9]{10})_[\w-]{43}$/;

/** A made token: what its owner keeps, and what the store keeps. */
export interface MadeToken {
  readonly secret: string;
  readonly row: StoredToken;
}

/** The stored tokens: those of scripts, and those of paired devices. */
export class TokenBook {
  readonly #store: AccessStore;
  readonly #random: (bytes: number) => Uint8Array;
  readonly #tokens = new Map<string, StoredToken>();
  readonly #used = new Set<string>();

  constructor(store: AccessStore, random: (bytes: number) => Uint8Array, tokens: readonly StoredToken[]) {
    this.#store = store;
    this.#random = random;
    for (const token of tokens) this.#tokens.set(token.id, token);
  }

  get size(): number {
    return this.#tokens.size;
  }

  get(id: string): StoredToken | undefined {
    return this.#tokens.get(id);
  }

  list(): TokenInfo[] {
    return [...this.#tokens.values()].toSorted((a, b) => a.createdUs - b.createdUs).map(tokenInfo);
  }

  /** When the token of a paired device ends, µs; `null`: not before it is revoked; `undefined` for any other owner. */
  deviceEndUs(owner: string): number | null | undefined {
    const token = owner.startsWith("token:") ? this.#tokens.get(owner.slice("token:".length)) : undefined;
    return token?.kind === "paired" ? token.expiresUs : undefined;
  }

  /** Ids and ends of all tokens. */
  *ends(): Iterable<{ readonly id: string; readonly expiresUs: number }> {
    for (const { id, expiresUs } of this.#tokens.values()) if (expiresUs !== null) yield { id, expiresUs };
  }

  /** Makes a token without storing it. @throws {AccessError} `conflict` when there are too many */
  make(kind: TokenInfo["kind"], grant: TokenGrant, by: string, nowUs: number): MadeToken {
    if (this.#tokens.size >= MAX_TOKENS) {
      throw new AccessError("conflict", `Cannot make a token as there are ${MAX_TOKENS} already`, {
        fix: "Revoke tokens that nobody uses",
      });
    }
    const secret = `ek_${this.newId()}_${base64url(this.#random(SECRET_BYTES))}`;
    const id = tokenPattern.exec(secret)?.[1] ?? "";
    const row: StoredToken = {
      id,
      kind,
      label: grant.label.trim(),
      role: grant.role,
      digest: secretDigest(secret),
      createdUs: nowUs,
      createdBy: by,
      expiresUs: endOf(grant.lifetimeSeconds, nowUs),
      lastUsedUs: null,
      lastAddress: null,
    };
    return { secret, row };
  }

  /** An id of ten characters that nothing has yet. */
  newId(): string {
    let id: string;
    do {
      id = Array.from(this.#random(10), (byte) => codeAlphabet.charAt(byte % 32)).join("").toLowerCase();
    } while (this.#tokens.has(id));
    return id;
  }

  /** Stores a new or changed token, and `also` with it. @throws {AccessError} `unavailable` */
  put(what: string, row: StoredToken, also: (writer: StoreWriter) => void = () => {}): void {
    this.#store.write(what, (writer) => {
      writer.putToken(row);
      also(writer);
    });
    this.#tokens.set(row.id, row);
  }

  /** Forgets a token in memory; the caller stores it. */
  drop(id: string): void {
    this.#tokens.delete(id);
    this.#used.delete(id);
  }

  /** The token with this secret, expired or not. Found by id, compared in constant time. */
  find(secret: string): StoredToken | undefined {
    const id = tokenPattern.exec(secret)?.[1];
    const token = id === undefined ? undefined : this.#tokens.get(id);
    return token !== undefined && timingSafeEqual(token.digest, secretDigest(secret)) ? token : undefined;
  }

  /** Notes a use; stored with the next {@link takeUsed}. */
  touch(id: string, address: string, nowUs: number): void {
    const token = this.#tokens.get(id);
    if (token === undefined) return;
    this.#tokens.set(id, { ...token, lastUsedUs: nowUs, lastAddress: address.slice(0, 64) });
    this.#used.add(id);
  }

  /** Tokens that were used since the last call. */
  takeUsed(): StoredToken[] {
    const used = [...this.#used].flatMap((id) => this.#tokens.get(id) ?? []);
    this.#used.clear();
    return used;
  }
}

/** Whether the text has the form of a stored token, and so is no guess at a configured one. */
export function looksStored(secret: string): boolean {
  return tokenPattern.test(secret);
}

/** What lists show. */
export function tokenInfo({ digest: _, ...info }: StoredToken): TokenInfo {
  return info;
}

/** End of a lifetime that begins now, µs. @throws {AccessError} `bad_params` */
export function endOf(lifetimeSeconds: number | null, nowUs: number): number | null {
  checkLifetime(lifetimeSeconds);
  return lifetimeSeconds === null ? null : nowUs + Math.round(lifetimeSeconds * 1_000_000);
}

/** Refuses a grant that cannot be given. @throws {AccessError} `bad_params` */
export function checkGrant({ label, role, lifetimeSeconds }: TokenGrant): void {
  checkRole(role);
  const text = label.trim();
  if (text === "" || [...text].length > 64 || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)) {
    throw new AccessError("bad_params", "Cannot use the label as it must be 1 to 64 printable characters", {
      field: "label",
    });
  }
  checkLifetime(lifetimeSeconds);
}

function checkLifetime(seconds: number | null): void {
  if (seconds !== null && !(seconds > 0 && seconds <= MAX_LIFETIME_S)) {
    throw new AccessError("bad_params", "Cannot use the lifetime as it must be above 0 and at most ten years", {
      field: "days",
    });
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
