import { z } from "zod";
import { roles } from "../../policy/roles.ts";
import { addedKinds, certificateStores } from "../client_certificates.ts";
import { count, counter, nothing, role, time, timeOrNull } from "./fields.ts";

const certificate = z.object({
  subject: z.string(),
  issuer: z.string(),
  names: z.array(z.string()),
  notBefore: time(),
  notAfter: time(),
  fingerprint: z.string().describe("SHA-256"),
});

const fingerprint = z.string().trim().toUpperCase().regex(
  /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/,
  "must be a SHA-256 fingerprint, as AB:CD:…",
);
const store = z.enum(certificateStores).default("application").describe(
  "application: OPC UA clients; users: people who log in with a certificate",
);

const crl = z.object({
  issuer: z.string(),
  revoked: counter().describe("Certificates that it revokes"),
  thisUpdate: time(),
  nextUpdate: timeOrNull(),
  fingerprint: z.string().describe("SHA-256"),
});

const contents = {
  trusted: z.array(certificate),
  issuers: z.array(certificate).describe("CAs that complete chains; not trusted themselves"),
  crls: z.array(crl),
  rejected: z.array(certificate),
};

const ownCertificate = z.object({
  certificate,
  mismatches: z.array(z.string()).describe("Where it differs from what the configuration needs"),
  backups: z.array(z.string()).describe("Files that keep what was replaced"),
});

const session = z.object({
  id: z.string(),
  kind: z.enum(["web", "control", "opcua"]),
  name: z.string().nullable(),
  role: role().nullable(),
  address: z.string(),
  client: z.string().describe("What the client says it is"),
  created: time(),
  lastUsed: timeOrNull(),
  expires: timeOrNull(),
});

const auditValue = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]);

const record = z.object({
  sequence: counter(),
  time: time(),
  event: z.string(),
  principal: z.string().nullable(),
  role: z.string().nullable(),
  credential: z.string().nullable(),
  address: z.string(),
  transport: z.string(),
  operation: z.string().nullable(),
  target: z.string().nullable(),
  decision: z.enum(["allowed", "denied"]),
  rule: z.string().nullable(),
  outcome: z.string(),
  fields: z.record(z.string(), auditValue).optional(),
  previous: z.string(),
  hash: z.string(),
});

const exposure = z.object({
  listener: z.enum(["web", "control", "opcua", "hub", "observer", "relay", "agent"]),
  address: z.string(),
  port: z.int().nullable(),
  lastPort: z.int().optional().describe("Where it has several ports, the last of them"),
  protocol: z.enum(["https", "http", "unix", "tcp", "tls", "opc.tcp", "udp"]),
  reach: z.enum(["loopback", "lan", "any"]),
  encryption: z.enum(["tls", "opcua", "wireguard", "none"]),
  authentication: z.array(z.string()),
  lets: z.string(),
  key: z.string(),
});

const backup = z.object({ file: z.string(), bytes: counter() });
const operationName = z.string().min(1).max(64);

/** What guards the gateway: certificates, sessions, audit, policy; and backups. */
export const guardSchemas = {
  "pki.list": {
    params: nothing,
    result: z.object({
      server: certificate.nullable().describe("Of web and control"),
      own: certificate.nullable().describe("Of the OPC UA server"),
      ...contents,
      users: z.object(contents).describe("People who log in to OPC UA with a certificate"),
    }),
  },
  "pki.trust": {
    params: z.strictObject({
      fingerprint,
      store,
      user: z.string().min(1).max(64).optional().describe("Stored user that the certificate stands for from now on"),
    }),
    result: certificate,
  },
  "pki.reject": { params: z.strictObject({ fingerprint, store }), result: certificate },
  "pki.add": {
    params: z.strictObject({
      store,
      kind: z.enum(addedKinds).describe(
        "trusted: a client, a person or a CA to trust; issuer: a CA that completes chains",
      ),
      data: z.string().min(1).max(800_000).describe("PEM, or DER in base64"),
    }),
    result: z.object({ kind: z.enum(addedKinds), name: z.string(), fingerprint: z.string() }),
  },
  "pki.remove": {
    params: z.strictObject({ store, fingerprint }),
    result: z.object({ name: z.string(), fingerprint: z.string() }),
  },
  "pki.renew_opcua": {
    params: z.strictObject({
      newKey: z.boolean().default(true).describe("false keeps the key"),
      days: count(1, 3650, 3650).describe("Until its end"),
    }),
    result: ownCertificate,
  },
  "pki.csr": { params: nothing, result: z.object({ request: z.string().describe("PKCS #10, PEM") }) },
  "pki.import": {
    params: z.strictObject({
      certificate: z.string().min(1).max(65_536).describe("PEM; certificates of its issuers may follow"),
    }),
    result: ownCertificate,
  },
  "pki.renew": { params: nothing, result: z.object({ notAfter: time(), fingerprint: z.string() }) },
  "sessions.list": { params: nothing, result: z.object({ sessions: z.array(session) }) },
  "sessions.close": { params: z.strictObject({ id: z.string().min(1).max(128) }), result: nothing },
  "audit.tail": {
    params: z.strictObject({
      limit: count(1, 1000, 100),
      event: z.string().min(1).max(64).optional().describe("Only records of this event"),
    }),
    result: z.object({ records: z.array(record).describe("Oldest first") }),
  },
  "audit.verify": {
    params: nothing,
    result: z.object({
      ok: z.boolean(),
      records: counter(),
      files: counter(),
      first: z.int().nullable(),
      last: z.int().nullable(),
      problem: z.object({ file: z.string(), line: z.int(), text: z.string() }).nullable(),
    }),
  },
  "backup.create": { params: nothing, result: backup },
  "backup.list": {
    params: nothing,
    result: z.object({ backups: z.array(backup.extend({ created: time() })).describe("Newest first") }),
  },
  "policy.exposure": {
    params: nothing,
    result: z.object({
      exposures: z.array(exposure),
      findings: z.array(z.object({
        rule: z.string(),
        severity: z.enum(["error", "warning", "note"]),
        path: z.string(),
        text: z.string(),
        fix: z.string(),
      })),
      firewall: z.object({ nftables: z.array(z.string()), ufw: z.array(z.string()) }),
    }),
  },
  "policy.explain": {
    params: z.strictObject({
      operation: operationName,
      role: z.enum([...roles, "nobody"]).optional().describe("Yours unless told"),
      address: z.string().min(1).max(253).optional().describe("IP address of the caller, or local; yours unless told"),
      target: z.string().max(256).optional().describe("What it would act on"),
    }),
    result: z.object({ allowed: z.boolean(), rule: z.string(), text: z.string(), fix: z.string().nullable() }),
  },
  "remote.preflight": {
    params: z.strictObject({
      operation: operationName,
      target: z.string().min(1).max(256).optional(),
      maxAgeSeconds: z.number().gt(0).max(31_536_000).optional().describe(
        "Greatest age of the target's value; unless told, the age at which it is stale",
      ),
    }),
    result: z.object({
      allowed: z.boolean(),
      denials: z.array(z.object({ code: z.string(), text: z.string(), remedy: z.string() })),
    }),
  },
} as const;
