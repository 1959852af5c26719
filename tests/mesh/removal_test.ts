import assert from "node:assert/strict";
import type { HubRule } from "../../src/mesh/hub_admin.ts";
import type { ResultOf } from "../../src/operations/schemas/operation_schemas.ts";
import { tableName } from "../../src/agent/firewall/firewall_text.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { MeshWorld, ping } from "./kit/mesh_world.ts";
import { echoes, echoOn } from "./kit/tcp_ports.ts";
import { unharmed, untilFollowing } from "./threats/scene.ts";
import type { TestAgent } from "./kit/test_agent.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping", "wg", "python3");

const plc: HubRule = {
  ...{ id: "plc", from: ["*"], to: ["*"], protocol: "tcp", ports: [[4840, 4841]], log: false, comment: "" },
};

/** Packets that an agent's firewall dropped of one kind. */
async function dropped(agent: TestAgent, kind: string): Promise<number> {
  const { counters } = await agent.ask("policy") as { counters: { drops: Record<string, { packets: number }> } };
  return counters.drops[kind]?.packets ?? 0;
}

Deno.test({
  name: "What the mesh's policy closes stays closed, from the mesh and from the LAN",
  ...tools,
  async fn(t) {
    await using world = await MeshWorld.create();
    const [a, b, c] = await world.joinAll(["a", "b", "c"]);
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    const neighbour = await world.machine("neighbour");
    await world.hub.allow([ping, plc]);
    await using _service = await echoOn(b.machine, [4840, 22]);
    const address = await b.meshIp();

    await t.step("a change of the policy is in force within seconds", async () => {
      const begunMs = performance.now();
      await waitFor("the allowed port", () => echoes(a.machine, address, 4840));
      console.log(`a policy was in force after ${Math.round(performance.now() - begunMs)} ms`);
    });

    await t.step("a port that no rule allows is dropped and counted", async () => {
      const before = await dropped(b, "denied");
      assert.ok(!(await echoes(a.machine, address, 22)));
      assert.ok(await dropped(b, "denied") > before);
    });

    await t.step("a neighbour on the LAN does not reach what is for the mesh", async () => {
      await neighbour.ok("ip", ["route", "add", `${address}/32`, "via", b.machine.address]);
      const before = await dropped(b, "spoofed");
      assert.ok(!(await echoes(neighbour, address, 4840)));
      assert.ok(await dropped(b, "spoofed") > before);
      // nor with the address of a peer as its own
      await neighbour.ok("ip", ["addr", "add", `${await a.meshIp()}/32`, "dev", "lo"]);
      const spoofed = await neighbour.ping(address, { count: 2 });
      assert.equal(spoofed.received, 0);
    });

    await t.step("a firewall that somebody deleted is back within a cycle", async () => {
      await b.machine.ok("nft", ["delete", "table", "inet", tableName(b.tunnel)]);
      await waitFor(
        "the table",
        async () => (await b.machine.run("nft", ["list", "table", "inet", tableName(b.tunnel)])).code === 0,
      );
      assert.ok(!(await echoes(a.machine, address, 22)));
      assert.ok(await echoes(a.machine, address, 4840, 5));
    });

    await t.step("a rule that is withdrawn ends what it let in", async () => {
      await world.hub.allow([ping]);
      await waitFor("the port to close", async () => !(await echoes(a.machine, address, 4840)));
    });

    await t.step("threat: Force-removed node", async () => {
      const removed = await c.nodeId();
      const before = new Map((await a.wireGuard()).map(([key = "", psk = ""]) => [key, psk]));
      await unharmed({ world, a, b }, async () => {
        const begunMs = performance.now();
        await world.hub.call("hub.node.remove", { node: removed });
        await waitFor("the removed node to reach nobody", async () => {
          for (const agent of [a, b]) if (await c.machine.reaches(await agent.meshIp())) return false;
          return true;
        });
        const tookMs = performance.now() - begunMs;
        console.log(`a removed node reached nobody after ${Math.round(tookMs)} ms`);
        // off the device first, then out of the list
        for (const agent of [a, b]) {
          await waitFor(
            "the removed node to be gone",
            async () => (await agent.peers()).length === 1 && (await agent.wireGuard()).length === 1,
          );
        }
        // the hub does not know it any more, whatever it asks
        await waitFor(
          "the removed node to be told",
          async () => (await c.status()).faults.some(({ code }) => code === "mesh_removed"),
          { deadlineMs: 60_000 },
        );
      });
      const { nodes } = await world.hub.call("hub.nodes") as ResultOf<"hub.nodes">;
      assert.equal(nodes.find(({ nodeId }) => nodeId === removed)?.state, "removed");
      for (const agent of [a, b]) await untilFollowing(agent);
      const [peer] = await a.wireGuard();
      assert.ok(before.has(peer?.[0] ?? ""));
      const rejoin = await c.attempt(["join", "--force"], { input: `${await world.hub.token()}\n` });
      assert.notEqual(rejoin.code, 0, "while its agent runs");
    });
  },
});
