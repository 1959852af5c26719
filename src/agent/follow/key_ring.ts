import { previousKeyLifeMs } from "../../mesh/constants.ts";
import { fromBase64, sha256Hex } from "../../mesh/encoding.ts";
import { isSigningPublicKey } from "../../mesh/keys.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { openObject, readObject } from "../../mesh/signed_object.ts";
import type { Trust } from "../files/trust.ts";

/** Where a {@link KeyRing} keeps what it trusts. */
export interface KeyRingOptions {
  readonly trust: Trust;
  /** Stores it; when that rejects nothing has changed. */
  readonly save: (trust: Trust) => Promise<void>;
  readonly monotonicMs?: () => number;
  /** The pins are others now. */
  readonly onPins?: () => void;
}

interface PreviousKey {
  readonly index: number;
  readonly key: Uint8Array;
  /** Monotonic ms. */
  readonly untilMs: number;
}

/**
 * The hub's keys as this node trusts them. A link is signed by the key before it and the first one that is applied is
 * final; the key before still verifies for ten minutes, and never links. A recovery is signed by the admin's key.
 */
export class KeyRing {
  readonly #options: KeyRingOptions;
  readonly #monotonicMs: () => number;
  #trust: Trust;
  #key: Uint8Array;
  /** In memory alone: a hub signs with its newest key whatever it sends to an agent that was away. */
  #previous: PreviousKey | null = null;
  #turns: Promise<void> = Promise.resolve();

  constructor(options: KeyRingOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#trust = options.trust;
    this.#key = fromBase64(options.trust.signing_key, 32);
  }

  get trust(): Trust {
    return this.#trust;
  }

  /** The raw key with an index; `null` for one that does not verify (any more). */
  keyOf(index: number): Uint8Array | null {
    if (index === this.#trust.key_index) return this.#key;
    const previous = this.#previous;
    return previous !== null && index === previous.index && this.#monotonicMs() < previous.untilMs
      ? previous.key
      : null;
  }

  /**
   * Takes a link. False: it is of a key that is known or past.
   *
   * @throws MeshError when it does not continue the chain
   */
  link(text: string): Promise<boolean> {
    return this.#inTurn(() => this.#link(text));
  }

  /**
   * Takes a recovery that the admin's key signed. False: it names no epoch above `epoch`, or no admin key is known.
   *
   * @param epoch that this node is in
   * @throws MeshError `E_SIGNATURE` and others of a false one
   */
  recover(text: string, epoch: number): Promise<boolean> {
    return this.#inTurn(() => this.#recover(text, epoch));
  }

  /**
   * Takes a recovery since root compared its key with what an admin of the hub said. Its pins count only when that very
   * key signed it, as a hub without an admin key does, or the admin's: else the present ones stay, and the hub's next
   * state, which the new key signs, brings others.
   *
   * @param fingerprint SHA-256 of the signing key, hex
   * @throws MeshError `E_KEY` when its key is another, `E_HUB`
   */
  acceptRecovery(text: string, fingerprint: string): Promise<void> {
    return this.#inTurn(() => this.#acceptRecovery(text, fingerprint));
  }

  /** Has the next state count wherever it is, once, or no longer. */
  acceptAnyPosition(accept: boolean): Promise<void> {
    return this.#inTurn(async () => {
      if (accept !== this.#trust.accept_any_position) await this.#take({ accept_any_position: accept });
    });
  }

  /** Takes the pins that a state or setting of the hub names. */
  pins(tls_spki: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      if (tls_spki.join() !== this.#trust.tls_spki.join()) await this.#take({ tls_spki: [...tls_spki] });
    });
  }

  async #link(text: string): Promise<boolean> {
    const claim = readObject("ek.keylink", text);
    if (claim.key_index <= this.#trust.key_index) return false;
    if (claim.key_index !== this.#trust.key_index + 1) {
      throw new MeshError(
        "E_KEY",
        `A link to the hub's key ${claim.key_index}, while ${this.#trust.key_index} is known`,
      );
    }
    const link = openObject("ek.keylink", text, { hub: this.#trust.hub, publicKey: this.#key });
    const key = usableKey(link.signing_key);
    const before = { index: this.#trust.key_index, key: this.#key, untilMs: this.#monotonicMs() + previousKeyLifeMs };
    const { signing_key, key_index, tls_spki } = link;
    await this.#take({ signing_key, key_index, tls_spki }, { key, previous: before });
    return true;
  }

  async #recover(text: string, epoch: number): Promise<boolean> {
    const { admin_key, hub, recovered_epoch } = this.#trust;
    if (admin_key === undefined) return false;
    const claim = readObject("ek.recover", text);
    if (claim.epoch <= Math.max(epoch, recovered_epoch)) return false;
    const recovery = openObject("ek.recover", text, { hub, publicKey: fromBase64(admin_key, 32) });
    await this.#takeRecovered(recovery);
    return true;
  }

  async #acceptRecovery(text: string, fingerprint: string): Promise<void> {
    const { hub, admin_key, tls_spki } = this.#trust;
    const claim = readObject("ek.recover", text);
    if (claim.hub !== hub) throw new MeshError("E_HUB", "A recovery of another hub");
    const named = fromBase64(claim.signing_key);
    if (sha256Hex(named) !== fingerprint) {
      throw new MeshError("E_KEY", "A recovery to another key than the one that was named");
    }
    const signers = [named, ...admin_key === undefined ? [] : [fromBase64(admin_key, 32)]];
    const signed = signers.some((publicKey) => {
      try {
        return openObject("ek.recover", text, { hub, publicKey }) !== null;
      } catch {
        return false;
      }
    });
    await this.#takeRecovered(signed ? claim : { ...claim, tls_spki });
  }

  async #takeRecovered(
    recovery: {
      readonly epoch: number;
      readonly key_index: number;
      readonly signing_key: string;
      readonly tls_spki: readonly string[];
    },
  ): Promise<void> {
    const key = usableKey(recovery.signing_key);
    const { signing_key, key_index, tls_spki, epoch: recovered_epoch } = recovery;
    // the key before was lost or stolen
    await this.#take({ signing_key, key_index, tls_spki: [...tls_spki], recovered_epoch }, { key, previous: null });
  }

  async #take(
    patch: Partial<Trust>,
    keys?: { readonly key: Uint8Array; readonly previous: PreviousKey | null },
  ): Promise<void> {
    const trust = { ...this.#trust, ...patch };
    await this.#options.save(trust);
    const pinsBefore = this.#trust.tls_spki.join();
    this.#trust = trust;
    if (keys !== undefined) [this.#key, this.#previous] = [keys.key, keys.previous];
    if (trust.tls_spki.join() !== pinsBefore) this.#options.onPins?.();
  }

  /** What root says and what the hub says may come at once: each is judged by what the one before left. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turns.then(work);
    this.#turns = done.then(() => {}, () => {});
    return done;
  }
}

function usableKey(text: string): Uint8Array {
  const key = fromBase64(text, 32);
  if (!isSigningPublicKey(key)) throw new MeshError("E_KEY", "The hub's next signing key is not usable");
  return key;
}
