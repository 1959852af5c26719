import { createDecipheriv } from "node:crypto";
import { blake2s } from "@noble/hashes/blake2.js";
import { hmac } from "@noble/hashes/hmac.js";
import { isWireGuardPublicKey, sharedSecret, type WireGuardKey } from "./keys.ts";
import { hasMac1, packetKind } from "./wireguard_packet.ts";

/** Who sent a handshake initiation, and when by its own clock. */
export interface Initiation {
  /** The initiator's static key, raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 12 bytes; of two, the later one is the greater one byte by byte. A receiver takes none that is not above the last. */
  readonly tai64n: Uint8Array;
}

const construction = blake2s(Buffer.from("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"));
const identifier = hash(construction, Buffer.from("WireGuard v1 zx2c4 Jason@zx2c4.com"));
/** Each key seals one message: its counter is always 0. */
const zeroNonce = new Uint8Array(12);

/**
 * Opens the first message of WireGuard's handshake (Noise_IKpsk2, WireGuard whitepaper §5.4.2) without answering it:
 * `mac1`, then the initiator's static key and timestamp. Only the holder of that static key can have made it; it may be
 * a copy of an older one, which the timestamp tells.
 *
 * @param responderKey the key that the initiation is for
 * @returns null for everything that is not an initiation to this key
 */
export function openInitiation(packet: Uint8Array, responderKey: WireGuardKey): Initiation | null {
  if (packetKind(packet) !== "initiation" || !hasMac1(packet, responderKey.publicKey)) return null;
  const ephemeral = packet.slice(8, 40);
  if (!isWireGuardPublicKey(ephemeral)) return null;
  const sealedStatic = packet.slice(40, 88);
  const hash1 = hash(hash(identifier, responderKey.publicKey), ephemeral);
  const chain1 = expand(construction, ephemeral, 1)[0];
  const [chain2, key2] = expand(chain1, sharedSecret(responderKey.privateKey, ephemeral), 2);
  const publicKey = unseal(key2, sealedStatic, hash1);
  if (publicKey === null || !isWireGuardPublicKey(publicKey)) return null;
  const [, key3] = expand(chain2, sharedSecret(responderKey.privateKey, publicKey), 2);
  const tai64n = unseal(key3, packet.slice(88, 116), hash(hash1, sealedStatic));
  return tai64n === null ? null : { publicKey, tai64n };
}

/**
 * Whether a timestamp of an initiation is later than another.
 *
 * @param last null: there was none
 */
export function isLaterTai64n(tai64n: Uint8Array, last: Uint8Array | null): boolean {
  return last === null || Buffer.compare(tai64n, last) > 0;
}

function hash(a: Uint8Array, b: Uint8Array): Uint8Array {
  return blake2s(Buffer.concat([a, b]));
}

/** HKDF of Noise, with HMAC-BLAKE2s; the second output is empty when only one is asked for. */
function expand(chain: Uint8Array, input: Uint8Array, outputs: 1 | 2): [Uint8Array, Uint8Array] {
  const secret = hmac(blake2s, chain, input);
  const first = hmac(blake2s, secret, Uint8Array.of(1));
  return [first, outputs === 1 ? new Uint8Array(0) : hmac(blake2s, secret, Buffer.concat([first, Uint8Array.of(2)]))];
}

function unseal(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | null {
  const cut = sealed.length - 16;
  const decipher = createDecipheriv("chacha20-poly1305", key, zeroNonce, { authTagLength: 16 });
  decipher.setAAD(associated, { plaintextLength: cut });
  decipher.setAuthTag(sealed.subarray(cut));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, cut)), decipher.final()]));
  } catch {
    return null;
  }
}
