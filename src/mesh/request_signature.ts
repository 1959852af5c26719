import { compactVerify } from "jose";
import { z } from "zod";
import { requestLifeMs } from "./constants.ts";
import { fromBase64Url, sha256, toBase64, toBase64Url } from "./encoding.ts";
import { countField, hubIdField, nodeIdField } from "./fields.ts";
import type { HubId, NodeId } from "./ids.ts";
import { isSigningPublicKey, newSeed, type SigningKey } from "./keys.ts";
import { MeshError } from "./mesh_error.ts";
import { parseShape } from "./parse_shape.ts";

const scheme = "EdgekeepSig ";
const protectedHeader = '{"alg":"EdDSA","typ":"ek-request+jwt"}';
const maxHeaderCharacters = 2048;

const digest43 = z.string().regex(/^[\w-]{43}$/);

const claimsSchema = z.strictObject({
  iss: nodeIdField,
  aud: hubIdField,
  htm: z.string().regex(/^[A-Z]{1,10}$/),
  htu: z.string().regex(/^\/[\x21-\x7e]{0,1023}$/),
  bh: digest43,
  iat: countField,
  exp: countField,
  jti: z.string().regex(/^[\w-]{22}$/),
});

/** What the `Authorization` header of a request says. Times in s since the epoch. */
export type RequestClaims = z.infer<typeof claimsSchema>;

/** A request, as both ends see it. */
export interface SignedRequest {
  readonly nodeId: NodeId;
  readonly hub: HubId;
  /** In capitals. */
  readonly method: string;
  /** Path with query, exactly as sent. */
  readonly path: string;
  /** Bytes as sent, compressed ones too; empty when there are none. */
  readonly body: Uint8Array;
  /** Hub time, µs since the epoch. */
  readonly nowUs: number;
}

/**
 * Signs a request with the node's identity: the value of its `Authorization` header (`EdgekeepSig` and a compact JWS of
 * RFC 7515), and the nonce, base64, that the answer or the stream will name as `reply_to`.
 */
export function signRequest(
  { nodeId, hub, method, path, body, nowUs, key }: SignedRequest & { readonly key: SigningKey },
): Promise<{ header: string; nonce: string }> {
  const nonce = newSeed(16);
  const iat = Math.floor(nowUs / 1_000_000);
  const claims = {
    iss: nodeId,
    aud: hub,
    htm: method,
    htu: path,
    bh: toBase64Url(sha256(body)),
    iat,
    exp: iat + requestLifeMs / 1000,
    jti: toBase64Url(nonce),
  };
  const payload = JSON.stringify(parseShape(claimsSchema, claims, "The request"));
  const signed = `${toBase64Url(Buffer.from(protectedHeader))}.${toBase64Url(Buffer.from(payload))}`;
  const signature = toBase64Url(key.sign(Buffer.from(signed)));
  return Promise.resolve({ header: `${scheme}${signed}.${signature}`, nonce: toBase64(nonce) });
}

/**
 * Reads the claims of an `Authorization` header **without** verifying them: to find the key of `iss`.
 *
 * @throws MeshError `E_SIZE`, `E_FORM`
 */
export function readRequestClaims(header: string): RequestClaims {
  return read(header).claims;
}

/**
 * Verifies the signature of a request. Whether the node is active and the `jti` new is the caller's to say; a `jti` has
 * to be kept until `expUs` and 60 s.
 *
 * @returns `jti`, its end, and the nonce (base64) that answers name as `reply_to`
 * @throws MeshError `E_SIZE`, `E_FORM`, `E_KEY`, `E_SIGNATURE` (also: made for another method, path or body), `E_HUB`,
 *   `E_AUDIENCE` (another node's), `E_AGE`
 */
export async function verifyRequest(
  { header, publicKey, nodeId, hub, method, path, body, nowUs }: SignedRequest & {
    readonly header: string;
    readonly publicKey: Uint8Array;
  },
): Promise<{ jti: string; expUs: number; nonce: string }> {
  const { jws, claims } = read(header);
  if (claims.aud !== hub) throw new MeshError("E_HUB", "A request to another hub");
  if (claims.iss !== nodeId) throw new MeshError("E_AUDIENCE", "A request of another node");
  if (!isSigningPublicKey(publicKey)) throw new MeshError("E_KEY", "The node's identity key is not usable");
  const jwk = { kty: "OKP", crv: "Ed25519", x: toBase64Url(publicKey) };
  await compactVerify(jws, jwk, { algorithms: ["EdDSA"] }).catch(() => {
    throw new MeshError("E_SIGNATURE", "The signature of a request does not fit the node's identity");
  });
  if (claims.htm !== method || claims.htu !== path || claims.bh !== toBase64Url(sha256(body))) {
    throw new MeshError("E_SIGNATURE", "The signature of a request is for another method, path or body");
  }
  const lifeS = requestLifeMs / 1000;
  if (claims.exp !== claims.iat + lifeS || Math.abs(claims.iat - nowUs / 1_000_000) > lifeS) {
    throw new MeshError(
      "E_AGE",
      `A request from more than ${lifeS} s before or after hub time: set the clock of the node`,
    );
  }
  return { jti: claims.jti, expUs: claims.exp * 1_000_000, nonce: toBase64(fromBase64Url(claims.jti, 16)) };
}

function read(header: string): { jws: string; claims: RequestClaims } {
  if (header.length > maxHeaderCharacters) throw new MeshError("E_SIZE", "An Authorization header that is too long");
  if (!header.startsWith(scheme)) throw new MeshError("E_FORM", "Not an Authorization header of EdgekeepSig");
  const jws = header.slice(scheme.length);
  const parts = jws.split(".");
  const [head = "", payload = "", signature = ""] = parts;
  // One header only: no algorithm to choose, no key or certificate to take from whoever asks.
  if (parts.length !== 3 || textOf(head) !== protectedHeader) {
    throw new MeshError("E_FORM", "Not a compact JWS with the protected header of a request");
  }
  fromBase64Url(signature, 64);
  let claims: unknown;
  try {
    claims = JSON.parse(textOf(payload));
  } catch {
    throw new MeshError("E_FORM", "The claims of a request are not JSON");
  }
  const read = parseShape(claimsSchema, claims, "The claims of a request");
  fromBase64Url(read.bh, 32);
  fromBase64Url(read.jti, 16);
  return { jws, claims: read };
}

function textOf(part: string): string {
  return new TextDecoder().decode(fromBase64Url(part));
}
