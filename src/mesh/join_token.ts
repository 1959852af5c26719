import { z } from "zod";
import { canonicalText, parseCanonical } from "./canonical.ts";
import { maxTokenCharacters } from "./constants.ts";
import { fromBase64Url, sha256Hex, toBase64Url } from "./encoding.ts";
import { base64Field, countField, hashField, hubIdField, keyField, nameField, pinsField, timeField } from "./fields.ts";
import { MeshError } from "./mesh_error.ts";
import { parseShape } from "./parse_shape.ts";

const joinTokenSchema = z.strictObject({
  /** Where the hub answers: `https://host:port`, nothing behind. */
  url: z.string().max(300).refine(isOrigin, "not an https origin"),
  hub: hubIdField,
  /** SHA-256 of the hub's current signing key. */
  key: hashField,
  key_index: countField,
  tls_spki: pinsField,
  /** Raw Ed25519 key of the admin; its holder co-signs nodes and recovers the hub. */
  admin: keyField.optional(),
  /** Whether the node takes only peers that the admin co-signed. */
  cosign: z.boolean(),
  id: nameField,
  /** 32 bytes; never sent. */
  secret: base64Field(32),
  expires_at: timeField,
  /** Group that the node starts in; empty: none. */
  group: z.union([nameField, z.literal("")]),
}).refine(({ admin, cosign }) => admin !== undefined || !cosign, "co-signing takes an admin key");

/** All that a new node has to know of its hub. */
export type JoinToken = z.infer<typeof joinTokenSchema>;

/**
 * The one string that a new node is given. It holds a secret: show it once, do not log it.
 *
 * @throws MeshError `E_FORM` when the members are not those of a token
 */
export function formatJoinToken(token: JoinToken): string {
  const body = `ekj1.${toBase64Url(Buffer.from(canonicalText(parseShape(joinTokenSchema, token, "The join token"))))}`;
  return `${body}.${checksum(body)}`;
}

/**
 * Reads a join token. The sum at its end finds what was cut or mistyped on the way; it does not prove who made it.
 *
 * @throws MeshError `E_TOKEN`
 */
export function parseJoinToken(text: string): JoinToken {
  if (text.length > maxTokenCharacters) throw new MeshError("E_TOKEN", "Too long for a join token");
  const match = /^(ekj1\.([\w-]+))\.([0-9a-f]{8})$/.exec(text);
  if (match === null) throw new MeshError("E_TOKEN", "Not a join token: those look like ekj1.….…, copy all of it");
  const [, body = "", payload = "", sum] = match;
  if (checksum(body) !== sum) {
    throw new MeshError("E_TOKEN", "A join token with a mistyped or missing part: copy it again");
  }
  try {
    const json = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(fromBase64Url(payload));
    return parseShape(joinTokenSchema, parseCanonical(json, maxTokenCharacters), "The join token");
  } catch {
    throw new MeshError(
      "E_TOKEN",
      "A join token that this version cannot read: make it with a hub of the same version",
    );
  }
}

function checksum(body: string): string {
  return sha256Hex(body).slice(0, 8);
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === "https:" && new URL(text).origin === text;
}
