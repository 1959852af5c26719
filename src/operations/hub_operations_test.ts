import assert from "node:assert/strict";
import { join } from "node:path";
import { HubWorld } from "../../tests/lib/hub_world.ts";
import { OperationsWorld, REMOTE } from "../../tests/lib/operations_world.ts";
import { meshTime, toBase64 } from "../mesh/encoding.ts";
import { newSeed, signingKeyOf } from "../mesh/keys.ts";
import { sealObject } from "../mesh/signed_object.ts";
import { type OperationName, operations, operationsOf } from "../policy/operations.ts";
import { type Role, roles } from "../policy/roles.ts";
import { createHubOperations } from "./create_hub_operations.ts";
import type { Operations } from "./operation.ts";
import { operationSchemas } from "./schemas/operation_schemas.ts";

const rules = [{ id: "ping", from: ["*"], to: ["*"], protocol: "icmp" }];
const meshNames = operationsOf("hub").filter((name) => name.startsWith("hub."));

/** The hub's operations over a real hub, with a node. */
class HubOperationsWorld implements AsyncDisposable {
  readonly #admin = signingKeyOf(newSeed());
  #nodes = 0;

  private constructor(
    readonly base: OperationsWorld,
    readonly mesh: HubWorld,
    readonly operations: Operations,
  ) {}

  static async open(runtime: Record<string, unknown> = {}): Promise<HubOperationsWorld> {
    const base = await OperationsWorld.open({ config: { runtime } });
    const mesh = await HubWorld.open({}, join(base.folder, "hub"));
    const { tags: _1, devices: _2, history: _3, backups: _4, alarms: _5, commands: _6, ...parts } = base.parts;
    const made = createHubOperations({
      ...parts,
      hub: mesh.admin,
      status: () => ({ ...base.site.status(), hub: mesh.admin.status() }),
    });
    return new HubOperationsWorld(base, mesh, made);
  }

  /** A node that has just joined. */
  node(): string {
    return this.mesh.join(`node-${this.#nodes++}`).id;
  }

  /** Valid parameters, with what they are about made for the call. */
  params(name: OperationName): unknown {
    switch (name) {
      case "hub.node":
      case "hub.node.rotate":
      case "hub.node.remove":
        return { node: this.node() };
      case "hub.node.rename":
        return { node: this.node(), name: `renamed-${this.#nodes}` };
      case "hub.node.groups":
        return { node: this.node(), groups: ["plc"] };
      case "hub.policy.plan":
        return { rules };
      case "hub.policy.set":
        return { rules, version: this.mesh.admin.policy().version };
      case "hub.token.create":
        return { label: "pumps" };
      case "hub.token.revoke":
        return {
          id: this.mesh.admin.createToken({ label: "x", group: "plc", uses: 1, minutes: 1, by: "test" }).token.id,
        };
      case "hub.keys.rotate_tls":
        // one that is pinned is served before another one is made
        return { now: this.mesh.admin.keys().tlsSpki.length > 1 };
      case "hub.keys.set_admin":
        return { publicKey: toBase64(this.#admin.publicKey) };
      case "hub.keys.apply": {
        this.mesh.admin.setAdminKey(toBase64(this.#admin.publicKey), "test");
        const { nodeId, meshIp } = this.mesh.admin.node(this.node());
        const notAfter = meshTime(this.mesh.clock.nowUs() + 86_400_000_000);
        const members = { node_id: nodeId, mesh_ip: meshIp, serial: 1, not_after: notAfter };
        return { object: sealObject("ek.cosign", this.mesh.core.hubId, members, this.#admin) };
      }
      case "hub.keys.propose_recovery":
        this.mesh.admin.setAdminKey(toBase64(this.#admin.publicKey), "test");
        return {};
      default:
        return {};
    }
  }

  /** What became of a call; an answer fits its schema. */
  async call(name: OperationName, role: Role | null, address = "127.0.0.1"): Promise<string> {
    const gone = new AbortController();
    const params = this.params(name);
    const answer = await this.operations.call(name, params, this.base.caller(role, address), gone.signal);
    if (!answer.ok) return answer.code;
    if (!("items" in answer)) {
      assert.deepEqual(operationSchemas[name].result.parse(answer.result), answer.result, name);
      return "ok";
    }
    const items = answer.items[Symbol.asyncIterator]();
    const first = await items.next();
    assert.deepEqual(operationSchemas[name].result.parse(first.value), first.value);
    gone.abort();
    await items.return?.();
    return "ok";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh[Symbol.asyncDispose]();
    await this.base[Symbol.asyncDispose]();
  }
}

for (const profile of ["dev", "wan"] as const) {
  Deno.test(`profile ${profile}: every role may do to a mesh what the table says, and nothing else`, async () => {
    const wrong: string[] = [];
    for (const name of meshNames) {
      // changes of keys change what the next call may do
      await using world = await HubOperationsWorld.open({ remote: { profile } });
      const { role: needs, writes } = operations[name];
      for (const role of [null, ...roles]) {
        for (const address of ["127.0.0.1", REMOTE]) {
          const want = role === null
            ? "unauthenticated"
            : needs !== null && roles.indexOf(role) < roles.indexOf(needs)
            ? "permission_denied"
            : profile === "wan" && writes && address === REMOTE
            ? "permission_denied"
            : "ok";
          const got = await world.call(name, role, address);
          if (got !== want) wrong.push(`${name} as ${role} from ${address}: ${got}, not ${want}`);
        }
      }
    }
    assert.deepEqual(wrong, []);
  });
}

Deno.test("a change of the mesh is on record with who, what and on what, and without a secret", async () => {
  await using world = await HubOperationsWorld.open();
  for (const name of meshNames) {
    const { writes } = operations[name];
    if (!writes || name === "hub.keys.recover_unsigned") continue;
    assert.equal(await world.call(name, "admin"), "ok", name);
    const [record] = await world.base.audit.tail({ limit: 1 });
    assert.deepEqual([record?.operation, record?.decision, record?.outcome], [name, "allowed", "ok"]);
    if (name.startsWith("hub.node.")) assert.match(String(record?.target), /^n_[0-9a-f]{32}$/, name);
    assert.doesNotMatch(JSON.stringify(record), /ekj1\./, name);
  }
});

Deno.test("what the hub refuses keeps its code and words", async () => {
  await using world = await HubOperationsWorld.open();
  const call = (name: string, params: unknown) =>
    world.operations.call(name, params, world.base.caller("admin"), new AbortController().signal);
  const unknown = await call("hub.node", { node: "nobody" });
  assert.ok(!unknown.ok);
  assert.equal(unknown.code, "not_found");
  const old = await call("hub.policy.set", { rules, version: 99 });
  assert.ok(!old.ok);
  assert.equal(old.code, "conflict");
  const there = await call("tags.list", {});
  assert.ok(!there.ok);
  assert.deepEqual([there.code, there.message], [
    "unknown_operation",
    "There is no operation tags.list here: this is a hub",
  ]);
  const typo = await call("hub.nods", {});
  assert.ok(!typo.ok);
  assert.equal(typo.fix, "Did you mean hub.nodes?");
});

Deno.test("a gateway has none of a hub's operations", async () => {
  await using world = await OperationsWorld.open();
  assert.deepEqual(world.operations.list().map(({ name }) => name), [...operationsOf("gateway")]);
  const answer = await world.call("hub.nodes" as OperationName, {});
  assert.ok(!answer.ok);
  assert.match(answer.message, /this is a gateway/);
});

Deno.test("who subscribes hears first of everything, then of what changes, what comes together together", async () => {
  await using world = await HubOperationsWorld.open();
  const gone = new AbortController();
  const answer = await world.operations.call("hub.subscribe", {}, world.base.caller("viewer"), gone.signal);
  assert.ok(answer.ok && "items" in answer);
  const items = (answer.items as AsyncIterable<{ topics: string[] }>)[Symbol.asyncIterator]();
  assert.deepEqual((await items.next()).value, { topics: ["nodes", "links", "policy", "tokens", "keys"] });
  const next = items.next();
  world.mesh.admin.createToken({ label: "x", group: "plc", uses: 1, minutes: 1, by: "test" });
  world.mesh.admin.setPolicy([], world.mesh.admin.policy().version, "test");
  assert.deepEqual((await next).value, { topics: ["policy", "tokens"] });
  gone.abort();
  assert.equal((await items.next()).done, true);
});
