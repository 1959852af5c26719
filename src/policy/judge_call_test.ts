import assert from "node:assert/strict";
import fc from "fast-check";
import { configSchema } from "../config/schema.ts";
import { allowsWrite, operationsOf } from "./allow_write.ts";
import { explainCall } from "./explain.ts";
import { type Call, judgeCall } from "./judge_call.ts";
import { type OperationName, operations } from "./operations.ts";
import { type Role, roleIncludes, roles } from "./roles.ts";

const dev = configSchema.parse({}).runtime.remote;
const wan = { ...dev, profile: "wan" as const };

function call(operation: string, more: Partial<Call> = {}): Call {
  const rule = Object.hasOwn(operations, operation) ? operations[operation as OperationName] : null;
  return { operation, rule, role: "admin", address: "local", debugOpen: false, remote: dev, target: null, ...more };
}

function codeOf(question: Call): string {
  const decision = judgeCall(question);
  return decision.allowed ? "allowed" : decision.code;
}

Deno.test("every role may call exactly the operations of its rank, and nobody those that need one", () => {
  for (const [operation, { role: needs }] of Object.entries(operations)) {
    for (const role of [null, ...roles]) {
      const expected = needs === null
        ? "allowed"
        : role === null
        ? "unauthenticated"
        : roleIncludes(role, needs)
        ? "allowed"
        : "permission_denied";
      assert.equal(codeOf(call(operation, { role, debugOpen: true })), expected, `${operation} as ${role}`);
    }
  }
});

Deno.test("debug operations are locked until debugging is open, and the role is asked for first", () => {
  for (const [operation, { debug }] of Object.entries(operations)) {
    assert.equal(codeOf(call(operation)), debug ? "debug_locked" : "allowed", operation);
    assert.equal(codeOf(call(operation, { debugOpen: true })), "allowed", operation);
  }
  assert.equal(codeOf(call("tags.force", { role: "viewer" })), "permission_denied");
});

Deno.test("only an admin learns that an operation does not exist", () => {
  assert.equal(codeOf(call("no.such", { role: null })), "unauthenticated");
  assert.equal(codeOf(call("no.such", { role: "engineer" })), "permission_denied");
  assert.equal(codeOf(call("no.such")), "unknown_operation");
  assert.equal(codeOf(call("constructor")), "unknown_operation");
});

Deno.test("profile wan denies changes from other machines, and nothing else", () => {
  const exempt = ["pair.claim", "setup.claim", "users.password", "debug.lock"];
  for (const [operation, { writes }] of Object.entries(operations)) {
    const open = { debugOpen: true, remote: wan };
    for (const address of ["local", "127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
      assert.equal(codeOf(call(operation, { ...open, address })), "allowed", `${operation} from ${address}`);
    }
    const expected = writes && !exempt.includes(operation) ? "permission_denied" : "allowed";
    for (const address of ["192.168.1.9", "fd00::1", "local.example", ""]) {
      assert.equal(codeOf(call(operation, { ...open, address })), expected, `${operation} from '${address}'`);
    }
    for (const profile of ["dev", "plant"] as const) {
      const elsewhere = { address: "192.168.1.9", debugOpen: true, remote: { ...dev, profile } };
      assert.equal(codeOf(call(operation, elsewhere)), "allowed", `${operation} with ${profile}`);
    }
  }
});

Deno.test("allow_write opens one operation on one target, and the role counts all the same", () => {
  const remote = { ...wan, allow_write: ["tags.force:pump-1/*", "config.reload:*"] };
  const from = { address: "192.168.1.9", debugOpen: true, remote };
  assert.equal(codeOf(call("tags.force", { ...from, target: "pump-1/valve" })), "allowed");
  assert.equal(codeOf(call("tags.force", { ...from, target: "pump-10/valve" })), "permission_denied");
  assert.equal(codeOf(call("tags.force", from)), "permission_denied");
  assert.equal(codeOf(call("tags.unforce", { ...from, target: "pump-1/valve" })), "permission_denied");
  assert.equal(codeOf(call("config.reload", from)), "allowed");
  assert.equal(codeOf(call("tags.force", { ...from, role: "viewer", target: "pump-1/valve" })), "permission_denied");
  const decision = judgeCall(call("tags.force", { ...from, target: "x/y" }));
  assert.ok(!decision.allowed);
  assert.equal(decision.rule, "wan_denies_writes");
  assert.ok(decision.fix.includes('allow_write = ["tags.force:x/y"]'));
});

Deno.test("explain answers as the decision does, with the table's entry", () => {
  const remote = wan;
  const asked = { remote, debugOpen: false, target: null, address: "10.0.0.1" };
  for (const operation of [...Object.keys(operations), "no.such"]) {
    for (const role of [null, ...roles] as (Role | null)[]) {
      const answer = explainCall({ ...asked, operation, role });
      const decision = judgeCall(call(operation, { ...asked, role }));
      assert.equal(answer.allowed, decision.allowed);
      assert.equal(answer.rule, decision.rule);
      assert.equal(answer.fix === null, decision.allowed);
    }
  }
});

const letters = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "?", "/", ":"), maxLength: 12 });
const plain = fc.string({ unit: fc.constantFrom("a", "b", ".", "/", ":"), maxLength: 12 });

Deno.test("an entry covers what its halves cover as regular expressions", () => {
  const expression = (pattern: string) =>
    new RegExp(`^${pattern.replace(/[./:]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`);
  const operation = letters.filter((text) => !text.includes(":"));
  fc.assert(
    fc.property(operation, letters, plain, plain, (first, second, called, target) => {
      const expected = expression(first).test(called) && expression(second).test(target);
      assert.equal(allowsWrite(`${first}:${second}`, called, target), expected);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("an entry without wildcards covers itself alone; with stars, whatever stands in their place", () => {
  const literal = fc.string().map((text) => text.replace(/[*?]/g, ""));
  fc.assert(fc.property(literal, fc.string(), (one, other) => {
    assert.ok(allowsWrite(`x:${one}`, "x", one));
    assert.equal(allowsWrite(`x:${one}`, "x", other), one === other);
  }));
  fc.assert(fc.property(fc.array(literal), fc.array(fc.string()), (parts, fillings) => {
    const text = parts.map((part, position) => part + (position < parts.length - 1 ? fillings[position] ?? "" : ""));
    assert.ok(allowsWrite(`x:${parts.join("*")}`, "x", text.join("")));
  }));
});

Deno.test("no pattern takes long, whatever the caller names as target", () => {
  const entry = `x:${"*a".repeat(128)}`;
  assert.equal(allowsWrite(entry, "x", "a".repeat(2000) + "b"), false);
  assert.ok(allowsWrite(entry, "x", "a".repeat(2000)));
});

Deno.test("an entry without a colon covers nothing; the operation is matched apart from the target", () => {
  assert.equal(allowsWrite("tags.force", "tags.force", null), false);
  assert.equal(allowsWrite("*:x", "a", "y:x"), false);
  assert.ok(allowsWrite("*:*", "a", null));
  assert.deepEqual(operationsOf("tags.*:x", Object.keys(operations)), [
    "tags.list",
    "tags.read",
    "tags.subscribe",
    "tags.force",
    "tags.unforce",
  ]);
});
