import { isIPv6 } from "node:net";
import { z } from "zod";
import { maxPins } from "./constants.ts";
import { meshTimePattern } from "./encoding.ts";
import { type HubId, hubIdPattern, type NodeId, nodeIdPattern } from "./ids.ts";
import { ipv4Pattern, parseCidr } from "./ipv4.ts";

/** `n_` and 32 hex digits. */
export const nodeIdField = z.string().regex(nodeIdPattern) as unknown as z.ZodType<NodeId, NodeId>;

/** `h_` and 32 hex digits. */
export const hubIdField = z.string().regex(hubIdPattern) as unknown as z.ZodType<HubId, HubId>;

/** SHA-256, lowercase hex. */
export const hashField = z.string().regex(/^[0-9a-f]{64}$/);

/** 0…2^53−1. */
export const countField = z.int().min(0);

/** A time on the wire, `2025-01-15T10:30:00Z`. */
export const timeField = z.string().regex(meshTimePattern);

/** Exactly so many bytes in the strict base64 of `encoding.ts`: the pattern knows which last digits leave no bits over. */
export function base64Field(bytes: number) {
  const whole = Math.floor(bytes / 3) * 4;
  const tail = ["", "[A-Za-z0-9+/][AQgw]==", "[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]="][bytes % 3] ?? "";
  return z.string().regex(new RegExp(`^[A-Za-z0-9+/]{${whole}}${tail}$`));
}

/** 16 bytes, base64. */
export const nonceField = base64Field(16);
/** A raw Ed25519 or X25519 public key, base64. */
export const keyField = base64Field(32);

/** Names of nodes, groups and rules, and ids of tokens and sessions: safe in a log, a file name and an nftables comment. */
export const nameField = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);

/** A version, as a program tells its own: up to 64 printable characters of ASCII. */
export const versionField = z.string().regex(/^[\x21-\x7e]{1,64}$/);

/** An IPv4 address in dotted decimal. */
export const ipv4Field = z.string().regex(ipv4Pattern);

/** An IPv4 network, bits behind the prefix zero. */
export const cidrField = z.string().refine((text) => parseCidr(text) !== null, "not an IPv4 network");

/** `192.0.2.1:51820` or `[2001:db8::1]:51820`; no zone, no port 0. */
export const endpointField = z.string().max(64).refine((text) => {
  const colon = text.lastIndexOf(":");
  const [host, port] = [text.slice(0, colon), text.slice(colon + 1)];
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) return false;
  return ipv4Pattern.test(host) || (/^\[[\da-fA-F:.]+\]$/.test(host) && isIPv6(host.slice(1, -1)));
}, "not an endpoint");

/** SHA-256 of the SPKI of each TLS key that the hub may show. */
export const pinsField = z.array(hashField).min(1).max(maxPins);

/** The exact text of a signed object inside another. Its own reader checks it. */
export function textField(maxCharacters: number) {
  return z.string().min(2).max(maxCharacters);
}
