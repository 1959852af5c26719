import { canonicalText } from "../../src/mesh/canonical.ts";
import { sha256Hex, toBase64, toBase64Url } from "../../src/mesh/encoding.ts";
import { noNode } from "../../src/mesh/ids.ts";
import type { SigningKey } from "../../src/mesh/keys.ts";
import { adminKey, hub, hubKey, node, nodeKey, nonceOf, other, otherKey } from "../lib/mesh_keys.ts";

/** A text that has to be refused, and all that its reader needs beside it. */
export interface RefusedText {
  readonly name: string;
  readonly code: string;
  readonly reader: "canonical" | "object" | "statement" | "envelope" | "registration" | "token" | "request";
  readonly text: string;
  readonly typ?: string;
  readonly hub?: string;
  readonly public_key?: string;
  readonly audience?: string;
  readonly signing_keys?: Readonly<Record<string, string>>;
  readonly reply_to?: string;
  readonly key_sha256?: string;
  readonly key_index?: number;
  readonly max_bytes?: number;
  readonly node?: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly now?: string;
}

/** Texts that are good, from which the bad ones are made. */
export interface GoodTexts {
  readonly removed: string;
  readonly registered: string;
  readonly statement: string;
  readonly cosign: string;
  readonly token: string;
  readonly request: GoodRequest;
}

/** What `request.json` holds, as far as bad requests are made from it. */
export interface GoodRequest {
  readonly node: string;
  readonly hub: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly now: string;
  readonly protected_header: string;
  readonly claims: string;
  readonly authorization: string;
}

/** Members to replace, to add or, when undefined, to take away. */
type Change = Readonly<Record<string, unknown>>;

const canonicalFaults: readonly [string, string][] = [
  ["members out of order", '{"b":1,"a":2}'],
  ["white space", '{"a": 1}'],
  ["line feed behind", '{"a":1}\n'],
  ["byte order mark", '\ufeff{"a":1}'],
  ["member twice", '{"a":1,"a":1}'],
  ["names of digits in order of number", '{"9":1,"10":2}'],
  ["fraction", '{"a":1.5}'],
  ["integer with fraction", '{"a":1.0}'],
  ["exponent", '{"a":1e3}'],
  ["negative number", '{"a":-1}'],
  ["minus zero", '{"a":-0}'],
  ["2^53", '{"a":9007199254740992}'],
  ["null", '{"a":null}'],
  ["null in an array", '{"a":[null]}'],
  ["escape that is not needed", '{"a":"\\u0041"}'],
  ["escaped solidus", '{"a":"\\/"}'],
  ["escape in capitals", '{"a":"\\u001F"}'],
  ["lone high surrogate", '{"a":"\\ud800"}'],
  ["lone low surrogate in a name", '{"\\udc00":1}'],
  ["surrogates in the wrong order", '{"a":"\\udc00\\ud800"}'],
  ["17 levels", `{"a":${"[".repeat(16)}${"]".repeat(16)}}`],
  ["array", '["a"]'],
  ["string", '"a"'],
  ["cut", '{"a":"b'],
  ["two objects", '{"a":1}{"a":1}'],
  ["a member that would be a prototype", '{"__proto__":{"a":1}}'],
  ["nothing", ""],
];

/** Every kind of fault once, each with a signature that fits where the fault is another. */
export function refusedTexts({ removed, registered, statement, cosign, token, request }: GoodTexts): RefusedText[] {
  const envelope = {
    reader: "envelope" as const,
    hub,
    audience: node,
    signing_keys: { "0": toBase64(hubKey.publicKey) },
    reply_to: nonceOf(4),
  };
  const registration = {
    reader: "registration" as const,
    hub,
    audience: node,
    key_sha256: sha256Hex(hubKey.publicKey),
    key_index: 0,
    reply_to: nonceOf(4),
  };
  const object = { reader: "object" as const, typ: "ek.cosign", hub, public_key: toBase64(adminKey.publicKey) };
  const elsewhere = `h_${"0".repeat(32)}`;
  const event = (name: string, code: string, change: Change, key = hubKey) => ({
    name: `event: ${name}`,
    code,
    ...envelope,
    text: changed(removed, change, key),
  });
  const answer = (name: string, code: string, change: Change, key = hubKey) => ({
    name: `registration: ${name}`,
    code,
    ...registration,
    text: changed(registered, change, key),
  });
  const signed = (name: string, code: string, change: Change, key = adminKey) => ({
    name: `co-signature: ${name}`,
    code,
    ...object,
    text: changed(cosign, change, key),
  });
  const stated = (name: string, code: string, change: Change, key = nodeKey) => ({
    name: `statement: ${name}`,
    code,
    reader: "statement" as const,
    hub,
    text: changed(statement, change, key),
  });
  const { node: asking, hub: asked, method, path, body, now, authorization } = request;
  const asks = {
    reader: "request" as const,
    hub: asked,
    node: asking,
    public_key: toBase64(nodeKey.publicKey),
    method,
    path,
    body,
    now,
  };
  const claim = (name: string, code: string, change: Change) => ({
    name: `request: ${name}`,
    code,
    ...asks,
    text: signedClaims({ ...JSON.parse(request.claims), ...change }, request.protected_header),
  });
  const use = (name: string, code: string, change: Change, text = authorization) => ({
    name: `request: ${name}`,
    code,
    ...asks,
    ...change,
    text,
  });
  const { iat } = JSON.parse(request.claims);
  const identity = { publicKey: Uint8Array.of(1, ...new Uint8Array(31)) };
  const everything = { ...identity, sign: () => Uint8Array.of(1, ...new Uint8Array(63)) };
  return [
    ...canonicalFaults.map(([name, text]) => ({
      name: `text: ${name}`,
      code: "E_FORM",
      reader: "canonical" as const,
      text,
    })),
    { name: "text: larger than it may be", code: "E_SIZE", reader: "canonical", text: '{"a":"€€"}', max_bytes: 13 },
    event("of another hub", "E_HUB", { hub: elsewhere, audience: other, key_index: 1, reply_to: nonceOf(5) }, adminKey),
    event("for another node", "E_AUDIENCE", { audience: other, key_index: 1, reply_to: nonceOf(5) }, adminKey),
    event("of a key that does not verify", "E_KEY", { key_index: 1, reply_to: nonceOf(5) }, adminKey),
    event("signed with another key", "E_SIGNATURE", { reply_to: nonceOf(5) }, adminKey),
    event("that answers another request", "E_REPLY", { reply_to: nonceOf(5) }),
    event("with another sequence than was signed", "E_SIGNATURE", {
      sequence: 8,
      signature: JSON.parse(removed).signature,
    }),
    event("of version 2", "E_FORM", { v: 2 }),
    event("without a sequence", "E_FORM", { sequence: undefined }),
    event("with a member more", "E_FORM", { priority: 1 }),
    event("with a text for a sequence", "E_FORM", { sequence: "7" }),
    event("with a payload of another event", "E_FORM", { payload: { state_sha256: sha256Hex("") } }),
    event("with a day that does not exist", "E_FORM", { issued_at: "2025-02-30T10:30:00Z" }),
    event("with a nonce of 15 bytes", "E_FORM", { nonce: toBase64(new Uint8Array(15)) }),
    event("with unused bits in its base64", "E_FORM", { nonce: "AwMDAwMDAwMDAwMDAwMDAx==" }),
    { name: "event: as a co-signature", code: "E_FORM", ...object, text: removed },
    { name: "event: cut", code: "E_FORM", ...envelope, text: removed.slice(0, -1) },
    { name: "event: larger than it may be", code: "E_SIZE", ...envelope, text: removed, max_bytes: removed.length - 1 },
    answer("of another signing key", "E_KEY", payloadWithKey(registered, otherKey), otherKey),
    answer("signed with another key", "E_SIGNATURE", {}, otherKey),
    answer("of another key index", "E_KEY", { key_index: 1 }),
    answer("for another node", "E_AUDIENCE", { audience: other }),
    answer("to another registration", "E_REPLY", { reply_to: nonceOf(5) }),
    { name: "registration: another event", code: "E_FORM", ...registration, text: removed },
    signed("of another hub", "E_HUB", { hub: elsewhere }),
    signed("of another admin", "E_SIGNATURE", {}, otherKey),
    signed("with an address of IPv6", "E_FORM", { mesh_ip: "fd00::1" }),
    signed("with a signature of 63 bytes", "E_FORM", { signature: toBase64(new Uint8Array(63)) }),
    stated("of another hub", "E_HUB", { hub: elsewhere }),
    stated("for another node", "E_AUDIENCE", { node_id: other }),
    stated("signed with another key", "E_SIGNATURE", {}, otherKey),
    stated("with generation 0", "E_FORM", { generation: 0 }),
    stated("with a WireGuard key of small order", "E_KEY", { wireguard_key: toBase64(new Uint8Array(32)) }),
    stated("with an identity of small order, for which any text is signed", "E_KEY", {
      node_id: `n_${sha256Hex(identity.publicKey).slice(0, 32)}`,
      identity_key: toBase64(identity.publicKey),
    }, everything),
    stated("with a KEM key of 1183 bytes", "E_FORM", { kem_key: toBase64(new Uint8Array(1183)) }),
    { name: "revocation: not sorted", code: "E_FORM", ...object, typ: "ek.revoke", text: unsortedRevocation() },
    { name: "token: mistyped", code: "E_TOKEN", reader: "token", text: token.replace("ekj1.e", "ekj1.f") },
    { name: "token: cut", code: "E_TOKEN", reader: "token", text: token.slice(0, -1) },
    {
      name: "token: without TLS",
      code: "E_TOKEN",
      reader: "token",
      text: tokenWith(token, { url: "http://hub.example" }),
    },
    {
      name: "token: co-signing without an admin",
      code: "E_TOKEN",
      reader: "token",
      text: tokenWith(token, { admin: undefined }),
    },
    use("to another hub", "E_HUB", { hub: elsewhere }),
    use("of another node", "E_AUDIENCE", { node: other }),
    use("with another method", "E_SIGNATURE", { method: "PUT" }),
    use("with another path", "E_SIGNATURE", { path: `${path}?x=1` }),
    use("with another body", "E_SIGNATURE", { body: `${body} ` }),
    use("of another identity", "E_SIGNATURE", { public_key: toBase64(otherKey.publicKey) }),
    use("61 s old", "E_AGE", { now: "2025-01-15T10:31:01Z" }),
    use("from in 61 s", "E_AGE", { now: "2025-01-15T10:28:59Z" }),
    use("with a bearer", "E_FORM", {}, authorization.replace("EdgekeepSig", "Bearer")),
    use("cut", "E_FORM", {}, authorization.slice(0, -2)),
    use("without its signature", "E_FORM", {}, authorization.slice(0, authorization.lastIndexOf(".") + 1)),
    use("longer than 2048 characters", "E_SIZE", {}, `${authorization}${"A".repeat(2048)}`),
    claim("good for an hour", "E_AGE", { exp: iat + 3600 }),
    claim("with a claim more", "E_FORM", { admin: true }),
    claim("with a jti of 15 bytes", "E_FORM", { jti: toBase64Url(new Uint8Array(15)) }),
    {
      ...claim("with an algorithm of its own", "E_FORM", {}),
      text: signedClaims(JSON.parse(request.claims), '{"alg":"none","typ":"ek-request+jwt"}'),
    },
    { name: "token: with a member more", code: "E_TOKEN", reader: "token", text: tokenWith(token, { more: 1 }) },
  ];
}

/** A good text with members changed and signed again, unless the signature is one of the changes. */
function changed(text: string, change: Change, key: Pick<SigningKey, "sign">): string {
  const { signature: _, ...members } = { ...JSON.parse(text), ...change };
  const signature = change.signature ?? toBase64(key.sign(Buffer.from(canonicalText(members))));
  return canonicalText({ ...members, signature });
}

function payloadWithKey(text: string, key: SigningKey): Change {
  return { payload: { ...JSON.parse(text).payload, signing_key: toBase64(key.publicKey) } };
}

/** A request's header with these claims and a signature of the node that fits. */
function signedClaims(claims: object, protectedHeader: string): string {
  const input = [protectedHeader, JSON.stringify(claims)].map((part) => toBase64Url(Buffer.from(part))).join(".");
  return `EdgekeepSig ${input}.${toBase64Url(nodeKey.sign(Buffer.from(input)))}`;
}

function unsortedRevocation(): string {
  const members = { typ: "ek.revoke", v: 1, hub, serial: 3, node_ids: [node, noNode] };
  return canonicalText({ ...members, signature: toBase64(adminKey.sign(Buffer.from(canonicalText(members)))) });
}

function tokenWith(token: string, change: object): string {
  const members = { ...JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()), ...change };
  const body = `ekj1.${toBase64Url(Buffer.from(canonicalText(members)))}`;
  return `${body}.${sha256Hex(body).slice(0, 8)}`;
}
