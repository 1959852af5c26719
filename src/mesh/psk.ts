import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { sha256 } from "./encoding.ts";
import type { NodeId } from "./ids.ts";

/** Length of a WireGuard pre-shared key and of every secret here, bytes. */
export const pskBytes = 32;

/**
 * The hub's part of a pair's PSK: the same from both ends, another for each `psk_hub_id`.
 *
 * @param master the hub's secret, 32 bytes
 * @param pskHubId 0…2^53−1
 */
export function hubPsk(master: Uint8Array, a: NodeId, b: NodeId, pskHubId: number): Uint8Array<ArrayBuffer> {
  const [lower, higher] = a < b ? [a, b] : [b, a];
  return hkdf(master, new Uint8Array(0), `edgekeep mesh v1 hub-psk${lower}${higher}${pskHubId}`);
}

/**
 * The PSK of a pair in mode "end-to-end": of a secret that the hub only relayed, encapsulated, and of the hub's part.
 *
 * @param kemSecret of ML-KEM-768, 32 bytes; the stored one when the offer has no ciphertext
 * @param pskHub the hub's part with the offer's `psk_hub_id`, 32 bytes
 * @param offerText exact text of the `ek.psk_offer`
 */
export function endToEndPsk(kemSecret: Uint8Array, pskHub: Uint8Array, offerText: string): Uint8Array<ArrayBuffer> {
  return hkdf(joined(kemSecret, pskHub), sha256(offerText), "edgekeep mesh v1 psk");
}

/**
 * `confirm` of the `ek.psk_accept`, 32 bytes: shows that both ends derived the same key, and shows nothing of it.
 * Parameters as for {@link endToEndPsk}.
 */
export function pskConfirm(kemSecret: Uint8Array, pskHub: Uint8Array, offerText: string): Uint8Array<ArrayBuffer> {
  const offer = sha256(offerText);
  const key = hkdf(joined(kemSecret, pskHub), offer, "edgekeep mesh v1 psk confirm");
  return new Uint8Array(createHmac("sha256", key).update(offer).digest());
}

/** Whether a received confirmation is the expected one, in a time that does not tell how much of it is. */
export function isPskConfirm(expected: Uint8Array, received: Uint8Array): boolean {
  return expected.length === received.length && timingSafeEqual(expected, received);
}

/** The end of a pair that offers: the lower id. */
export function pskLeader(a: NodeId, b: NodeId): NodeId {
  return a < b ? a : b;
}

function joined(kemSecret: Uint8Array, pskHub: Uint8Array): Uint8Array {
  if (kemSecret.length !== pskBytes || pskHub.length !== pskBytes) {
    throw new RangeError(`Cannot derive a PSK of ${kemSecret.length} and ${pskHub.length} bytes: both have to be 32`);
  }
  return Buffer.concat([kemSecret, pskHub]);
}

function hkdf(secret: Uint8Array, salt: Uint8Array, info: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, pskBytes));
}
