import assert from "node:assert/strict";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import type { PeerStatus } from "../../src/agent/peers/peer_engine.ts";
import type { Machine } from "./kit/machine.ts";
import { MeshWorld } from "./kit/mesh_world.ts";
import type { TestAgent } from "./kit/test_agent.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping");

/** Waits until one agent has another on a path, and answers what it tells of it. */
async function untilPath(world: MeshWorld, agent: TestAgent, peer: TestAgent, path: PeerStatus["path"]) {
  const peerId = await peer.nodeId();
  const between = `from ${agent.machine.name} to ${peer.machine.name}`;
  return await waitFor(`the path ${path} ${between}`, async () => {
    const status = (await agent.peers()).find(({ nodeId }) => nodeId === peerId);
    return status?.path === path && status;
  }, { everyMs: 300, deadlineMs: 120_000 }).catch(async (error: unknown) => {
    const said = [JSON.stringify(await agent.peers()), ...world.agents.map((one) => one.output()), world.hub.output()];
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said.join("\n---\n")}`);
  });
}

async function natOf(agent: TestAgent): Promise<string> {
  return (await agent.status()).nat.kind;
}

Deno.test({
  name: "nodes behind every kind of router reach each other, by the shortest way that there is",
  ...tools,
  async fn(t) {
    await using world = await MeshWorld.create();
    const { network } = world;
    const plant = await network.site("plant", "symmetric");
    const join = async (name: string, machine: Promise<Machine>) => await world.join(name, { machine: await machine });
    const coneA = await join("a", (await network.site("north", "cone")).machine("a"));
    const coneB = await join("b", (await network.site("south", "cone")).machine("b"));
    const inPlant = await join("c", plant.machine("c"));
    const besideIt = await join("d", plant.machine("d"));
    const elsewhere = await join("e", (await network.site("east", "symmetric")).machine("e"));
    const silenced = await join("f", (await network.site("west", "no-udp")).machine("f"));

    await t.step("two nodes behind cones reach each other directly, and know it", async () => {
      for (const [one, other] of [[coneA, coneB], [coneB, coneA]] as const) {
        const { endpoint } = await untilPath(world, one, other, "direct");
        assert.match(String(endpoint), /^203\.0\.113\.\d+:51820$/);
        await world.untilReaches(one, other);
      }
      await waitFor("both observers", async () => await natOf(coneA) === "cone" && await natOf(coneB) === "cone");
      const coneBId = await coneB.nodeId();
      const rttMs = await waitFor(
        "a round trip",
        async () => (await coneA.peers()).find(({ nodeId }) => nodeId === coneBId)?.rttMs,
        // asked every 30 s
        { deadlineMs: 120_000 },
      );
      assert.ok(rttMs > 0, String(rttMs));
    });

    await t.step("two nodes on one LAN behind one router use the LAN", async () => {
      for (const [one, other] of [[inPlant, besideIt], [besideIt, inPlant]] as const) {
        const { endpoint } = await untilPath(world, one, other, "lan");
        assert.equal(endpoint, `${other.machine.address}:51820`);
        await world.untilReaches(one, other);
      }
    });

    for (
      const [one, other, what] of [
        [inPlant, elsewhere, "two symmetric routers"],
        [coneA, elsewhere, "a cone and a symmetric router"],
      ] as const
    ) {
      await t.step(`nodes behind ${what} reach each other by the hub's relay`, async () => {
        for (const [from, to] of [[one, other], [other, one]] as const) {
          const { endpoint } = await untilPath(world, from, to, "relay");
          assert.match(String(endpoint), /^203\.0\.113\.1:\d+$/);
          await world.untilReaches(from, to);
        }
        const kind = one === coneA ? "cone" : "symmetric";
        await waitFor("both observers", async () => await natOf(one) === kind && await natOf(other) === "symmetric");
      });
    }

    await t.step("a node whose router drops UDP says so, and is a node all the same", async () => {
      const { nat, hub } = await waitFor("the end of the observation", async () => {
        const status = await silenced.status();
        return status.nat.reached !== null && status;
      });
      assert.deepEqual(nat, { kind: "unknown", addresses: [], reached: false });
      assert.equal(hub.following?.connected, true);
    });

    await t.step("relayed tunnels survive a restart of the hub, and direct ones its absence", async () => {
      const before = (await untilPath(world, inPlant, elsewhere, "relay")).endpoint;
      await world.hub.stop();
      assert.equal(await inPlant.machine.reaches(await elsewhere.meshIp()), false);
      assert.equal(await coneA.machine.reaches(await coneB.meshIp(), 5), true);
      assert.equal(await inPlant.machine.reaches(await besideIt.meshIp(), 5), true);
      await world.hub.run();
      // what is sent is answered by nobody: WireGuard shakes hands anew after 15 s, and the relay learns both places,
      // each when that node speaks
      await Promise.all([
        world.untilReaches(inPlant, elsewhere, 120_000),
        world.untilReaches(elsewhere, inPlant, 120_000),
      ]);
      assert.equal((await untilPath(world, inPlant, elsewhere, "relay")).endpoint, before);
    });
  },
});
