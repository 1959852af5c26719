import assert from "node:assert/strict";
import { HubWorld, type SimulatedNode } from "../../../tests/lib/hub_world.ts";
import { HubRequestRefused } from "../hub_core.ts";

async function three(): Promise<{ world: HubWorld; nodes: [SimulatedNode, SimulatedNode, SimulatedNode] }> {
  const world = await HubWorld.open();
  const nodes: [SimulatedNode, SimulatedNode, SimulatedNode] = [world.join("a"), world.join("b"), world.join("c")];
  for (const node of nodes) {
    node.follow();
    node.types();
  }
  return { world, nodes };
}

Deno.test("a rotation waits for every live peer, and the state names the old key until the commit", async () => {
  const { world, nodes: [a, b, c] } = await three();
  await using _world = world;
  const { core } = world;
  a.beat({ peers: [a.link(b, "direct", 10), a.link(c, "direct", 400)] });
  const [oldKey] = core.wireguardKeys(a.id);
  const next = a.statementOf(2);
  core.rotate(a.id, next.text);
  assert.equal(core.statement(next.sha256), next.text);
  assert.equal(core.wireguardKeys(a.id).length, 2);
  assert.deepEqual(world.relay.keyChanges, [a.id]);
  b.follow();
  assert.deepEqual(b.types(), ["peer_key_rotated"]);
  assert.notEqual(b.state.peers.find(({ node_id }) => node_id === a.id)?.statement_sha256, next.sha256);
  world.pass(10);
  a.follow();
  assert.deepEqual(a.types(), []);
  core.keyReady(b.id, { peerId: a.id, statementSha256: next.sha256 });
  a.follow();
  assert.deepEqual(a.received.splice(0), [{
    type: "key_rotation_ready",
    payload: { ready: [b.id], missing: [c.id], statement_sha256: next.sha256 },
  }]);
  core.rotateCommit(a.id, next.sha256);
  core.rotateCommit(a.id, next.sha256);
  const [newKey, ...others] = core.wireguardKeys(a.id);
  assert.equal(others.length, 0);
  assert.notDeepEqual(newKey, oldKey);
  assert.equal(core.nodeOfWireguardKey(oldKey ?? new Uint8Array()), null);
  b.follow();
  assert.deepEqual(b.types(), ["peer_key_rotated"]);
  assert.equal(b.state.peers.find(({ node_id }) => node_id === a.id)?.statement_sha256, next.sha256);
  assert.equal(b.stateSha256, core.position(b.id).stateSha256);
});

Deno.test("a rotation goes on after a day, and names who is cut off", async () => {
  const { world, nodes: [a, b, c] } = await three();
  await using _world = world;
  world.core.rotate(a.id, a.statementOf(2).text);
  a.follow();
  // nobody is live
  assert.deepEqual(a.types(), ["key_rotation_ready"]);
  a.beat({ peers: [a.link(b, "direct", 10), a.link(c, "direct", 10)] });
  const next = a.statementOf(3);
  world.core.rotate(a.id, next.text);
  for (let hour = 0; hour < 23; hour++) {
    world.clock.set(3_600_000);
    a.beat({ peers: [a.link(b, "direct", 10), a.link(c, "direct", 10)] });
    world.pass(6);
  }
  a.follow();
  assert.deepEqual(a.types(), []);
  world.clock.set(3_600_000);
  world.pass(6);
  a.follow();
  const last = a.received.at(-1);
  assert.ok(last?.type === "key_rotation_ready");
  assert.deepEqual(last.payload, { ready: [], missing: [b.id, c.id].sort(), statement_sha256: next.sha256 });
});

Deno.test("a restart forgets no rotation, and the same request again is answered again", async () => {
  const { world, nodes: [a, b] } = await three();
  await using _world = world;
  a.beat({ peers: [a.link(b, "direct", 10)] });
  const next = a.statementOf(2);
  world.core.rotate(a.id, next.text);
  world.core.keyReady(b.id, { peerId: a.id, statementSha256: next.sha256 });
  a.follow();
  assert.deepEqual(a.types(), ["key_rotation_ready"]);
  await world.restart();
  world.core.rotate(a.id, next.text);
  a.follow();
  assert.deepEqual(a.received.splice(0).map((event) => event.type === "key_rotation_ready" && event.payload.ready), [[
    b.id,
  ]]);
  world.core.rotateCommit(a.id, next.sha256);
});

Deno.test("the same statement again tells the peers that are there and still missing, and not without end", async () => {
  const { world, nodes: [a, b, c] } = await three();
  await using _world = world;
  const { core } = world;
  for (const node of [a, b]) core.streamOpened(node.id);
  const next = a.statementOf(2);
  core.rotate(a.id, next.text);
  // b takes the whole state instead of the event, and so knows nothing of the new key
  b.fetchState();
  core.rotate(a.id, next.text);
  b.follow();
  assert.deepEqual(b.received.splice(0), [{
    type: "peer_key_rotated",
    payload: { phase: "prepare", peer_id: a.id, statement_sha256: next.sha256 },
  }]);
  assert.equal(b.stateSha256, core.position(b.id).stateSha256);
  // c is away: it has the event of the beginning before it, and no more
  c.follow();
  assert.deepEqual(c.types(), ["peer_key_rotated"]);
  core.keyReady(b.id, { peerId: a.id, statementSha256: next.sha256 });
  core.streamOpened(c.id);
  for (let time = 0; time < 100; time++) core.rotate(a.id, next.text);
  for (const node of [b, c]) node.follow();
  assert.deepEqual(b.types(), []);
  const told = c.types();
  assert.ok(told.length > 0 && told.length < 20 && told.every((type) => type === "peer_key_rotated"), told.join());
  world.clock.set(5 * 60_000);
  core.rotate(a.id, next.text);
  c.follow();
  assert.deepEqual(c.types(), ["peer_key_rotated"]);
});

Deno.test("statements that do not follow are refused", async () => {
  const { world, nodes: [a, b] } = await three();
  await using _world = world;
  const { core } = world;
  const code = (wanted: string) => (error: unknown) => error instanceof HubRequestRefused && error.code === wanted;
  assert.throws(() => core.rotate(a.id, b.statementOf(2).text), code("statement_refused"));
  assert.throws(() => core.rotate(a.id, a.statementOf(1, core.hubId, "other").text), code("statement_refused"));
  const { wireguard_key, kem_key } = b.statement;
  assert.throws(() => core.rotate(a.id, a.statementOf(2, core.hubId, "", { wireguard_key }).text), code("key_in_use"));
  assert.throws(() => core.rotate(a.id, a.statementOf(2, core.hubId, "", { kem_key }).text), code("key_in_use"));
  core.rotate(a.id, a.statementOf(2).text);
  assert.throws(() => core.rotate(a.id, a.statementOf(2, core.hubId, "other").text), code("statement_refused"));
  assert.throws(() => core.rotateCommit(a.id, "0".repeat(64)), code("statement_refused"));
  assert.throws(
    () => core.keyReady(b.id, { peerId: a.id, statementSha256: "0".repeat(64) }),
    code("statement_refused"),
  );
});

Deno.test("nodes are asked for new keys by the schedule and by an admin, when they are there", async () => {
  const { world, nodes: [a, b, c] } = await three();
  await using _world = world;
  world.core.streamOpened(a.id);
  world.admin.rotateNodeKeys("b", "anna");
  b.follow();
  assert.deepEqual(b.types(), ["rotate_keys"]);
  world.pass(10);
  a.follow();
  assert.deepEqual(a.types(), []);
  world.clock.set(31 * 86_400_000);
  world.pass(10);
  for (const node of [a, c]) node.follow();
  assert.deepEqual(a.types(), ["rotate_keys"]);
  // c's stream is not open
  assert.deepEqual(c.types(), []);
  world.core.streamOpened(b.id);
  world.core.streamOpened(c.id);
  world.admin.rotateNodeKeys(null, "anna");
  world.pass(320);
  c.follow();
  assert.deepEqual(c.types(), ["rotate_keys"]);
});
