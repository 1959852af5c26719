import assert from "node:assert/strict";
import { everybody, OperationsWorld, PASSWORD, REMOTE } from "../../tests/lib/operations_world.ts";
import type { Caller } from "../access/principal.ts";
import { type OperationName, operations, operationsOf } from "../policy/operations.ts";
import { type Role, roles } from "../policy/roles.ts";

const TAG = "a840410000000001/temperature";
const EXEMPT = ["pair.claim", "setup.claim", "users.password", "debug.lock"];
const grant = { label: "Tablet", role: "viewer", days: 30 } as const;
const seconds = { label: "Tablet", role: "viewer", lifetimeSeconds: 600 } as const;
let made = 0;

/** Valid parameters, with what they are about made for the call. */
const valid: { readonly [K in OperationName]?: (world: OperationsWorld) => unknown } = {
  "tags.read": () => ({ ids: [TAG] }),
  "tags.force": () => ({ id: TAG, value: 21.5 }),
  "tags.unforce": ({ site }) => (site.tags.force(site.tag(TAG).id, 3, "test"), { id: TAG }),
  "history.query": () => ({ tag: TAG }),
  "alarms.ack": (world) => ({ id: world.raisedAlarm() }),
  "alarms.confirm": (world) => ({ id: acknowledged(world) }),
  "alarms.comment": (world) => ({ id: world.raisedAlarm(), comment: "Seen" }),
  "alarms.shelve": (world) => ({ id: world.raisedAlarm(), seconds: 60 }),
  "alarms.unshelve": (world) => ({ id: shelved(world) }),
  "alarms.enable": (world) => ({ id: disabled(world) }),
  "alarms.disable": (world) => ({ id: world.raisedAlarm() }),
  "commands.get": async (world) => ({ id: await world.sentCommand() }),
  "commands.send": () => ({ device: "A840410000000001", command: "Test valve", args: true }),
  "commands.cancel": async (world) => ({ id: await world.sentCommand() }),
  "config.set": () => ({ set: { "gateway.site": '"South"' } }),
  "config.diff": () => ({ text: "" }),
  "config.apply": () => ({ text: "" }),
  "config.restore": () => ({ version: 1 }),
  "users.add": () => ({ name: `new-${made++}`, password: PASSWORD, role: "viewer" }),
  "users.set": async (world) => ({ name: await someone(world), disabled: true }),
  "users.remove": async (world) => ({ name: await someone(world) }),
  "users.password": () => ({ old: PASSWORD, next: "another long password" }),
  "tokens.create": () => grant,
  "tokens.renew": ({ access }) => ({ id: access.createToken(seconds, "test").info.id, days: 3 }),
  "tokens.revoke": ({ access }) => ({ id: access.createToken(seconds, "test").info.id }),
  "pair.start": ({ access }) => (closePairings(access), grant),
  "pair.claim": ({ access }) => ({ code: access.startPairing(seconds, "test").code }),
  "pair.revoke": ({ access }) => (closePairings(access), { id: access.startPairing(seconds, "test").info.id }),
  "setup.claim": () => ({ code: "AAAA-AAAA-AAAA", user: "first", password: PASSWORD }),
  "pki.trust": ({ certificates }) => ({ fingerprint: certificates.certificate.fingerprint }),
  "pki.reject": ({ certificates }) => ({ fingerprint: certificates.certificate.fingerprint }),
  "pki.add": () => ({ kind: "trusted", data: "QUJD" }),
  "pki.remove": ({ certificates }) => ({ fingerprint: certificates.certificate.fingerprint }),
  "pki.import": () => ({ certificate: "-----BEGIN CERTIFICATE-----" }),
  "sessions.close": ({ sessions }) => (sessions.add("s1"), { id: "s1" }),
  "policy.explain": () => ({ operation: "tags.force" }),
  "remote.preflight": () => ({ operation: "tags.force", target: TAG }),
  "log.level": () => ({ level: "debug" }),
  "debug.unlock": () => ({ minutes: 1 }),
};

async function someone(world: OperationsWorld): Promise<string> {
  const { principal } = await world.user("viewer");
  assert.ok(principal?.user);
  return principal.user;
}

function acknowledged(world: OperationsWorld): string {
  const id = world.raisedAlarm();
  world.alarms.acknowledge({ id, by: world.local() });
  return id;
}

function shelved(world: OperationsWorld): string {
  const id = world.raisedAlarm();
  world.alarms.shelve({ id, by: world.local() }, null);
  return id;
}

function disabled(world: OperationsWorld): string {
  const id = world.raisedAlarm();
  world.alarms.disable({ id, by: world.local() });
  return id;
}

function closePairings(access: OperationsWorld["access"]): void {
  for (const { id } of access.pairings()) access.revokePairing(id);
}

interface Cell {
  readonly name: OperationName;
  readonly role: Role | null;
  readonly debugOpen: boolean;
  readonly address: string;
}

/** The code that the table demands for a call, `ok` when it is allowed. Stated apart from the code that decides. */
function demanded({ name, role, debugOpen, address }: Cell, profile: "dev" | "wan"): string {
  const { role: needs, debug, writes } = operations[name];
  if (needs !== null) {
    if (role === null) return "unauthenticated";
    if (roles.indexOf(role) < roles.indexOf(needs)) return "permission_denied";
  }
  if (debug && !debugOpen) return "debug_locked";
  if (profile === "wan" && writes && address === REMOTE && !EXEMPT.includes(name)) return "permission_denied";
  // somebody is there already
  return name === "setup.claim" ? "conflict" : "ok";
}

async function outcome(world: OperationsWorld, { name, role, debugOpen, address }: Cell): Promise<string> {
  if (debugOpen) world.debug.unlock(10, "test");
  else world.debug.lock("test");
  const params = await valid[name]?.(world) ?? {};
  const caller: Caller = name === "users.password" && role !== null
    ? await world.user(role, address)
    : world.caller(role, address);
  const gone = new AbortController();
  const answer = await world.call(name, params, caller, gone.signal);
  if (!answer.ok) return answer.code;
  assert.equal("items" in answer, operations[name].stream, name);
  if (!("items" in answer)) return "ok";
  const items = answer.items[Symbol.asyncIterator]();
  const first = items.next();
  gone.abort();
  await first;
  await items.return?.();
  return "ok";
}

for (const profile of ["dev", "wan"] as const) {
  Deno.test(`profile ${profile}: every role may call what the table says, and nothing else`, async () => {
    await using world = await OperationsWorld.open({ config: { runtime: { remote: { profile } } } });
    const wrong: string[] = [];
    let cells = 0;
    for (const name of operationsOf("gateway")) {
      for (const role of everybody) {
        for (const debugOpen of [false, true]) {
          for (const address of ["127.0.0.1", REMOTE]) {
            const cell = { name, role, debugOpen, address };
            const [got, want] = [await outcome(world, cell), demanded(cell, profile)];
            if (got !== want) wrong.push(`${name} as ${role} debug=${debugOpen} from ${address}: ${got}, not ${want}`);
            cells++;
          }
        }
      }
    }
    assert.deepEqual(wrong, []);
    assert.equal(cells, operationsOf("gateway").length * 5 * 2 * 2);
    assert.equal((await world.audit.verify()).ok, true);
  });
}

Deno.test("everything denied and everything that changes something is in the audit", async () => {
  await using world = await OperationsWorld.open();
  world.debug.unlock(10, "test");
  for (const name of operationsOf("gateway")) {
    const { role, writes, debug, stream } = operations[name];
    if (stream || name === "setup.claim" || name === "users.password") continue;
    const before = (await world.audit.tail({ limit: 1 }))[0]?.sequence ?? 0;
    const params = await valid[name]?.(world) ?? {};
    const answer = await world.call(name, params);
    const [record] = await world.audit.tail({ limit: 1 });
    if (!writes && !debug) {
      assert.equal(record?.sequence ?? 0, before, name);
      assert.equal(answer.auditId, undefined);
    } else {
      assert.equal(record?.sequence, before + 1, name);
      assert.equal(answer.auditId, String(record?.sequence), name);
      assert.deepEqual(
        [record?.event, record?.operation, record?.decision, record?.outcome, record?.principal, record?.role],
        ["operation", name, "allowed", "ok", "admin of the test", "admin"],
      );
    }
    if (role === null || role === "viewer") continue;
    const denied = await world.call(name, params, world.caller("viewer"));
    const [denial] = await world.audit.tail({ limit: 1 });
    assert.equal(denied.auditId, String(denial?.sequence), name);
    assert.deepEqual(
      [denial?.operation, denial?.decision, denial?.rule, denial?.outcome, denial?.role],
      [name, "denied", "needs_role", "permission_denied", "viewer"],
    );
  }
});
