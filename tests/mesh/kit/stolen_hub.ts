import { DatabaseSync } from "node:sqlite";
import { meshTime, newNonce } from "../../../src/mesh/encoding.ts";
import { canonicalText } from "../../../src/mesh/canonical.ts";
import { sealEnvelopeText } from "../../../src/mesh/envelope.ts";
import type { HubId, NodeId } from "../../../src/mesh/ids.ts";
import { type SigningKey, signingKeyOf } from "../../../src/mesh/keys.ts";
import type { ForgedEnvelope } from "./mitm_main.ts";

/** What a thief says in the hub's name. Numbers that are not given are those of the hub when it was robbed. */
export interface Forgery {
  readonly audience: NodeId;
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly sequence: number;
  /** Nonce of what it answers. Default: a random one. */
  readonly replyTo?: string;
  readonly epoch?: number;
  readonly keyIndex?: number;
  /** Default: now. */
  readonly issuedUs?: number;
  /** Signs in the place of the hub's key. */
  readonly key?: SigningKey;
}

/** What is in the database of a hub: all that somebody has who copied it. */
export class StolenHub {
  private constructor(
    readonly hub: HubId,
    readonly key: SigningKey,
    readonly seed: Uint8Array,
    readonly keyIndex: number,
    readonly epoch: number,
    readonly master: Uint8Array,
    readonly certificatePem: string,
    readonly privateKeyPem: string,
  ) {}

  /** Reads the file `hub.db` of a hub, which may run. */
  static read(path: string): StolenHub {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      const meta = (name: string) => String(db.prepare("SELECT value FROM meta WHERE key = ?").get(name)?.["value"]);
      const secret = (name: string) =>
        db.prepare("SELECT value FROM secret WHERE name = ?").get(name)?.["value"] as Uint8Array;
      const { index } = JSON.parse(meta("signing")) as { index: number };
      const { certificate } = JSON.parse(meta("tls")) as { certificate: string };
      return new StolenHub(
        meta("hub_id") as HubId,
        signingKeyOf(secret("signing")),
        secret("signing"),
        index,
        Number(meta("epoch")),
        secret("master"),
        certificate,
        new TextDecoder().decode(secret("tls")),
      );
    } finally {
      db.close();
    }
  }

  /** An envelope that the man in the middle is to sign with the stolen key, in answer to whatever asks. */
  envelope({ audience, type, payload, sequence, epoch, keyIndex }: Omit<Forgery, "replyTo" | "key">): ForgedEnvelope {
    return {
      hub: this.hub,
      audience,
      epoch: epoch ?? this.epoch,
      sequence,
      key_index: keyIndex ?? this.keyIndex,
      event_type: type,
      payload,
      seed: this.seed.toHex(),
    };
  }

  /** The exact text of an envelope, signed with the stolen key. */
  forge({ audience, type, payload, sequence, replyTo, epoch, keyIndex, issuedUs, key }: Forgery): string {
    return sealEnvelopeText({
      hub: this.hub,
      audience,
      epoch: epoch ?? this.epoch,
      sequence,
      key_index: keyIndex ?? this.keyIndex,
      event_type: type,
      issued_at: meshTime(issuedUs ?? Date.now() * 1000),
      reply_to: replyTo ?? newNonce(),
      payload: canonicalText(payload),
    }, key ?? this.key);
  }
}
