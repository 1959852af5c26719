import { TokenBucket } from "./token_bucket.ts";

/** Sources that are remembered. */
const most = 4096;

/**
 * Who shares one limit: an IPv4 address, or the /64 of an IPv6 address, of which everybody has all addresses.
 *
 * @param hostname without brackets; an IPv4 address may be mapped
 */
export function sourceOf(hostname: string): string {
  if (!hostname.includes(":") || hostname.includes(".")) return hostname;
  const [head = "", tail] = hostname.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const behind = tail === "" ? [] : tail.split(":");
    groups.push(...Array<string>(Math.max(0, 8 - groups.length - behind.length)).fill("0"), ...behind);
  }
  return groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}

/**
 * A limit a second for each source, in bounded memory: beyond 4,096 sources the one heard longest ago is forgotten, and
 * begins anew with a full bucket. Behind it a limit for all has to stand.
 */
export class SourceLimit {
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #perSecond: number;
  readonly #nowMs: () => number;

  constructor(perSecond: number, nowMs: () => number) {
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
  }

  /** Sources remembered now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether one more of this source is within its limit. */
  take(source: string): boolean {
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(source) ?? new TokenBucket(this.#perSecond, this.#perSecond, nowMs);
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    if (this.#buckets.size > most) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket.take(1, nowMs);
  }
}
