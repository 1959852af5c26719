import assert from "node:assert/strict";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import type { Nat } from "./kit/mesh_network.ts";
import { MeshWorld } from "./kit/mesh_world.ts";
import type { TestAgent } from "./kit/test_agent.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping");

/** Hub, and two agents behind routers of their own. */
async function twoSites(world: MeshWorld, kinds: readonly [Nat, Nat]): Promise<readonly [TestAgent, TestAgent]> {
  const [north, south] = [await world.network.site("north", kinds[0]), await world.network.site("south", kinds[1])];
  const a = await world.join("a", { machine: await north.machine("a") });
  return [a, await world.join("b", { machine: await south.machine("b") })];
}

/** Waits until the only peer of an agent is up on a path; answers how long it took, ms. */
async function untilPath(world: MeshWorld, agent: TestAgent, path: string): Promise<number> {
  const startMs = performance.now();
  await waitFor(`the path ${path}`, async () => (await agent.peers())[0]?.["path"] === path, {
    everyMs: 300,
    deadlineMs: 90_000,
  }).catch(async (error: unknown) => {
    const said = [JSON.stringify(await agent.peers()), ...world.agents.map((one) => one.output()), world.hub.output()];
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said.join("\n---\n")}`);
  });
  return performance.now() - startMs;
}

async function natOf(agent: TestAgent): Promise<unknown> {
  const { nat } = await agent.status();
  return (nat as { readonly kind: string }).kind;
}

Deno.test({
  name: "two nodes behind cones reach each other directly, and know it",
  ...tools,
  async fn() {
    await using world = await MeshWorld.create();
    const [a, b] = await twoSites(world, ["cone", "cone"]);
    await untilPath(world, a, "direct");
    await untilPath(world, b, "direct");
    await world.untilAllReach();
    await waitFor("both observers", async () => await natOf(a) === "cone" && await natOf(b) === "cone");
    const [peer] = await a.peers();
    assert.match(String(peer?.["endpoint"]), /^203\.0\.113\.\d+:51820$/);
    const rttMs = await waitFor("a round trip", async () => (await a.peers())[0]?.["rttMs"]);
    assert.ok(typeof rttMs === "number" && rttMs > 0 && rttMs < 1000, String(rttMs));
  },
});

Deno.test({
  name: "two nodes on one LAN behind one router use the LAN",
  ...tools,
  async fn() {
    await using world = await MeshWorld.create();
    const site = await world.network.site("plant", "symmetric");
    const a = await world.join("a", { machine: await site.machine("a") });
    const b = await world.join("b", { machine: await site.machine("b") });
    await untilPath(world, a, "lan");
    await untilPath(world, b, "lan");
    await world.untilAllReach();
    assert.equal((await a.peers())[0]?.["endpoint"], `${b.machine.address}:51820`);
  },
});

for (const kinds of [["symmetric", "symmetric"], ["cone", "symmetric"]] as const) {
  Deno.test({
    name: `nodes behind a ${kinds[0]} and a ${kinds[1]} router reach each other by the hub's relay`,
    ...tools,
    async fn() {
      await using world = await MeshWorld.create();
      const [a, b] = await twoSites(world, kinds);
      await untilPath(world, a, "relay");
      await untilPath(world, b, "relay");
      await world.untilAllReach();
      assert.deepEqual([await natOf(a), await natOf(b)], kinds);
      assert.match(String((await a.peers())[0]?.["endpoint"]), /^203\.0\.113\.1:\d+$/);
    },
  });
}

Deno.test({
  name: "a relayed tunnel survives a restart of the hub",
  ...tools,
  async fn() {
    await using world = await MeshWorld.create();
    const [a, b] = await twoSites(world, ["symmetric", "symmetric"]);
    await untilPath(world, a, "relay");
    await world.untilAllReach();
    const before = (await a.peers())[0]?.["endpoint"];
    await world.hub.stop();
    assert.equal(await a.machine.reaches(String((await b.status())["meshIp"])), false);
    await world.hub.run();
    // what is sent is answered by nobody: WireGuard shakes hands anew after 15 s, and the relay learns both places
    await world.untilReaches(a, b, 120_000);
    assert.equal((await a.peers())[0]?.["endpoint"], before);
  },
});

Deno.test({
  name: "a node whose router drops UDP says so, and is a node all the same",
  ...tools,
  async fn() {
    await using world = await MeshWorld.create();
    const agent = await world.join("a", { machine: await (await world.network.site("north", "no-udp")).machine("a") });
    const { nat, hub } = await waitFor("the end of the observation", async () => {
      const status = await agent.status();
      return (status["nat"] as { readonly reached: boolean | null }).reached !== null && status;
    });
    assert.deepEqual(nat, { kind: "unknown", addresses: [], reached: false });
    assert.equal((hub as { readonly following: { readonly connected: boolean } }).following.connected, true);
  },
});
