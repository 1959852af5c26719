import { randomBytes } from "node:crypto";
import { meshTime, toBase64 } from "../../mesh/encoding.ts";
import { HubRefusal, type HubToken } from "../../mesh/hub_admin.ts";
import { formatJoinToken } from "../../mesh/join_token.ts";
import { newSeed } from "../../mesh/keys.ts";
import type { TokenRow, TokenUse } from "../store/hub_rows.ts";
import type { MeshBook } from "./mesh_book.ts";
import { namePattern } from "./names.ts";
import type { SigningKeys } from "./signing_keys.ts";

const minuteUs = 60_000_000;
/** Tokens that are kept, used ones included. */
const mostTokens = 1000;
/** A token that nobody can use any more is kept so long, for people. */
const keepUs = 90 * 86_400_000_000;
/** A node whose answer was lost may ask so long again, which takes the secret. */
const repeatUs = 15 * minuteUs;

/** What a token is to be good for. */
export interface TokenWish {
  readonly label: string;
  readonly group: string;
  readonly uses: number;
  readonly minutes: number;
  readonly by: string;
}

/** Makes join tokens and keeps account of them. */
export class TokenDesk {
  readonly #book: MeshBook;
  readonly #keys: SigningKeys;
  readonly #url: string | null;
  readonly #nowUs: () => number;

  constructor(book: MeshBook, keys: SigningKeys, url: string | null, nowUs: () => number) {
    this.#book = book;
    this.#keys = keys;
    this.#url = url;
    this.#nowUs = nowUs;
  }

  /** @param adminKey base64 of the admin key; with one, nodes that join take co-signed peers only */
  create(wish: TokenWish, adminKey: string | null): { readonly text: string; readonly token: HubToken } {
    this.#check(wish);
    if (this.#url === null) {
      throw new HubRefusal(
        "not_configured",
        "Cannot make a join token as the hub does not know its own address",
        'Write url = "https://<name or address>:8443" under [hub]: agents reach the hub there',
      );
    }
    const { store, wide } = this.#book;
    const nowUs = this.#nowUs();
    const secret = newSeed();
    const row: TokenRow = {
      id: `t_${randomBytes(8).toString("hex")}`,
      secret,
      label: wish.label,
      group: wish.group,
      uses: wish.uses,
      usesLeft: wish.uses,
      createdUs: nowUs,
      createdBy: wish.by,
      expiresUs: nowUs + wish.minutes * minuteUs,
      revokedUs: null,
    };
    const text = formatJoinToken({
      url: new URL(this.#url).origin,
      hub: this.#book.hubId,
      key: this.#keys.sha256,
      key_index: this.#keys.current.index,
      tls_spki: [...wide.tlsSpki],
      ...(adminKey === null ? {} : { admin: adminKey }),
      cosign: adminKey !== null,
      id: row.id,
      secret: toBase64(secret),
      expires_at: meshTime(row.expiresUs),
      group: row.group,
    });
    this.#book.change((change) => {
      store.putToken(row);
      change.topics.add("tokens");
    });
    return { text, token: this.#shown(row, []) };
  }

  list(): HubToken[] {
    const uses = Map.groupBy(this.#book.store.tokenUses(), ({ tokenId }) => tokenId);
    return this.#book.store.tokens().map((row) => this.#shown(row, uses.get(row.id) ?? []));
  }

  revoke(id: string): HubToken {
    const row = this.#book.store.token(id);
    if (row === null) throw new HubRefusal("not_found", `There is no token '${id}'`);
    const revoked = { ...row, secret: null, revokedUs: row.revokedUs ?? this.#nowUs() };
    this.#book.change((change) => {
      this.#book.store.putToken(revoked);
      change.topics.add("tokens");
    });
    return this.#shown(revoked, this.#book.store.tokenUses().filter(({ tokenId }) => tokenId === id));
  }

  /** Wipes secrets that no registration can need any more, and old tokens. */
  tidy(): void {
    const nowUs = this.#nowUs();
    const newestUse = new Map(this.#book.store.tokenUses().map(({ tokenId, atUs }) => [tokenId, atUs]));
    const done = this.#book.store.tokens().filter(({ secret, usesLeft, expiresUs, id }) =>
      secret !== null && nowUs > Math.max(usesLeft === 0 ? 0 : expiresUs, newestUse.get(id) ?? 0) + repeatUs &&
      (usesLeft === 0 || nowUs > expiresUs)
    );
    const old = this.#book.store.tokens().filter(({ expiresUs }) => nowUs > expiresUs + keepUs);
    if (done.length + old.length === 0) return;
    this.#book.change((change) => {
      for (const token of done) this.#book.store.putToken({ ...token, secret: null });
      for (const { id } of old) this.#book.store.deleteToken(id);
      change.topics.add("tokens");
    });
  }

  #check({ group, label, minutes, uses }: TokenWish): void {
    if (!Number.isInteger(uses) || uses < 1 || uses > 100) {
      throw new HubRefusal("bad_params", `A token's uses must be from 1 to 100: current value is ${uses}`);
    }
    if (!Number.isInteger(minutes) || minutes < 1 || minutes > 10_080) {
      throw new HubRefusal("bad_params", `A token's minutes must be from 1 to 10080: current value is ${minutes}`);
    }
    if (group !== "" && !namePattern.test(group)) {
      throw new HubRefusal("bad_params", "A token's group must be letters, digits, '.', '_' and '-', 63 at most");
    }
    if (label.length > 200) throw new HubRefusal("bad_params", "A token's label must have 200 characters at most");
    if (this.#book.store.tokens().length >= mostTokens) {
      throw new HubRefusal(
        "too_many",
        `The hub keeps ${mostTokens} tokens at most`,
        "Old ones go 90 days after their end",
      );
    }
  }

  #shown({ secret: _secret, revokedUs, ...row }: TokenRow, uses: readonly TokenUse[]): HubToken {
    const state = revokedUs !== null
      ? "revoked"
      : row.usesLeft === 0
      ? "used"
      : this.#nowUs() >= row.expiresUs
      ? "expired"
      : "open";
    return { ...row, state, nodes: uses.map(({ nodeId }) => nodeId) };
  }
}
