import assert from "node:assert/strict";
import { toBase64 } from "../../mesh/encoding.ts";
import { parseJoinToken } from "../../mesh/join_token.ts";
import { HubWorld, SimulatedNode } from "../../../tests/lib/hub_world.ts";
import { HubRequestRefused } from "../hub_core.ts";

/** Runs what has to be refused with this code, and looks for it in the audit. */
function refused(world: HubWorld, code: string, status: number, work: () => unknown): void {
  const before = world.audit.of("hub_refused").length;
  assert.throws(work, (error) => {
    assert.ok(error instanceof HubRequestRefused, String(error));
    assert.deepEqual([error.code, error.status], [code, status]);
    return true;
  });
  const entries = world.audit.of("hub_refused").slice(before);
  assert.deepEqual(entries.map(({ operation, outcome, address }) => [operation, outcome, address]), [[
    "register",
    code,
    "192.0.2.9",
  ]]);
}

Deno.test("a registration is refused for each thing that does not fit, and every refusal is in the audit", async () => {
  await using world = await HubWorld.open();
  const { core, clock } = world;
  const token = world.token(5);
  const a = world.join("box-a", token);
  const b = new SimulatedNode(world, "box-b");
  b.statement = b.statementOf(1);
  const register = (text: string) => () => core.register(text, "192.0.2.9");

  refused(world, "token_unknown", 401, register(b.registerText(token, { token_id: "t_0000000000000000" })));
  refused(world, "token_unknown", 401, register(b.registerText(token, { token_mac: toBase64(new Uint8Array(32)) })));
  refused(world, "statement_refused", 400, register("{}"));
  refused(world, "statement_refused", 400, register(b.registerText(token, { statement: "{}" })));
  refused(world, "statement_refused", 413, register(`{"a":"${"x".repeat(70_000)}"}`));
  // the registration is signed by another identity than its statement's
  refused(world, "statement_refused", 400, register(b.registerText(token, {}, a.statementOf(1))));
  // somebody's keys under another identity
  const thief = new SimulatedNode(world, "box-thief");
  const { wireguard_key, kem_key } = a.statement;
  refused(
    world,
    "key_in_use",
    409,
    register(thief.registerText(token, {}, thief.statementOf(1, core.hubId, "", { wireguard_key }))),
  );
  refused(
    world,
    "key_in_use",
    409,
    register(thief.registerText(token, {}, thief.statementOf(1, core.hubId, "", { kem_key }))),
  );
  refused(
    world,
    "statement_refused",
    409,
    register(a.registerText(world.token(), {}, a.statementOf(1, core.hubId, "again"))),
  );
  assert.equal(world.admin.tokens().find(({ uses }) => uses === 5)?.usesLeft, 4);

  world.admin.remove("box-a", "anna");
  refused(world, "node_removed", 410, register(a.registerText(token, {}, a.statementOf(2))));
  world.admin.revokeToken(parseJoinToken(token).id);
  refused(world, "token_unknown", 401, register(b.registerText(token)));
  const before = world.token();
  clock.set(60_000);
  world.admin.rotateSigningKey("anna");
  refused(world, "token_outdated", 403, register(b.registerText(before)));
  const late = world.token();
  clock.set(16 * 60_000);
  refused(world, "token_expired", 403, register(b.registerText(late)));
  assert.deepEqual(world.admin.nodes().map(({ name }) => name), ["box-a"]);
});

Deno.test("small-order keys are refused in a statement", async () => {
  await using world = await HubWorld.open();
  const node = new SimulatedNode(world, "box-a");
  assert.throws(
    () =>
      world.core.register(
        node.registerText(world.token(), {
          statement: node.statementText({ wireguard_key: toBase64(new Uint8Array(32)) }),
        }),
        "192.0.2.9",
      ),
    (error) => error instanceof HubRequestRefused && error.code === "statement_refused" && /E_KEY/.test(error.message),
  );
});

Deno.test("names and addresses of removed nodes are given to nobody else", async () => {
  await using world = await HubWorld.open({ meshCidr: "10.9.0.0/29" });
  world.join("box");
  world.admin.remove("box", "anna");
  const again = new SimulatedNode(world, "second");
  again.join(world.token(1, "plc"));
  assert.equal(again.state.mesh_ip, "10.9.0.2");
  const node = new SimulatedNode(world, "third");
  node.statement = node.statementOf(1);
  world.core.register(node.registerText(world.token(), { hostname: "box" }), "192.0.2.9");
  assert.deepEqual(world.admin.nodes().map(({ name, state }) => [name, state]), [
    ["box", "removed"],
    ["box-2", "active"],
    ["second", "active"],
  ]);
  for (const name of ["a", "b", "c"]) world.join(name);
  assert.throws(
    () => world.join("d"),
    (error) => error instanceof HubRequestRefused && error.code === "mesh_full" && error.status === 503,
  );
});

Deno.test("a box that was set up again joins with its old identity and a new token, and keeps its address", async () => {
  await using world = await HubWorld.open();
  const a = world.join("box-a");
  const b = world.join("box-b");
  a.follow();
  const later = a.statementOf(2);
  world.core.register(a.registerText(world.token(), {}, later), "192.0.2.9");
  b.follow();
  assert.deepEqual(b.types(), ["peer_key_rotated"]);
  assert.deepEqual(world.relay.keyChanges, [a.id]);
  assert.equal(b.state.peers[0]?.statement_sha256, later.sha256);
  assert.equal(b.state.peers[0]?.mesh_ip, "10.100.0.1");
  assert.equal(b.stateSha256, world.core.position(b.id).stateSha256);
});
