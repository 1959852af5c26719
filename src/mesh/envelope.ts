import { canonicalText } from "./canonical.ts";
import { maxObjectBytes, maxStateBytes, protocolVersion } from "./constants.ts";
import { fromBase64, newEventId, newNonce, sha256Hex, toBase64 } from "./encoding.ts";
import { type EventPayload, type EventType, type MeshEvent, type PayloadOf, readEvent } from "./events.ts";
import type { HubId, NodeId } from "./ids.ts";
import { isSigningPublicKey, type SigningKey } from "./keys.ts";
import { MeshError } from "./mesh_error.ts";
import { type EventObject, objectSchemas } from "./objects.ts";
import { parseShape } from "./parse_shape.ts";
import { checkSignature, readObject } from "./signed_object.ts";

/** Stands where a signature will, for the check of the form. */
const unsigned = toBase64(new Uint8Array(64));

/** What a hub signs: one event for one node. */
export type EnvelopeMembers<T extends EventType = EventType> = {
  readonly hub: HubId;
  readonly audience: NodeId;
  readonly epoch: number;
  readonly sequence: number;
  readonly key_index: number;
  readonly event_type: T;
  readonly issued_at: string;
  /** Nonce of the request or of the stream's opening that it answers. */
  readonly reply_to: string;
  readonly payload: PayloadOf<T>;
  /** Fresh ones when absent. */
  readonly event_id?: string;
  readonly nonce?: string;
};

/** An envelope whose signature and address were checked. Age, nonce and position are still to be. */
export type Envelope =
  & Omit<EventObject, "payload">
  & {
    readonly event: MeshEvent;
    /** Exact text, as it was received. */
    readonly text: string;
  };

/** What an envelope has to be. */
export interface EnvelopeExpectation {
  readonly hub: HubId;
  /** This node; null takes a `time` for anybody, and nothing else. */
  readonly audience: NodeId | null;
  /** The raw signing key with an index; null for an index that does not verify (any more). */
  keyOf(index: number): Uint8Array | null;
  /** Nonce of our request or of our stream's opening. */
  readonly replyTo: string;
  /** Most bytes of the text; 4 MiB when absent, of which only `node_state` may use more than 1 MiB. */
  readonly maxBytes?: number;
}

/** As {@link EnvelopeMembers}, with the payload as its canonical text. */
export type EnvelopeText = Omit<EnvelopeMembers, "event_type" | "payload"> & {
  readonly event_type: string;
  readonly payload: string;
};

/**
 * The exact text of an envelope.
 *
 * @throws MeshError `E_FORM` when the members are not those of an envelope, or the payload is not that of the event
 */
export function sealEnvelope<T extends EventType>(members: EnvelopeMembers<T>, key: SigningKey): string {
  // A state is made of what its events brought; reading 1,000 peers again would take half of the time of sealing.
  if (members.event_type !== "node_state") readEvent(members.event_type, members.payload);
  return sealEnvelopeText({ ...members, payload: canonicalText(members.payload) }, key);
}

/**
 * The exact text of an envelope whose payload is a text already: stored, or put together from parts, so that half a
 * megabyte of state is not parsed to be written again. The caller answers for the payload being canonical.
 *
 * @throws MeshError `E_FORM` when the other members are not those of an envelope
 */
export function sealEnvelopeText(members: EnvelopeText, key: SigningKey): string {
  const { hub, payload, reply_to, sequence, event_id = newEventId(), nonce = newNonce(), ...rest } = members;
  const before = { ...rest, hub, event_id, nonce };
  const whole = {
    ...before,
    payload: {},
    reply_to,
    sequence,
    signature: unsigned,
    typ: "ek.event",
    v: protocolVersion,
  };
  parseShape(objectSchemas["ek.event"], whole, "ek.event");
  const head = `${canonicalText(before).slice(0, -1)},"payload":${payload},${
    canonicalText({ reply_to, sequence }).slice(1, -1)
  }`;
  const tail = `,${canonicalText({ typ: "ek.event", v: protocolVersion }).slice(1)}`;
  return `${head},"signature":"${toBase64(key.sign(Buffer.from(head + tail)))}"${tail}`;
}

/**
 * Takes an envelope: size, form, hub, audience, key index, signature, reply_to, in this order. The payload is read when
 * the signature fits.
 *
 * @throws MeshError `E_SIZE`, `E_FORM`, `E_HUB`, `E_AUDIENCE`, `E_KEY`, `E_SIGNATURE`, `E_REPLY`
 */
export function openEnvelope(text: string, expected: EnvelopeExpectation): Envelope {
  return open(text, expected, ({ key_index }) => {
    const publicKey = expected.keyOf(key_index);
    if (publicKey === null) {
      throw new MeshError("E_KEY", `Signed with the hub's key ${key_index}, which does not verify`);
    }
    return publicKey;
  });
}

/** The answer to a registration, where the key that signed it comes with it and is known by its hash only. */
export interface RegistrationExpectation {
  readonly hub: HubId;
  readonly audience: NodeId;
  /** `key` of the join token: SHA-256 of the signing key, hex. */
  readonly keySha256: string;
  /** `key_index` of the join token. */
  readonly keyIndex: number;
  /** Nonce of the `ek.register`. */
  readonly replyTo: string;
}

/** An envelope with the event `registered`. */
export type RegistrationEnvelope = Envelope & { readonly event: Extract<EventPayload, { type: "registered" }> };

/**
 * Takes the answer to a registration: the signing key in it has to hash to what the token pins, before it verifies.
 *
 * @throws MeshError as {@link openEnvelope}; `E_KEY` when the key or its index is not the token's
 */
export function openRegistration(text: string, expected: RegistrationExpectation): RegistrationEnvelope {
  const envelope = open(text, { ...expected, maxBytes: maxObjectBytes }, (claim) => {
    const event = readEvent(claim.event_type, claim.payload);
    if (event.type !== "registered") throw new MeshError("E_FORM", "The answer to a registration is another event");
    const publicKey = fromBase64(event.payload.signing_key);
    if (
      claim.key_index !== expected.keyIndex || sha256Hex(publicKey) !== expected.keySha256 ||
      !isSigningPublicKey(publicKey)
    ) throw new MeshError("E_KEY", "The hub's signing key is not the one that the join token names");
    return publicKey;
  });
  if (envelope.event.type !== "registered") throw new MeshError("E_FORM", "Not the answer to a registration");
  return { ...envelope, event: envelope.event };
}

function open(
  text: string,
  expected: Omit<EnvelopeExpectation, "keyOf">,
  keyOf: (claim: EventObject) => Uint8Array,
): Envelope {
  const object = readObject("ek.event", text, expected.maxBytes ?? maxStateBytes);
  const { payload, ...rest } = object;
  if (object.event_type !== "node_state" && Buffer.byteLength(text) > maxObjectBytes) {
    throw new MeshError("E_SIZE", `Larger than the ${maxObjectBytes} bytes that an event may have`);
  }
  if (object.hub !== expected.hub) throw new MeshError("E_HUB", "An event of another hub");
  if (expected.audience === null ? object.event_type !== "time" : object.audience !== expected.audience) {
    throw new MeshError("E_AUDIENCE", "An event for another node");
  }
  checkSignature("ek.event", text, object, keyOf(object));
  if (object.reply_to !== expected.replyTo) throw new MeshError("E_REPLY", "An event that answers another request");
  return { ...rest, event: readEvent(object.event_type, payload), text };
}
