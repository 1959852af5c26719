import { Buffer } from "node:buffer";
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** Cost of scrypt (RFC 7914 §2): memory is 128 · 2^logN · r bytes, work is proportional to 2^logN · r · p. */
export interface HashCost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** What new hashes cost: 32 MiB, and about 0.1 to 0.2 s on a small industrial computer. */
export const defaultCost: HashCost = { logN: 15, r: 8, p: 1 };

const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** A stored hash that asks for more than this was not written by us. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;

interface ParsedHash extends HashCost {
  readonly salt: Uint8Array;
  readonly key: Uint8Array;
}

/** Hashes a password with a fresh salt: `scrypt$<logN>$<r>$<p>$<salt>$<key>`, the last two base64url. */
export async function hashPassword(password: string, cost: HashCost = defaultCost): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, cost);
  return ["scrypt", cost.logN, cost.r, cost.p, salt.toString("base64url"), key.toString("base64url")].join("$");
}

/** Whether the password is the one that was hashed. A hash that cannot be read fits no password. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const parsed = parseHash(hash);
  if (parsed === null) return false;
  return timingSafeEqual(await derive(password, parsed.salt, parsed), parsed.key);
}

/** Whether the hash cost less than `cost` and should be made anew once the password is known. */
export function isWeaker(hash: string, cost: HashCost = defaultCost): boolean {
  const parsed = parseHash(hash);
  return parsed === null || work(parsed) < work(cost) ||
    parsed.logN + Math.log2(parsed.r) < cost.logN + Math.log2(cost.r);
}

/** A hash that no password fits, of the given cost: comparing with it takes as long as with a real one. */
export function dummyHash(cost: HashCost = defaultCost): string {
  return [
    "scrypt",
    cost.logN,
    cost.r,
    cost.p,
    randomBytes(SALT_BYTES).toString("base64url"),
    randomBytes(KEY_BYTES).toString("base64url"),
  ].join("$");
}

/**
 * A mark that tells whether a configured secret is still the same after a restart, at the cost of a password hash: a stolen
 * store must not be the cheap way to guess it.
 */
export function secretMark(secret: string, salt: Uint8Array, cost: HashCost = defaultCost): Promise<Uint8Array> {
  return derive(secret, salt, cost);
}

function work({ logN, r, p }: HashCost): number {
  return 2 ** logN * r * p;
}

function parseHash(hash: string): ParsedHash | null {
  const found = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{22})\$([\w-]{43})$/.exec(hash);
  if (found === null) return null;
  const [logN = 0, r = 0, p = 0] = found.slice(1, 4).map(Number);
  if (logN < 1 || r < 1 || p < 1 || p > 16 || 128 * 2 ** logN * r > MAX_MEMORY_BYTES) return null;
  const [salt = "", key = ""] = found.slice(4);
  return { logN, r, p, salt: Buffer.from(salt, "base64url"), key: Buffer.from(key, "base64url") };
}

function derive(password: string, salt: Uint8Array, { logN, r, p }: HashCost): Promise<Buffer> {
  const N = 2 ** logN;
  // what OpenSSL counts beside the 128 · N · r of the algorithm
  const maxmem = 128 * N * r + 128 * r * (p + 2) + 1024 * 1024;
  return new Promise((resolve, reject) =>
    scrypt(password.normalize("NFC"), salt, KEY_BYTES, { N, r, p, maxmem }, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    })
  );
}
