import assert from "node:assert/strict";
import { HubWorld } from "../../../tests/lib/hub_world.ts";

Deno.test("after a forced removal every remaining pair gets another part within ten minutes, spread, once, over a restart", async () => {
  await using world = await HubWorld.open();
  const nodes = Array.from({ length: 9 }, (_, i) => world.join(`box-${i}`));
  for (const node of nodes) node.fetchState();
  const gone = nodes.pop();
  assert.ok(gone !== undefined);
  let closed: string[] = [];
  world.core.onClosed((id) => closed.push(id));
  world.admin.remove(gone.name, "anna");
  assert.deepEqual(closed, [gone.id]);
  for (const node of nodes) {
    node.follow();
    assert.deepEqual(node.types(), ["peer_removed"]);
  }
  const changes: number[] = [];
  for (let part = 0; part < 10; part++) {
    world.pass(60);
    if (part === 4) await world.restart();
    let count = 0;
    for (const node of nodes) {
      assert.equal(node.follow(), false);
      count += node.types().filter((type) => type === "peer_psk_changed").length;
      assert.equal(node.stateSha256, world.core.position(node.id).stateSha256);
    }
    changes.push(count);
  }
  world.pass(10);
  assert.equal(changes.reduce((a, b) => a + b, 0), nodes.length * (nodes.length - 1));
  assert.ok(changes.filter((count) => count > 0).length >= 7, changes.join());
  const ids = new Set(nodes.flatMap(({ state }) => state.peers.map(({ psk_hub_id }) => psk_hub_id)));
  assert.deepEqual([...ids], [2]);
  for (const node of nodes) {
    for (const peer of nodes) {
      const mine = node.state.peers.find(({ node_id }) => node_id === peer.id)?.psk_hub;
      assert.equal(mine, peer.state.peers.find(({ node_id }) => node_id === node.id)?.psk_hub);
    }
  }
  const late = world.join("late");
  assert.deepEqual([...new Set(late.state.peers.map(({ psk_hub_id }) => psk_hub_id))], [2]);
  closed = [];
});

Deno.test("a clock that is set back keeps no pair waiting for its new part", async () => {
  await using world = await HubWorld.open();
  const nodes = Array.from({ length: 5 }, (_, i) => world.join(`box-${i}`));
  const gone = nodes.pop();
  assert.ok(gone !== undefined);
  world.admin.remove(gone.name, "anna");
  world.pass(60);
  world.clock.set(-86_400_000);
  world.pass(610);
  const ids = nodes.flatMap((node) => {
    node.fetchState();
    return node.state.peers.map(({ psk_hub_id }) => psk_hub_id);
  });
  assert.deepEqual([...new Set(ids)], [2]);
});

Deno.test("a node that leaves by itself changes no key of the others", async () => {
  await using world = await HubWorld.open();
  const [a, b, c] = [world.join("a"), world.join("b"), world.join("c")];
  a.fetchState();
  world.core.deregister(c.id);
  world.pass(600);
  a.follow();
  assert.deepEqual(a.types(), ["peer_removed"]);
  assert.equal(a.state.peers[0]?.psk_hub, b.state.peers[0]?.psk_hub);
});
