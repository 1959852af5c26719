import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { MeshError } from "./mesh_error.ts";

/** A key that signs: a node's identity, a hub's signing key, an admin's key. Ed25519. */
export interface SigningKey {
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The signature of RFC 8032, 64 bytes; deterministic. */
  sign(data: Uint8Array): Uint8Array;
}

/** A WireGuard key pair, raw: Curve25519, 32 bytes each, the private key clamped as `wg genkey` does it. */
export interface WireGuardKey {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

// The DER of PKCS#8 and SPKI for keys of RFC 8410 is a fixed head and the raw key.
const pkcs8Head = { ed25519: "302e020100300506032b657004220420", x25519: "302e020100300506032b656e04220420" } as const;
const spkiHead = { ed25519: "302a300506032b6570032100", x25519: "302a300506032b656e032100" } as const;
type Curve = keyof typeof pkcs8Head;

/** 2^255−19 */
const fieldPrime = (1n << 255n) - 19n;

/** y of the points whose order divides 8: the same for a point and its negative. */
const smallOrderY: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  fieldPrime - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
]);

/** u of the points of Curve25519 and its twist with which every private key agrees on zero. */
const smallOrderU: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  fieldPrime - 1n,
  0x00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n,
  0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn,
]);

/** Random bytes for a key: 32 for Ed25519 and X25519, 64 for ML-KEM-768. */
export function newSeed(bytes = 32): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(bytes));
}

/** @param seed 32 bytes, the private key of RFC 8032 */
export function signingKeyOf(seed: Uint8Array): SigningKey {
  const key = privateKeyObject("ed25519", seed);
  return {
    publicKey: rawPublicKey(key),
    sign: (data) => new Uint8Array(sign(null, data, key)),
  };
}

/**
 * Whether 32 bytes may be somebody's Ed25519 key: the one encoding of a y below 2^255−19, not one of the eight points
 * of small order, with which a signature of anything can be made without a private key.
 */
export function isSigningPublicKey(publicKey: Uint8Array): boolean {
  return isStrongCoordinate(publicKey, smallOrderY);
}

/** Whether 32 bytes may be somebody's WireGuard key: below 2^255−19 and not of small order. */
export function isWireGuardPublicKey(publicKey: Uint8Array): boolean {
  return isStrongCoordinate(publicKey, smallOrderU);
}

/** Whether an Ed25519 signature fits. Wrong lengths, unusable keys and small-order keys give false; it never throws. */
export function verifySignature(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || !isSigningPublicKey(publicKey)) return false;
  try {
    return verify(null, data, publicKeyObject("ed25519", publicKey), signature);
  } catch {
    return false; // not a point of the curve
  }
}

/** @param seed 32 random bytes */
export function wireGuardKeyOf(seed: Uint8Array): WireGuardKey {
  const privateKey = new Uint8Array(seed);
  privateKey[0] = (privateKey[0] ?? 0) & 248;
  privateKey[31] = ((privateKey[31] ?? 0) & 127) | 64;
  return { publicKey: rawPublicKey(privateKeyObject("x25519", privateKey)), privateKey };
}

/**
 * X25519 (RFC 7748 §5), 32 bytes.
 *
 * @param wireGuardPrivate raw private key, 32 bytes
 * @param publicKey the other's raw public key
 * @throws MeshError `E_KEY` when the other key is of small order or not of 32 bytes
 */
export function sharedSecret(wireGuardPrivate: Uint8Array, publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!isWireGuardPublicKey(publicKey)) throw new MeshError("E_KEY", "Not a usable WireGuard key");
  const privateKey = privateKeyObject("x25519", wireGuardPrivate);
  return new Uint8Array(diffieHellman({ privateKey, publicKey: publicKeyObject("x25519", publicKey) }));
}

/** The sign bit of Ed25519, and the bit that X25519 ignores, are masked; y or u itself has to be reduced. */
function isStrongCoordinate(publicKey: Uint8Array, weak: ReadonlySet<bigint>): boolean {
  if (publicKey.length !== 32) return false;
  const hex = Buffer.from(publicKey).reverse().toString("hex");
  const coordinate = BigInt(`0x${hex}`) & ((1n << 255n) - 1n);
  return coordinate < fieldPrime && !weak.has(coordinate);
}

function privateKeyObject(curve: Curve, seed: Uint8Array): KeyObject {
  if (seed.length !== 32) throw new RangeError(`Cannot make a key of ${seed.length} bytes: it takes 32`);
  return createPrivateKey({ key: der(pkcs8Head[curve], seed), format: "der", type: "pkcs8" });
}

function publicKeyObject(curve: Curve, publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: der(spkiHead[curve], publicKey), format: "der", type: "spki" });
}

function der(head: string, key: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(head, "hex"), key]);
}

function rawPublicKey(privateKey: KeyObject): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32));
}
