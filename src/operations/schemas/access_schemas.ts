import { z } from "zod";
import { counter, days, label, nothing, role, secret, time, timeOrNull, userName } from "./fields.ts";

const fingerprint = z.string().regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/, "must be a SHA-256 fingerprint, as AB:CD:…");

const user = z.object({
  name: z.string(),
  role: role(),
  disabled: z.boolean(),
  source: z.enum(["store", "config"]).describe("config: named by [opcua].user_name, not to be changed here"),
  created: timeOrNull(),
  lastUsed: timeOrNull(),
  passwordChanged: timeOrNull(),
  certificates: z.array(z.string()).describe("SHA-256 fingerprints of client certificates that stand for the user"),
});

const token = z.object({
  id: z.string(),
  kind: z.enum(["api", "paired"]),
  label: z.string(),
  role: role(),
  created: time(),
  createdBy: z.string(),
  expires: timeOrNull(),
  lastUsed: timeOrNull(),
  lastAddress: z.string().nullable(),
});

const pairing = z.object({
  id: z.string(),
  role: role(),
  label: z.string(),
  created: time(),
  createdBy: z.string(),
  expires: time(),
  wrongTries: counter().describe("Five burn the code"),
});

const newToken = z.object({ token: z.string().describe("Shown this once"), info: token });
const id = z.strictObject({ id: z.string().min(1).max(64) });

/** Users, tokens, pairing, the first admin. */
export const accessSchemas = {
  "users.list": { params: nothing, result: z.object({ users: z.array(user) }) },
  "users.add": {
    params: z.strictObject({ name: userName(), password: secret("At least 10 characters"), role: role() }),
    result: user,
  },
  "users.set": {
    params: z.strictObject({
      name: userName(),
      role: role().optional(),
      password: secret("A new password").optional(),
      disabled: z.boolean().optional(),
      certificates: z.array(fingerprint).max(16).optional(),
    }),
    result: user,
  },
  "users.remove": { params: z.strictObject({ name: userName() }), result: nothing },
  "users.password": {
    params: z.strictObject({ old: secret("The password until now"), next: secret("The new one") }),
    result: nothing,
  },
  "tokens.list": { params: nothing, result: z.object({ tokens: z.array(token) }) },
  "tokens.create": { params: z.strictObject({ label: label(), role: role(), days: days() }), result: newToken },
  "tokens.renew": { params: id.extend({ days: days() }), result: token },
  "tokens.revoke": { params: id, result: token },
  "pair.start": {
    params: z.strictObject({ label: label(), role: role(), days: days() }),
    result: z.object({
      code: z.string(),
      link: z.string().nullable().describe("Opens the page with the code; null while no web page is served"),
      uri: z.string().nullable(),
      info: pairing,
    }),
  },
  "pair.claim": { params: z.strictObject({ code: secret("The pairing code") }), result: newToken },
  "pair.list": { params: nothing, result: z.object({ pairings: z.array(pairing) }) },
  "pair.revoke": { params: id, result: pairing },
  "setup.claim": {
    params: z.strictObject({
      code: secret("The set-up code that the gateway printed"),
      user: userName(),
      password: secret("Of the first admin"),
    }),
    result: user,
  },
} as const;
