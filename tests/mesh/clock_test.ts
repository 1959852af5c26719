import assert from "node:assert/strict";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { MeshWorld } from "./kit/mesh_world.ts";
import { untilFollowing } from "./threats/scene.ts";

const DAY_S = 86_400;

Deno.test({
  name: "Agents whose clocks are a day off join, follow their hub and reach each other",
  ...requires("network-namespaces", "wireguard-go", "nft", "ping", "wg", "faketime"),
  async fn() {
    await using world = await MeshWorld.create();
    const right = await world.join("right");
    const ahead = await world.join("ahead", { clockOffsetS: DAY_S });
    const behind = await world.join("behind", { clockOffsetS: -DAY_S });
    await world.untilAllReach([right, ahead, behind]);
    for (const [agent, offsetMs] of [[ahead, DAY_S * 1000], [behind, -DAY_S * 1000]] as const) {
      await untilFollowing(agent);
      const { clockAheadMs } = await agent.status();
      assert.ok(Math.abs((clockAheadMs ?? 0) - offsetMs) < 60_000, `${agent.machine.name}: ${clockAheadMs} ms`);
    }
    // what the hub says now counts for them, too
    await world.hub.call("hub.node.rename", { node: await right.nodeId(), name: "renamed" });
    for (const agent of [ahead, behind]) {
      await waitFor("the change", async () => (await agent.peers()).some(({ name }) => name === "renamed"));
    }
    // a clock that is put back behind its own past is named, and the tunnels go on
    await ahead.stop("SIGKILL");
    await ahead.run({ clockOffsetS: 0 });
    await untilFollowing(ahead);
    await waitFor(
      "the clock to be named",
      async () => (await ahead.status()).faults.some(({ code }) => code === "mesh_clock_behind"),
    );
    await world.untilAllReach([right, ahead]);
  },
});
