import assert from "node:assert/strict";
import { HubRequestRefused } from "../hub_core.ts";
import { HubWorld } from "../../../tests/lib/hub_world.ts";

Deno.test("a node joins, and the others get it by an event that leads to the same state", async () => {
  await using world = await HubWorld.open();
  const a = world.join("box-a");
  assert.equal(a.state.mesh_ip, "10.100.0.1");
  const b = world.join("box-b");
  assert.equal(b.state.mesh_ip, "10.100.0.2");
  assert.equal(a.follow(), false);
  assert.deepEqual(a.types(), ["peer_added"]);
  assert.deepEqual(a.state.peers.map(({ name }) => name), ["box-b"]);
  assert.equal(a.state.peers[0]?.psk_hub, b.state.peers[0]?.psk_hub);
  for (const node of [a, b]) assert.equal(node.stateSha256, world.core.position(node.id).stateSha256);
});

Deno.test("a used token is refused, and the same node gets the same answer for 15 minutes", async () => {
  await using world = await HubWorld.open();
  const token = world.token();
  const a = world.join("box-a", token);
  a.join(token);
  assert.equal(world.admin.tokens()[0]?.usesLeft, 0);
  assert.throws(
    () => world.join("box-b", token),
    (error) => error instanceof HubRequestRefused && error.code === "token_used",
  );
  world.clock.set(15 * 60_000);
  assert.throws(() => a.join(token), (error) => error instanceof HubRequestRefused && error.code === "token_expired");
});
