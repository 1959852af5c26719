import { meshTime, toBase64 } from "../../src/mesh/encoding.ts";
import { hubIdOf, nodeIdOf } from "../../src/mesh/ids.ts";
import { signingKeyOf } from "../../src/mesh/keys.ts";

/** Seeds of the protocol's vectors: one byte, 32 times (64 for ML-KEM). */
export const filled = (byte: number, bytes = 32): Uint8Array<ArrayBuffer> => new Uint8Array(bytes).fill(byte);

/** The keys and ids that the mesh's tests and vectors share. */
export const hubKey = signingKeyOf(filled(0x01));
export const nodeKey = signingKeyOf(filled(0x02));
export const otherKey = signingKeyOf(filled(0x04));
export const adminKey = signingKeyOf(filled(0x05));
export const hub = hubIdOf(hubKey.publicKey);
export const node = nodeIdOf(nodeKey.publicKey);
export const other = nodeIdOf(otherKey.publicKey);

/** 2025-01-15T10:30:00Z, in µs and as text. */
export const vectorTimeUs = Date.UTC(2025, 0, 15, 10, 30) * 1000;
export const vectorTime = meshTime(vectorTimeUs);

/** A nonce, base64, of one byte 16 times. */
export const nonceOf = (byte: number): string => toBase64(filled(byte, 16));
