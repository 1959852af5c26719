import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const comparisonKey = randomBytes(32);

/** Compares two secrets in a time that tells neither their content nor their length. */
export function sameSecret(one: string, other: string): boolean {
  return timingSafeEqual(keyedDigest(comparisonKey, one), keyedDigest(comparisonKey, other));
}

/** HMAC-SHA-256 of the text. */
export function keyedDigest(key: Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text, "utf8").digest();
}

/** SHA-256 of a random secret, for the store: 256 random bits need neither salt nor cost. */
export function secretDigest(secret: string): Uint8Array {
  return createHash("sha256").update(secret, "utf8").digest();
}
