import assert from "node:assert/strict";
import { accessSchemas } from "../operations/schemas/access_schemas.ts";
import { guardSchemas } from "../operations/schemas/guard_schemas.ts";
import { roleIncludes as policyIncludes, roles as policyRoles } from "../policy/roles.ts";
import {
  type AuditRecordView,
  type AuditVerificationView,
  type CertificatesAnswer,
  type ExposureAnswer,
  type NewPairingAnswer,
  type NewTokenAnswer,
  type PairingView,
  roleIncludes,
  roles,
  type SessionView,
  type TokenView,
  type UserView,
} from "./access_answers.ts";

const TIME = "2026-01-31T12:00:00.123456Z";

Deno.test("the page knows the roles of the policy, in their order", () => {
  assert.deepEqual(roles, policyRoles);
  for (const has of roles) {
    for (const needs of roles) assert.equal(roleIncludes(has, needs), policyIncludes(has, needs), `${has} ${needs}`);
  }
});

Deno.test("what the page reads is what the operations answer", () => {
  // each answer passes through the operation's schema and must then, by its type, be what the page takes
  const { users }: { readonly users: readonly UserView[] } = accessSchemas["users.list"].result.parse({
    users: [{
      name: "anna",
      role: "admin",
      disabled: false,
      source: "store",
      created: TIME,
      lastUsed: null,
      passwordChanged: TIME,
      certificates: [],
    }],
  });
  assert.equal(users[0]?.name, "anna");
  const info = {
    id: "t1",
    kind: "api",
    label: "Node-RED",
    role: "viewer",
    created: TIME,
    createdBy: "anna",
    expires: null,
    lastUsed: null,
    lastAddress: null,
  };
  const { tokens }: { readonly tokens: readonly TokenView[] } = accessSchemas["tokens.list"].result.parse({
    tokens: [info],
  });
  const made: NewTokenAnswer = accessSchemas["tokens.create"].result.parse({ token: "secret", info });
  assert.deepEqual(made.info, tokens[0]);
  const pairing = {
    id: "p1",
    role: "viewer",
    label: "Phone",
    created: TIME,
    createdBy: "anna",
    expires: TIME,
    wrongTries: 0,
  };
  const { pairings }: { readonly pairings: readonly PairingView[] } = accessSchemas["pair.list"].result.parse({
    pairings: [pairing],
  });
  const started: NewPairingAnswer = accessSchemas["pair.start"].result.parse({
    code: "ABCD-2345",
    link: null,
    uri: null,
    info: pairing,
  });
  assert.deepEqual(started.info, pairings[0]);
  const { sessions }: { readonly sessions: readonly SessionView[] } = guardSchemas["sessions.list"].result.parse({
    sessions: [{
      id: "s1",
      kind: "opcua",
      name: null,
      role: null,
      address: "192.168.1.9",
      client: "urn:client",
      created: TIME,
      lastUsed: null,
      expires: null,
    }],
  });
  assert.equal(sessions[0]?.kind, "opcua");
  const certificates: CertificatesAnswer = guardSchemas["pki.list"].result.parse({
    server: null,
    own: null,
    trusted: [{ subject: "CN=a", issuer: "CN=a", names: [], notBefore: TIME, notAfter: TIME, fingerprint: "AB" }],
    issuers: [],
    crls: [{ issuer: "CN=ca", revoked: 2, thisUpdate: TIME, nextUpdate: null, fingerprint: "CD" }],
    rejected: [],
    users: { trusted: [], issuers: [], crls: [], rejected: [] },
  });
  assert.equal(certificates.trusted.length, 1);
  const exposure: ExposureAnswer = guardSchemas["policy.exposure"].result.parse({
    exposures: [{
      listener: "web",
      address: "127.0.0.1",
      port: 8080,
      protocol: "http",
      reach: "loopback",
      encryption: "none",
      authentication: ["login"],
      lets: "Look",
      key: "runtime.web.listen",
    }],
    findings: [{ rule: "a", severity: "note", path: "b", text: "c", fix: "d" }],
    firewall: { nftables: [], ufw: [] },
  });
  assert.equal(exposure.exposures[0]?.reach, "loopback");
  const { records }: { readonly records: readonly AuditRecordView[] } = guardSchemas["audit.tail"].result.parse({
    records: [{
      sequence: 1,
      time: TIME,
      event: "login",
      principal: "anna",
      role: "admin",
      credential: "user:anna",
      address: "local",
      transport: "https",
      operation: null,
      target: null,
      decision: "allowed",
      rule: null,
      outcome: "ok",
      previous: "0".repeat(64),
      hash: "1".repeat(64),
    }],
  });
  assert.equal(records[0]?.event, "login");
  const checked: AuditVerificationView = guardSchemas["audit.verify"].result.parse({
    ok: true,
    records: 1,
    files: 1,
    first: 1,
    last: 1,
    problem: null,
  });
  assert.equal(checked.ok, true);
});
