import assert from "node:assert/strict";
import { HubWorld, type SimulatedNode } from "../../../tests/lib/hub_world.ts";

async function two(): Promise<{ world: HubWorld; a: SimulatedNode; b: SimulatedNode; see: See }> {
  const world = await HubWorld.open();
  const [a, b] = [world.join("a"), world.join("b")];
  a.follow();
  a.types();
  let stamp = 1n;
  const see: See = (observer, address, at = stamp++) => {
    const tai64n = new Uint8Array(12);
    new DataView(tai64n.buffer).setBigUint64(0, at);
    const [key] = world.core.wireguardKeys(a.id);
    if (key !== undefined) world.core.observed(key, observer, address, tai64n);
  };
  return { world, a, b, see };
}
type See = (observer: 0 | 1, address: string, at?: bigint) => void;

Deno.test("both observers see one address: a cone, told to the node and to its peers", async () => {
  const { world, a, b, see } = await two();
  await using _world = world;
  world.core.putEndpoints(a.id, [{ kind: "static", address: "192.0.2.1:51820" }, {
    kind: "lan",
    address: "192.168.1.2:51820",
  }]);
  see(0, "198.51.100.7:40000");
  a.follow();
  assert.deepEqual(a.types(), []);
  see(1, "198.51.100.7:40000");
  a.follow();
  assert.deepEqual(a.received.splice(0), [{
    type: "endpoint_observed",
    payload: {
      endpoints: [{ observer: 0, address: "198.51.100.7:40000" }, { observer: 1, address: "198.51.100.7:40000" }],
    },
  }]);
  b.follow();
  assert.deepEqual(b.state.peers[0]?.endpoints, [
    { address: "192.168.1.2:51820", kind: "lan" },
    { address: "198.51.100.7:40000", kind: "observed" },
    { address: "192.0.2.1:51820", kind: "static" },
  ]);
  assert.equal(world.admin.node("a").nat, "cone");
  // asked again with the same result: the node is told, its peers are not
  b.types();
  world.pass(300);
  see(0, "198.51.100.7:40000");
  see(1, "198.51.100.7:40000");
  a.follow();
  b.follow();
  assert.deepEqual([a.types(), b.types()], [["endpoint_observed"], []]);
});

Deno.test("one observer alone is answered after 5 s; other ports of a symmetric NAT are no news to peers", async () => {
  const { world, a, b, see } = await two();
  await using _world = world;
  see(1, "198.51.100.7:40000");
  world.pass(6);
  a.follow();
  assert.deepEqual(a.types(), ["endpoint_observed"]);
  world.pass(20);
  see(0, "198.51.100.7:40001");
  see(1, "198.51.100.7:40002");
  assert.equal(world.admin.node("a").nat, "symmetric");
  b.follow();
  b.types();
  world.pass(20);
  see(0, "198.51.100.7:40003");
  see(1, "198.51.100.7:40004");
  b.follow();
  assert.deepEqual(b.types(), []);
  world.pass(20);
  see(0, "198.51.100.8:40003");
  see(1, "198.51.100.8:40004");
  b.follow();
  assert.deepEqual(b.types(), ["peer_endpoint_changed"]);
});

Deno.test("an initiation that is replayed, or of nobody, moves no endpoint, also after a restart", async () => {
  const { world, b, see } = await two();
  await using _world = world;
  see(0, "198.51.100.7:40000", 100n);
  see(1, "198.51.100.7:40000", 101n);
  const before = world.core.position(b.id);
  world.pass(20);
  see(0, "203.0.113.66:1", 100n);
  await world.restart();
  see(0, "203.0.113.66:1", 100n);
  see(1, "203.0.113.66:1", 101n);
  world.core.observed(new Uint8Array(32), 0, "203.0.113.66:1", new Uint8Array(12).fill(255));
  world.pass(10);
  assert.deepEqual(world.core.position(b.id), before);
});
