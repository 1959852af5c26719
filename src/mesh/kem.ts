import { MeshError } from "./mesh_error.ts";

/** Sizes of ML-KEM-768 (FIPS 203), bytes; the seed is d‖z. */
export const kemSizes = { seed: 64, publicKey: 1184, ciphertext: 1088, secret: 32 } as const;

/** An ML-KEM-768 key pair: what others need to send its owner a secret, and a handle of what opens it. */
export interface KemKey {
  /** Raw, 1184 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** Not extractable. */
  readonly privateKey: CryptoKey;
}

/** The part of WebCrypto that the type library does not know yet ("Modern Algorithms in the Web Cryptography API"). */
interface KemCrypto {
  importKey(
    format: "raw-seed" | "raw-public",
    data: BufferSource,
    algorithm: string,
    extractable: boolean,
    usages: readonly ("encapsulateBits" | "decapsulateBits")[],
  ): Promise<CryptoKey>;
  exportKey(format: "raw-public", key: CryptoKey): Promise<ArrayBuffer>;
  getPublicKey(key: CryptoKey, usages: readonly "encapsulateBits"[]): Promise<CryptoKey>;
  encapsulateBits(algorithm: string, key: CryptoKey): Promise<{ ciphertext: ArrayBuffer; sharedKey: ArrayBuffer }>;
  decapsulateBits(algorithm: string, key: CryptoKey, ciphertext: BufferSource): Promise<ArrayBuffer>;
}

const algorithm = "ML-KEM-768";
const subtle = crypto.subtle as unknown as KemCrypto;

/** @param seed 64 bytes, d‖z of FIPS 203 */
export async function kemKeyOf(seed: Uint8Array): Promise<KemKey> {
  if (seed.length !== kemSizes.seed) throw new RangeError(`Cannot make a KEM key of ${seed.length} bytes: it takes 64`);
  const privateKey = await subtle.importKey("raw-seed", new Uint8Array(seed), algorithm, false, ["decapsulateBits"]);
  const publicKey = await subtle.getPublicKey(privateKey, ["encapsulateBits"]);
  return { publicKey: new Uint8Array(await subtle.exportKey("raw-public", publicKey)), privateKey };
}

/**
 * A fresh secret of 32 bytes, and the ciphertext of 1088 that brings it to the owner of a public key.
 *
 * @throws MeshError `E_KEY` when the public key is not one of ML-KEM-768 (FIPS 203 §7.2)
 */
export async function encapsulate(
  publicKey: Uint8Array,
): Promise<{ ciphertext: Uint8Array<ArrayBuffer>; secret: Uint8Array<ArrayBuffer> }> {
  try {
    const key = await subtle.importKey("raw-public", new Uint8Array(publicKey), algorithm, true, ["encapsulateBits"]);
    const { ciphertext, sharedKey } = await subtle.encapsulateBits(algorithm, key);
    return { ciphertext: new Uint8Array(ciphertext), secret: new Uint8Array(sharedKey) };
  } catch {
    throw new MeshError("E_KEY", "Not a usable ML-KEM-768 key");
  }
}

/**
 * The secret of 32 bytes that a ciphertext brings. A ciphertext that was changed, or made for another key, gives
 * another secret and no error (FIPS 203 §6.3): the two sides have to confirm what they got.
 *
 * @throws MeshError `E_PSK` when the ciphertext is not of 1088 bytes
 */
export async function decapsulate(key: KemKey, ciphertext: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  if (ciphertext.length !== kemSizes.ciphertext) {
    throw new MeshError("E_PSK", `Not a ciphertext of ML-KEM-768: it has ${ciphertext.length} bytes`);
  }
  return new Uint8Array(await subtle.decapsulateBits(algorithm, key.privateKey, new Uint8Array(ciphertext)));
}
