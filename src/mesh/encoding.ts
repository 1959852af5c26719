import { createHash, randomBytes } from "node:crypto";
import { MeshError } from "./mesh_error.ts";

/** Bytes as base64 of RFC 4648 §4, padded. */
export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString("base64");
}

/**
 * Bytes of a base64 text (RFC 4648 §4): padded, without white space, unused bits zero; there is one text for each value.
 *
 * @param length the number of bytes it must give; any when absent
 * @throws MeshError `E_FORM`
 */
export function fromBase64(text: string, length?: number): Uint8Array<ArrayBuffer> {
  return decode(text, "base64", length);
}

/** Bytes as base64url of RFC 4648 §5, without padding, as RFC 7515 has it. */
export function toBase64Url(bytes: Uint8Array): string {
  return view(bytes).toString("base64url");
}

/**
 * Bytes of a base64url text without padding; one text for each value.
 *
 * @param length the number of bytes it must give; any when absent
 * @throws MeshError `E_FORM`
 */
export function fromBase64Url(text: string, length?: number): Uint8Array<ArrayBuffer> {
  return decode(text, "base64url", length);
}

/** SHA-256, 32 bytes; a text is hashed as UTF-8. */
export function sha256(data: Uint8Array | string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(data).digest());
}

/** SHA-256 as 64 lowercase hex digits; a text is hashed as UTF-8. */
export function sha256Hex(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

const days31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])";
const days30 = "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)";
const february = "02-(?:0[1-9]|1\\d|2[0-8])";
const leapYear = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";

/**
 * Every time that can be on the wire: seconds of the years 1970 to 9999 that exist. A heartbeat names a thousand of them,
 * and a pattern costs a fifth of writing the time again to compare.
 */
export const meshTimePattern: RegExp = new RegExp(
  `^(?=19[7-9]|[2-9])(?:\\d{4}-(?:${days31}|${days30}|${february})|${leapYear}-02-29)` +
    "T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\dZ$",
);

/**
 * A time as it is written on the wire: `2025-01-15T10:30:00Z`, 20 characters; a fraction of a second is cut.
 *
 * @param us µs since the epoch, years 1970 to 9999
 */
export function meshTime(us: number): string {
  if (!(us >= 0 && us < 253_402_300_800_000_000)) {
    throw new RangeError(`Cannot write ${us} µs as a time of the mesh: it is not in the years 1970 to 9999`);
  }
  return `${new Date(Math.floor(us / 1_000_000) * 1000).toISOString().slice(0, 19)}Z`;
}

/**
 * µs since the epoch of a time on the wire.
 *
 * @throws MeshError `E_FORM` for every other spelling, and for days and hours that do not exist
 */
export function meshTimeUs(text: string): number {
  if (!meshTimePattern.test(text)) throw new MeshError("E_FORM", "Not a time of the form 2025-01-15T10:30:00Z");
  return Date.parse(text) * 1000;
}

/** 16 random bytes as base64. */
export function newNonce(): string {
  return randomBytes(16).toString("base64");
}

/** `evt_` and 32 random hex digits. */
export function newEventId(): string {
  return `evt_${randomBytes(16).toString("hex")}`;
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decode(text: string, encoding: "base64" | "base64url", length?: number): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(text, encoding);
  if (bytes.toString(encoding) !== text) throw new MeshError("E_FORM", `Not ${encoding} in its one strict form`);
  if (length !== undefined && bytes.length !== length) {
    throw new MeshError("E_FORM", `Not ${length} bytes of ${encoding}: they are ${bytes.length}`);
  }
  return new Uint8Array(bytes);
}
