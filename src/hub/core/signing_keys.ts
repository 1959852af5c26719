import { previousKeyLifeMs } from "../../mesh/constants.ts";
import { meshTime, sha256Hex, toBase64 } from "../../mesh/encoding.ts";
import { sealEnvelopeText } from "../../mesh/envelope.ts";
import { type HubId, hubIdOf, type NodeId } from "../../mesh/ids.ts";
import { newSeed, type SigningKey, signingKeyOf } from "../../mesh/keys.ts";
import { readObject, sealObject } from "../../mesh/signed_object.ts";
import { HubRequestRefused } from "../hub_core.ts";
import type { HubStore } from "../store/hub_store.ts";
import type { MeshChange } from "./mesh_change.ts";

/** What an envelope says beside what all of the hub's have. */
export interface EnvelopeText {
  readonly audience: NodeId;
  readonly epoch: number;
  readonly sequence: number;
  readonly eventType: string;
  readonly eventId: string;
  readonly replyTo: string;
  /** RFC 8785 text. */
  readonly payload: string;
}

interface SigningMeta {
  readonly index: number;
  readonly sinceUs: number;
  readonly previousUntilUs: number | null;
}

/** The key that the hub signs with, and why it does not at times. */
export class SigningKeys {
  readonly hubId: HubId;
  readonly #store: HubStore;
  readonly #nowUs: () => number;
  /** Replaced as a whole, so that a change can take it back. */
  current: SigningMeta & { readonly key: SigningKey };
  /** The key before: it signs the event that tells of the present one, for nodes that know no other. Gone after a restart. */
  #previous: { readonly index: number; readonly key: SigningKey; readonly untilUs: number } | null = null;
  /** Why nothing is signed; `null`: all is well. */
  stopped: string | null;

  /** Reads the keys, and makes them when the hub is new: the first one gives the hub its id. */
  constructor(store: HubStore, nowUs: () => number) {
    this.#store = store;
    this.#nowUs = nowUs;
    const known = store.meta("signing");
    const seed = store.secret("signing");
    if (known !== null && seed !== null) {
      this.current = { ...JSON.parse(known) as SigningMeta, key: signingKeyOf(seed) };
    } else {
      const fresh = newSeed();
      const meta: SigningMeta = { index: 0, sinceUs: nowUs(), previousUntilUs: null };
      this.current = { ...meta, key: signingKeyOf(fresh) };
      store.transact(() => {
        store.setSecret("signing", fresh);
        store.setMeta("signing", JSON.stringify(meta));
        store.setMeta("hub_id", hubIdOf(this.current.key.publicKey));
      });
    }
    this.hubId = store.meta("hub_id") as HubId;
    this.stopped = null;
  }

  /** SHA-256 of the public key, lowercase hex: what tokens pin. */
  get sha256(): string {
    return sha256Hex(this.current.key.publicKey);
  }

  /** Raw public key, base64. */
  get publicKey(): string {
    return toBase64(this.current.key.publicKey);
  }

  /** The exact text of an envelope. @throws HubRequestRefused while nothing is signed, or for a nonce that is none */
  seal(envelope: EnvelopeText): string {
    if (this.stopped !== null) {
      throw new HubRequestRefused("hub_stopped", 503, "The hub signs nothing until it is recovered");
    }
    if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(envelope.replyTo)) {
      throw new HubRequestRefused("nonce_refused", 400, "The nonce is not 16 bytes of base64");
    }
    const { audience, epoch, eventId, eventType, payload, replyTo, sequence } = envelope;
    const { index, key } = this.#signerOf(eventType, payload);
    return sealEnvelopeText({
      hub: this.hubId,
      audience,
      epoch,
      sequence,
      key_index: index,
      event_type: eventType,
      event_id: eventId,
      issued_at: meshTime(this.#nowUs()),
      reply_to: replyTo,
      payload,
    }, key);
  }

  /** The next key, signed by the present one, which is forgotten. @returns exact text of the ek.keylink */
  rotate(change: MeshChange, tlsSpki: readonly string[]): string {
    const seed = newSeed();
    const key = signingKeyOf(seed);
    const nowUs = this.#nowUs();
    const index = this.current.index + 1;
    const link = sealObject("ek.keylink", this.hubId, {
      key_index: index,
      signing_key: toBase64(key.publicKey),
      tls_spki: [...tlsSpki],
      issued_at: meshTime(nowUs),
    }, this.current.key);
    const untilUs = nowUs + previousKeyLifeMs * 1000;
    const before = this.current;
    this.#take(change, seed, { index, sinceUs: nowUs, previousUntilUs: untilUs });
    change.after(() => {
      this.#previous = { index: before.index, key: before.key, untilUs };
    });
    this.#store.addKeyObject({ kind: "ek.keylink", text: link });
    return link;
  }

  /** Goes on with another key, which no link vouches for. */
  replace(change: MeshChange, seed: Uint8Array, index: number): void {
    this.#take(change, seed, { index, sinceUs: this.#nowUs(), previousUntilUs: null });
    change.after(() => {
      this.#previous = null;
    });
  }

  /** The present key, but for the event that brings it. */
  #signerOf(eventType: string, payload: string): { readonly index: number; readonly key: SigningKey } {
    if (eventType !== "signing_key_rotated" || this.#previous === null) return this.current;
    if (this.#nowUs() >= this.#previous.untilUs) this.#previous = null;
    const { link } = JSON.parse(payload) as { link: string };
    const brings = readObject("ek.keylink", link).key_index;
    return this.#previous?.index === brings - 1 ? this.#previous : this.current;
  }

  #take(change: MeshChange, seed: Uint8Array, meta: SigningMeta): void {
    this.#store.setSecret("signing", seed);
    change.meta("signing", JSON.stringify(meta));
    change.assign(this, "current", { ...meta, key: signingKeyOf(seed) });
    change.topics.add("keys");
  }
}
