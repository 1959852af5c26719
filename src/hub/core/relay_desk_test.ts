import assert from "node:assert/strict";
import { HubWorld, type SimulatedNode } from "../../../tests/lib/hub_world.ts";

async function two(): Promise<{ world: HubWorld; a: SimulatedNode; b: SimulatedNode }> {
  const world = await HubWorld.open();
  const [a, b] = [world.join("a"), world.join("b")];
  a.follow();
  for (const node of [a, b]) {
    world.core.streamOpened(node.id);
    node.types();
  }
  return { world, a, b };
}

function beats(a: SimulatedNode, b: SimulatedNode, path: "none" | "direct" | "relay"): void {
  a.beat({ peers: [a.link(b, path)] });
  b.beat({ peers: [b.link(a, path)] });
}

Deno.test("a pair without a path for 20 s is relayed, each by its own port", async () => {
  const { world, a, b } = await two();
  await using _world = world;
  beats(a, b, "none");
  world.pass(19);
  assert.equal(world.relay.sessions.size, 0);
  world.pass(2);
  const [session] = world.relay.sessions.values();
  assert.ok(session !== undefined);
  for (const node of [a, b]) {
    node.follow();
    assert.deepEqual(node.types(), ["relay_session_assigned"]);
    const port = session.ports[session.a === node.id ? 0 : 1];
    assert.equal(node.state.peers[0]?.relay?.address, `203.0.113.1:${port}`);
    assert.equal(node.stateSha256, world.core.position(node.id).stateSha256);
  }
  assert.equal(world.admin.status().relays.sessions, 1);
});

Deno.test("behind a symmetric NAT nobody is waited for; a path that works is left alone", async () => {
  const { world, a, b } = await two();
  await using _world = world;
  const [key] = world.core.wireguardKeys(a.id);
  assert.ok(key !== undefined);
  world.core.observed(key, 0, "198.51.100.7:40000", new Uint8Array(12).fill(1));
  world.core.observed(key, 1, "198.51.100.7:40001", new Uint8Array(12).fill(1));
  assert.equal(world.admin.node("a").nat, "symmetric");
  beats(a, b, "direct");
  world.pass(30);
  assert.equal(world.relay.sessions.size, 0);
  a.beat({ peers: [a.link(b, "none")] });
  b.beat({ peers: [b.link(a, "none")] });
  world.pass(1);
  assert.equal(world.relay.sessions.size, 1);
});

Deno.test("a session is renewed while it is used, and ends when both go direct for long", async () => {
  const { world, a, b } = await two();
  await using _world = world;
  beats(a, b, "none");
  world.pass(21);
  beats(a, b, "relay");
  const [first] = world.relay.sessions.values();
  const endUs = first?.expiresUs ?? 0;
  world.clock.set(13 * 3_600_000);
  beats(a, b, "relay");
  world.pass(1);
  const [renewed] = world.relay.sessions.values();
  assert.ok(renewed !== undefined && renewed.expiresUs > endUs);
  beats(a, b, "direct");
  world.pass(599);
  assert.equal(world.relay.sessions.size, 1);
  world.pass(2);
  assert.equal(world.relay.sessions.size, 0);
  a.follow();
  assert.deepEqual(a.types(), ["relay_session_assigned", "relay_session_assigned", "relay_session_revoked"]);
  assert.equal(a.stateSha256, world.core.position(a.id).stateSha256);
});

Deno.test("sessions survive a restart with their ports, and end with one of their nodes", async () => {
  const { world, a, b } = await two();
  await using _world = world;
  beats(a, b, "none");
  world.pass(21);
  const before = world.core.position(a.id);
  await world.restart();
  world.relay.sessions.clear();
  world.pass(1);
  assert.equal(world.relay.sessions.size, 1);
  assert.deepEqual(world.core.position(a.id), before);
  world.admin.remove("b", "anna");
  assert.equal(world.relay.sessions.size, 0);
  a.follow();
  assert.deepEqual(a.types(), ["relay_session_assigned", "peer_removed"]);
  assert.equal(a.stateSha256, world.core.position(a.id).stateSha256);
});

Deno.test("a pair that finds every session taken is tried again", async () => {
  const { world, a, b } = await two();
  await using _world = world;
  world.relay.most = 0;
  beats(a, b, "none");
  world.pass(25);
  world.relay.most = 1;
  beats(a, b, "none");
  world.pass(61);
  assert.equal(world.relay.sessions.size, 1);
});
