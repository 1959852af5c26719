import { previousKeyLifeMs } from "../../mesh/constants.ts";
import { meshTime, newNonce, sha256Hex, toBase64 } from "../../mesh/encoding.ts";
import { type HubId, hubIdOf, type NodeId } from "../../mesh/ids.ts";
import { newSeed, type SigningKey, signingKeyOf } from "../../mesh/keys.ts";
import { sealObject } from "../../mesh/signed_object.ts";
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

  /**
   * The exact text of an envelope. Put together from canonical parts: a state of half a megabyte is not parsed to be
   * written again.
   */
  seal(envelope: EnvelopeText): string {
    if (this.stopped !== null) {
      throw new HubRequestRefused("hub_stopped", 503, "The hub signs nothing until it is recovered");
    }
    if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(envelope.replyTo)) {
      throw new HubRequestRefused("nonce_refused", 400, "The nonce is not 16 bytes of base64");
    }
    const { audience, epoch, eventId, eventType, payload, replyTo, sequence } = envelope;
    const head = `{"audience":"${audience}","epoch":${epoch},"event_id":"${eventId}","event_type":"${eventType}",` +
      `"hub":"${this.hubId}","issued_at":"${meshTime(this.#nowUs())}","key_index":${this.current.index},` +
      `"nonce":"${newNonce()}","payload":${payload},"reply_to":"${replyTo}","sequence":${sequence}`;
    const tail = `,"typ":"ek.event","v":1}`;
    const signature = this.current.key.sign(Buffer.from(head + tail));
    return `${head},"signature":"${toBase64(signature)}"${tail}`;
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
    this.#take(change, seed, { index, sinceUs: nowUs, previousUntilUs: nowUs + previousKeyLifeMs * 1000 });
    this.#store.addKeyObject({ kind: "ek.keylink", text: link });
    return link;
  }

  /** Goes on with another key, which no link vouches for. */
  replace(change: MeshChange, seed: Uint8Array, index: number): void {
    this.#take(change, seed, { index, sinceUs: this.#nowUs(), previousUntilUs: null });
  }

  #take(change: MeshChange, seed: Uint8Array, meta: SigningMeta): void {
    this.#store.setSecret("signing", seed);
    change.meta("signing", JSON.stringify(meta));
    change.assign(this, "current", { ...meta, key: signingKeyOf(seed) });
    change.topics.add("keys");
  }
}
