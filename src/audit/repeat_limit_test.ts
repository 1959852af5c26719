import assert from "node:assert/strict";
import type { AuditEntry } from "./audit.ts";
import { RepeatLimit } from "./repeat_limit.ts";

const login = (principal: string, session: number): AuditEntry => ({
  event: "login",
  principal,
  role: "viewer",
  credential: `session:${session}`,
  address: "192.0.2.7",
  transport: "https",
  operation: null,
  target: null,
  decision: "allowed",
  rule: null,
  outcome: "ok",
});

Deno.test("somebody who logs in without end fills no disk, and hides nobody else's login", () => {
  const limit = new RepeatLimit();
  const singles = Array.from({ length: 500 }, (_, session) => limit.passes(login("vera", session), 1_000_000));
  assert.equal(singles.filter(Boolean).length, 20);
  assert.equal(limit.passes(login("anna", 1), 1_000_000), true);
  const [repeated, ...more] = limit.take(62_000_000);
  assert.deepEqual(more, []);
  assert.equal(repeated?.principal, "vera");
  assert.equal(repeated?.decision, "allowed");
  assert.deepEqual(repeated?.fields?.["events"], ["login 480"]);
  assert.equal(limit.passes(login("vera", 501), 63_000_000), true, "a new minute begins");
});

Deno.test("what changes something is always written", () => {
  const limit = new RepeatLimit();
  const entry = { ...login("anna", 1), event: "operation", operation: "users.add" };
  for (let count = 0; count < 1000; count++) assert.equal(limit.passes(entry, 1_000_000), true);
});
