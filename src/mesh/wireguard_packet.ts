import { timingSafeEqual } from "node:crypto";
import { blake2s } from "@noble/hashes/blake2.js";

/** Kinds of WireGuard's messages (WireGuard whitepaper §5.4). */
export type PacketKind = "initiation" | "response" | "cookie" | "transport";

/** Sizes in bytes; a transport message has at least so many. */
export const packetSizes: Readonly<Record<PacketKind, number>> = {
  initiation: 148,
  response: 92,
  cookie: 64,
  transport: 32,
};

const kinds: readonly (PacketKind | undefined)[] = [undefined, "initiation", "response", "cookie", "transport"];

/** What kind of message a UDP payload is, by its type, its reserved zeros and its size; null for everything else. */
export function packetKind(packet: Uint8Array): PacketKind | null {
  const kind = kinds[packet[0] ?? 0];
  if (kind === undefined || packet[1] !== 0 || packet[2] !== 0 || packet[3] !== 0) return null;
  const fits = kind === "transport" ? packet.length >= packetSizes[kind] : packet.length === packetSizes[kind];
  return fits ? kind : null;
}

/** The index that the sender of an initiation or a response calls its session by; null for other packets. */
export function senderIndex(packet: Uint8Array): number | null {
  const kind = packetKind(packet);
  return kind === "initiation" || kind === "response" ? littleEndian32(packet, 4) : null;
}

/** The index of the receiver's session that a response, a cookie or a transport message is for; null for other packets. */
export function receiverIndex(packet: Uint8Array): number | null {
  const kind = packetKind(packet);
  if (kind === "response") return littleEndian32(packet, 8);
  return kind === "cookie" || kind === "transport" ? littleEndian32(packet, 4) : null;
}

/**
 * The key of `mac1` for messages to one receiver: BLAKE2s-256("mac1----" ‖ its public key). Worth keeping: it is half
 * of the work.
 *
 * @param publicKey raw WireGuard key of the receiver
 */
export function mac1Key(publicKey: Uint8Array): Uint8Array {
  return blake2s(Buffer.concat([Buffer.from("mac1----"), publicKey]));
}

/**
 * The `mac1` that an initiation or a response to the owner of a key has to have, 16 bytes; null for other packets.
 *
 * @param publicKey raw WireGuard key of the receiver
 */
export function mac1Of(packet: Uint8Array, publicKey: Uint8Array): Uint8Array | null {
  return mac1With(packet, mac1Key(publicKey));
}

/** Whether a packet is an initiation or a response that was made for the owner of a key. */
export function hasMac1(packet: Uint8Array, publicKey: Uint8Array): boolean {
  return hasMac1With(packet, mac1Key(publicKey));
}

/** As {@link hasMac1}, with a kept {@link mac1Key}. */
export function hasMac1With(packet: Uint8Array, key: Uint8Array): boolean {
  const expected = mac1With(packet, key);
  // mac1 and mac2, 16 bytes each, end both kinds.
  return expected !== null && timingSafeEqual(expected, packet.slice(packet.length - 32, packet.length - 16));
}

function mac1With(packet: Uint8Array, key: Uint8Array): Uint8Array | null {
  const kind = packetKind(packet);
  if (kind !== "initiation" && kind !== "response") return null;
  return blake2s(packet.subarray(0, packet.length - 32), { key, dkLen: 16 });
}

function littleEndian32(packet: Uint8Array, offset: number): number {
  return new DataView(packet.buffer, packet.byteOffset, packet.byteLength).getUint32(offset, true);
}
