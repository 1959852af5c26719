import { z } from "zod";
import { cidrField, countField, hubIdField, ipv4Field, keyField, pinsField } from "../../mesh/fields.ts";

/** What this node trusts, and what never changes after it joined. Nothing here is secret. */
export const trustSchema = z.strictObject({
  hub: hubIdField,
  /** Where the hub's API is: `https://host:port`. */
  url: z.url({ protocol: /^https$/ }).max(512),
  /** The hub's signing key, base64, and its index. */
  signing_key: keyField,
  key_index: countField,
  /** SHA-256 of the SPKI of each TLS key that the hub may show, hex. */
  tls_spki: pinsField,
  /** Key of whoever signs co-signatures, revocations and recoveries; known from the join token or not at all. */
  admin_key: keyField.optional(),
  /** Whether peers need a co-signature. Set from the token, cleared only by root on this machine. */
  cosign: z.boolean(),
  /** The highest epoch that an accepted recovery named; 0 without one. */
  recovered_epoch: countField,
  /** Root said so: the next state of the hub is taken whatever its position is. */
  accept_any_position: z.boolean(),
  mesh_ip: ipv4Field,
  mesh_cidr: cidrField,
  /** When this node joined, µs UTC by hub time. */
  joined_us: z.int().min(0),
}).refine(({ cosign, admin_key }) => !cosign || admin_key !== undefined, {
  message: "co-signing without a key",
  path: ["cosign"],
});

/** @see trustSchema */
export type Trust = z.output<typeof trustSchema>;
