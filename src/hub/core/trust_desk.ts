import { fromBase64, meshTime, meshTimeUs, sha256Hex } from "../../mesh/encoding.ts";
import { canonicalText } from "../../mesh/canonical.ts";
import { HubRefusal } from "../../mesh/hub_admin.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { isSigningPublicKey, newSeed, signingKeyOf } from "../../mesh/keys.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import type { Recovery, Revocation } from "../../mesh/objects.ts";
import { openObject, readAnyObject, readObject, sealObject } from "../../mesh/signed_object.ts";
import { toBase64 } from "../../mesh/encoding.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange } from "./mesh_change.ts";
import type { MeshNode } from "./mesh_node.ts";
import type { SigningKeys } from "./signing_keys.ts";
import type { TlsKeys } from "./tls_keys.ts";

/** Largest object that an admin signs: a revocation list. */
const maxAdminBytes = 1024 * 1024;

/** What a recovery is proposed to say. */
export interface Proposal {
  readonly epoch: number;
  readonly keyIndex: number;
  /** base64. */
  readonly signingKey: string;
  readonly tlsSpki: readonly string[];
}

/** A node showed a position ahead of the hub's. */
interface Claim {
  readonly node: NodeId;
  readonly reason: string;
}

/**
 * What an admin's offline key vouches for, and what happens when the hub's own history is in doubt: a node that is ahead
 * of its hub proves that the hub lost what it had promised (an old backup) or that there are two of it.
 */
export class TrustDesk {
  readonly #book: MeshBook;
  readonly #keys: SigningKeys;
  readonly #tls: TlsKeys;
  readonly #onStopped: (reason: string | null) => void;
  /** Raw key of the admin, base64; `null`: co-signature is off. */
  adminKey: string | null;
  /** Why nothing is signed any more, the oldest first; empty: the hub signs. */
  #claims: readonly Claim[];

  /** @param onStopped told why nothing is signed any more, and with `null` when it goes on */
  constructor(book: MeshBook, keys: SigningKeys, tls: TlsKeys, onStopped: (reason: string | null) => void) {
    this.#book = book;
    this.#keys = keys;
    this.#tls = tls;
    this.#onStopped = onStopped;
    this.adminKey = book.store.meta("admin_key");
    const stopped = book.store.meta("stopped");
    this.#claims = stopped === null ? [] : JSON.parse(stopped) as readonly Claim[];
    this.#keys.stopped = reasonOf(this.#claims);
    onStopped(this.#keys.stopped);
  }

  get revocation(): Revocation | null {
    const text = this.#book.wide.revocation;
    return text === null ? null : readObject("ek.revoke", text, maxAdminBytes);
  }

  /** Whether the node's co-signature counts at this time. */
  isCosigned(node: MeshNode, nowUs: number, revocation: Revocation | null = this.revocation): boolean {
    if (node.row.cosign === null) return false;
    const { not_after } = readObject("ek.cosign", node.row.cosign);
    return meshTimeUs(not_after) > nowUs && !(revocation?.node_ids.includes(node.id) ?? false);
  }

  /**
   * A node told its position. One ahead of ours stops all signing until a recovery, or until the nodes that said so are
   * removed: one compromised node must not be able to silence its hub for ever.
   *
   * @returns why it stopped just now; `null`: it did not
   */
  position(node: MeshNode, epoch: number, sequence: number): string | null {
    const ahead = epoch > this.#book.wide.epoch || (epoch === this.#book.wide.epoch && sequence > node.sequence);
    if (!ahead || this.#claims.some((claim) => claim.node === node.id)) return null;
    const reason =
      `${node.row.name} is at ${epoch}-${sequence}, this hub has given it ${this.#book.wide.epoch}-${node.sequence}: ` +
      "the hub was restored from an older copy, or there are two of it";
    this.#book.change((change) => this.#stop(change, [...this.#claims, { node: node.id, reason }]));
    return reason;
  }

  /** Within a change that takes a node away: what it claimed counts no longer. */
  removed(change: MeshChange, node: MeshNode): void {
    const others = this.#claims.filter((claim) => claim.node !== node.id);
    if (others.length < this.#claims.length) this.#stop(change, others);
  }

  setAdminKey(publicKey: string): void {
    let raw: Uint8Array;
    try {
      raw = fromBase64(publicKey, 32);
    } catch {
      throw new HubRefusal("bad_params", "The admin key must be 32 bytes in base64");
    }
    if (!isSigningPublicKey(raw)) throw new HubRefusal("bad_params", "The admin key is not a usable Ed25519 key");
    this.#book.change((change) => {
      change.meta("admin_key", publicKey);
      change.assign(this, "adminKey", publicKey);
      change.topics.add("keys");
    });
  }

  /** Takes an ek.cosign, ek.revoke or ek.recover. @returns what it was */
  apply(text: string): { readonly typ: string; readonly target: string | null } {
    if (this.adminKey === null) {
      throw new HubRefusal("not_configured", "No admin key is set: nothing that an admin signed can be checked");
    }
    try {
      const { typ } = readAnyObject(["ek.cosign", "ek.revoke", "ek.recover"], text, maxAdminBytes);
      const options = { hub: this.#book.hubId, publicKey: fromBase64(this.adminKey, 32), maxBytes: maxAdminBytes };
      switch (typ) {
        case "ek.cosign":
          return { typ, target: this.#cosign(text, openObject("ek.cosign", text, options)) };
        case "ek.revoke":
          this.#revoke(text, openObject("ek.revoke", text, options));
          return { typ, target: null };
        case "ek.recover":
          this.#recover(text, openObject("ek.recover", text, options));
          return { typ, target: null };
      }
    } catch (error) {
      if (error instanceof MeshError) {
        throw new HubRefusal(
          "bad_params",
          `The object is not one that the admin key signed: ${error.message} (${error.code})`,
        );
      }
      throw error;
    }
  }

  /** Makes the next key and its pins for an admin to sign; the same again until it is applied. */
  propose(): Proposal {
    if (this.adminKey === null) {
      throw new HubRefusal(
        "not_configured",
        "No admin key is set, so nobody can sign a recovery",
        "Recover without a signature: each agent then has to accept the new key by hand",
      );
    }
    const known = this.#proposal();
    if (known !== null) return known;
    return this.#book.change((change) => {
      if (!this.#tls.hasNext) this.#tls.prepareNext(change, this.#book);
      const seed = newSeed();
      const proposal: Proposal = {
        epoch: this.#book.wide.epoch + 1,
        keyIndex: this.#keys.current.index + 1,
        signingKey: toBase64(signingKeyOf(seed).publicKey),
        tlsSpki: this.#tls.pins,
      };
      this.#book.store.setSecret("signing_proposed", seed);
      change.meta("proposal", JSON.stringify(proposal));
      change.topics.add("keys");
      return proposal;
    });
  }

  /** A new key and epoch that nobody vouches for. */
  recoverUnsigned(): void {
    if (this.adminKey !== null) {
      throw new HubRefusal("conflict", "An admin key is set: its holder has to sign the recovery");
    }
    const seed = newSeed();
    const key = signingKeyOf(seed);
    const [epoch, keyIndex] = [this.#book.wide.epoch + 1, this.#keys.current.index + 1];
    this.#book.change((change) => {
      this.#goOn(change, seed, epoch, keyIndex);
      // signed by the new key itself: an agent takes it only when root there has compared that key's fingerprint
      const text = sealObject("ek.recover", this.#book.hubId, {
        epoch,
        key_index: keyIndex,
        signing_key: toBase64(key.publicKey),
        tls_spki: [...this.#tls.pins],
        issued_at: meshTime(this.#keys.current.sinceUs),
      }, key);
      this.#book.store.addKeyObject({ kind: "ek.recover", text });
    });
  }

  #cosign(text: string, cosign: { node_id: NodeId; mesh_ip: string; serial: number; not_after: string }): string {
    const node = this.#book.nodes.get(cosign.node_id);
    if (node === undefined || node.row.state !== "active") {
      throw new HubRefusal("not_found", `There is no active node ${cosign.node_id} to co-sign`);
    }
    if (cosign.mesh_ip !== node.meshIp) {
      throw new HubRefusal(
        "bad_params",
        `The co-signature is for ${cosign.mesh_ip}: ${node.row.name} has ${node.meshIp}`,
      );
    }
    const before = node.row.cosign === null ? -1 : readObject("ek.cosign", node.row.cosign).serial;
    if (cosign.serial <= before) {
      throw new HubRefusal(
        "conflict",
        `The co-signature's serial must be above ${before}: current value is ${cosign.serial}`,
      );
    }
    this.#book.change((change) => {
      change.update(node, { cosign: text });
      change.broadcast({ type: "peer_cosigned", body: canonicalText({ peer_id: node.id, cosign: text }) }, node);
    });
    return node.id;
  }

  #revoke(text: string, { serial }: Revocation): void {
    const before = this.revocation?.serial ?? -1;
    if (serial <= before) {
      throw new HubRefusal("conflict", `The revocation's serial must be above ${before}: current value is ${serial}`);
    }
    this.#book.change((change) => {
      change.meta("revocation", text);
      change.assign(this.#book.wide, "revocation", text);
      change.broadcast({ type: "revocation_updated", body: canonicalText({ revocation: text }) });
      change.topics.add("keys");
    });
  }

  #recover(text: string, recovery: Recovery): void {
    const proposal = this.#proposal();
    const seed = this.#book.store.secret("signing_proposed");
    const fits = proposal !== null && seed !== null && recovery.epoch === proposal.epoch &&
      recovery.key_index === proposal.keyIndex && recovery.signing_key === proposal.signingKey &&
      canonicalText(recovery.tls_spki) === canonicalText(proposal.tlsSpki);
    if (!fits || seed === null) {
      throw new HubRefusal(
        "conflict",
        "The recovery is not the one that this hub proposed last",
        "Ask the hub for a proposal, sign exactly that, and apply it",
      );
    }
    this.#book.change((change) => {
      this.#book.store.addKeyObject({ kind: "ek.recover", text });
      this.#goOn(change, seed, recovery.epoch, recovery.key_index);
    });
  }

  #goOn(change: MeshChange, seed: Uint8Array, epoch: number, keyIndex: number): void {
    this.#keys.replace(change, seed, keyIndex);
    change.meta("epoch", String(epoch));
    change.assign(this.#book.wide, "epoch", epoch);
    // what was stored belongs to the epoch before
    this.#book.clearEvents(change);
    // an older copy may hold tokens that were used since
    for (const token of this.#book.store.tokens()) {
      if (token.secret !== null) {
        this.#book.store.putToken({ ...token, secret: null, revokedUs: this.#keys.current.sinceUs });
      }
    }
    change.topics.add("tokens");
    this.#book.store.setSecret("signing_proposed", null);
    change.meta("proposal", null);
    this.#stop(change, []);
    for (const node of this.#book.active) change.closed.add(node);
    change.topics.add("keys");
  }

  #proposal(): Proposal | null {
    const text = this.#book.store.meta("proposal");
    const proposal = text === null ? null : JSON.parse(text) as Proposal;
    // a rotation since then, of either key, makes another one necessary
    const stands = proposal !== null && proposal.epoch === this.#book.wide.epoch + 1 &&
      proposal.keyIndex > this.#keys.current.index && canonicalText(proposal.tlsSpki) === canonicalText(this.#tls.pins);
    return stands ? proposal : null;
  }

  #stop(change: MeshChange, claims: readonly Claim[]): void {
    const reason = reasonOf(claims);
    change.meta("stopped", reason === null ? null : JSON.stringify(claims));
    const before = this.#claims;
    this.#claims = claims;
    change.undo(() => {
      this.#claims = before;
    });
    change.assign(this.#keys, "stopped", reason);
    change.topics.add("keys");
    change.after(() => this.#onStopped(reason));
  }
}

/** One node alone may lie, and is to be removed then: people are told how many say so. */
function reasonOf([first, ...others]: readonly Claim[]): string | null {
  if (first === undefined) return null;
  const more = others.length === 1 ? "another node says" : `${others.length} other nodes say`;
  return `${first.reason}; ${others.length === 0 ? "only this node says so" : `${more} the like`}`;
}

/** SHA-256 of a raw key in base64, lowercase hex. */
export function keySha256(publicKey: string): string {
  return sha256Hex(fromBase64(publicKey, 32));
}
