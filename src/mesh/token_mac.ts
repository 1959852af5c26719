import { createHmac, timingSafeEqual } from "node:crypto";
import { canonicalText } from "./canonical.ts";
import { protocolVersion } from "./constants.ts";
import { fromBase64, toBase64 } from "./encoding.ts";
import type { HubId } from "./ids.ts";
import type { MembersOf, Register } from "./objects.ts";

/** What the MAC covers: `ek.register` without `token_mac` and `signature`; `typ` and `v` are added. */
export type MacMembers = Omit<MembersOf<"ek.register">, "token_mac"> & { readonly hub: HubId };

/**
 * Proof that a registration comes from a holder of the token: HMAC-SHA256, base64.
 *
 * @param secret of the token, 32 bytes
 */
export function tokenMac(secret: Uint8Array, members: MacMembers): string {
  const { hub, token_id, statement, hostname, version, binary_sha256, nonce } = members;
  const covered = { hub, token_id, statement, hostname, version, binary_sha256, nonce };
  const text = canonicalText({ ...covered, typ: "ek.register", v: protocolVersion });
  return toBase64(createHmac("sha256", secret).update(text).digest());
}

/** Whether the MAC of a registration fits, in a time that does not tell how much of it does. */
export function isTokenMac(secret: Uint8Array, register: Register): boolean {
  return timingSafeEqual(fromBase64(tokenMac(secret, register), 32), fromBase64(register.token_mac, 32));
}
