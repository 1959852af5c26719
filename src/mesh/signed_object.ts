import { canonicalText, type JsonValue, parseCanonical } from "./canonical.ts";
import { maxObjectBytes, protocolVersion } from "./constants.ts";
import { fromBase64, toBase64 } from "./encoding.ts";
import type { HubId } from "./ids.ts";
import { type SigningKey, verifySignature } from "./keys.ts";
import { MeshError } from "./mesh_error.ts";
import { type MembersOf, type ObjectOf, objectSchemas, type ObjectType } from "./objects.ts";
import { parseShape } from "./parse_shape.ts";

/** What an object has to be beside well-formed. */
export interface OpenOptions {
  readonly hub: HubId;
  /** Raw Ed25519 key of whoever has to have signed it. */
  readonly publicKey: Uint8Array;
  /** Most bytes of the text; 1 MiB when absent. */
  readonly maxBytes?: number;
}

/**
 * The exact text of a signed object.
 *
 * @throws MeshError `E_FORM` when the members are not what the `typ` takes
 */
export function sealObject<T extends ObjectType>(typ: T, hub: HubId, members: MembersOf<T>, key: SigningKey): string {
  const unsigned = { ...members, typ, v: protocolVersion, hub };
  const text = canonicalText(unsigned);
  const signature = toBase64(key.sign(Buffer.from(text)));
  parseShape(objectSchemas[typ], { ...unsigned, signature }, typ);
  const tail = tailBehindSignature(unsigned);
  return `${text.slice(0, text.length - tail.length)}${signatureMember(signature)}${tail}`;
}

/**
 * Reads the text of a signed object **without** looking at its signature or its hub: to find out which key should have
 * signed it. What it says is a claim until {@link openObject} took it.
 *
 * @param maxBytes most bytes of the text; 1 MiB when absent
 * @throws MeshError `E_SIZE`, `E_FORM`
 */
export function readObject<T extends ObjectType>(typ: T, text: string, maxBytes = maxObjectBytes): ObjectOf<T> {
  return read(typ, text, maxBytes).object;
}

/**
 * As {@link readObject}, where the sender chooses between some kinds: mail between nodes is one of three. `typ` of the
 * answer tells which.
 *
 * @throws MeshError `E_SIZE`, `E_FORM`
 */
export function readAnyObject<T extends ObjectType>(types: readonly T[], text: string, maxBytes: number): ObjectOf<T> {
  const members = parseCanonical(text, maxBytes);
  const typ = types.find((candidate) => candidate === members.typ);
  if (typ === undefined) throw new MeshError("E_FORM", `Not a signed object of typ ${types.join(", ")}`);
  return parseShape(objectSchemas[typ], members, typ) as ObjectOf<T>;
}

/**
 * Takes a signed object: its text has to be canonical and of the shape of its `typ`, of this hub, and signed by the key.
 *
 * @throws MeshError `E_SIZE`, `E_FORM`, `E_HUB`, `E_SIGNATURE`, in this order
 */
export function openObject<T extends ObjectType>(typ: T, text: string, options: OpenOptions): ObjectOf<T> {
  const { object, members } = read(typ, text, options.maxBytes ?? maxObjectBytes);
  if (members.hub !== options.hub) throw new MeshError("E_HUB", `${typ} of another hub`);
  checkSignature(typ, text, members, options.publicKey);
  return object;
}

/**
 * Whether the signature of a text that {@link readObject} took fits a key.
 *
 * @param members all members of the text, `signature` included
 * @throws MeshError `E_SIGNATURE`
 */
export function checkSignature(
  typ: ObjectType,
  text: string,
  members: Readonly<Record<string, unknown>>,
  publicKey: Uint8Array,
): void {
  const signature = fromBase64(String(members.signature));
  if (!verifySignature(publicKey, Buffer.from(withoutSignature(text, members)), signature)) {
    throw new MeshError("E_SIGNATURE", `The signature of ${typ} does not fit the key that should have made it`);
  }
}

function read<T extends ObjectType>(typ: T, text: string, maxBytes: number) {
  const members: Record<string, JsonValue> = parseCanonical(text, maxBytes);
  if (members.typ !== typ) throw new MeshError("E_FORM", `Not a signed object of typ ${typ}`);
  return { object: parseShape(objectSchemas[typ], members, typ) as ObjectOf<T>, members };
}

/** Takes `signature` out of a canonical text instead of writing half a megabyte of state a second time. */
function withoutSignature(text: string, members: Readonly<Record<string, unknown>>): string {
  const tail = tailBehindSignature(members);
  const cut = signatureMember(String(members.signature));
  return text.slice(0, text.length - tail.length - cut.length) + tail;
}

/** How a canonical text ends, behind its `signature`. Every object has `typ` and `v` there, and `hub` before it. */
function tailBehindSignature(members: Readonly<Record<string, unknown>>): string {
  const behind = Object.entries(members).filter(([name]) => name > "signature");
  return `,${canonicalText(Object.fromEntries(behind)).slice(1)}`;
}

function signatureMember(signature: string): string {
  return `,"signature":"${signature}"`;
}
