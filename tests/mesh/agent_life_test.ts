import assert from "node:assert/strict";
import { requires } from "../lib/requires.ts";
import { fillDisk, withSmallDisk } from "../lib/small_disk.ts";
import { waitFor } from "../lib/wait_for.ts";
import { MeshWorld } from "./kit/mesh_world.ts";
import type { TestAgent } from "./kit/test_agent.ts";
import { untilFollowing } from "./threats/scene.ts";

const needs = requires("network-namespaces", "wireguard-go", "nft", "ping");

const faultsOf = async (agent: TestAgent) => (await agent.status()).faults.map(({ code }) => code);

Deno.test({
  name:
    "An agent that is killed leaves its tunnels working, the next start goes on with them, and the orderly end takes them away",
  ...needs,
  async fn() {
    await using world = await MeshWorld.create();
    const [first, second] = [await world.join("first"), await world.join("second")];
    await world.untilReaches(first, second);
    const far = await second.meshIp();
    await first.stop("SIGKILL");
    assert.deepEqual(await first.machine.ping(far, { count: 5, waitS: 10 }), { sent: 5, received: 5 });
    const pinging = first.machine.ping(far, { count: 40, waitS: 10 });
    await first.run();
    const { sent, received } = await pinging;
    assert.equal(received, sent, "no packet was lost while the next agent took over");

    await first.stop();
    assert.notEqual((await first.machine.run("ip", ["link", "show", first.tunnel])).code, 0, "the interface is gone");
    assert.equal(await first.machine.ok("nft", ["list", "ruleset"]), "", "and its firewall");
  },
});

Deno.test({
  name: "A machine that starts without its hub has its tunnels, and leaves the mesh without it, too",
  ...needs,
  async fn() {
    await using world = await MeshWorld.create();
    const [first, second] = [await world.join("first"), await world.join("second")];
    await world.untilReaches(first, second);
    const far = await second.meshIp();
    await world.hub.stop();
    await first.stop();
    await first.run();
    await waitFor("the tunnel", () => first.machine.reaches(far), { deadlineMs: 60_000 });
    assert.equal(
      (await first.status()).hub.following.connected,
      false,
    );

    await first.stop();
    const { code, out, err } = await first.attempt(["leave"]);
    assert.deepEqual([code, /has left the mesh/.test(out), /edgekeep hub node remove n_/.test(err)], [0, true, true]);
    assert.equal((await first.attempt(["run"])).code, 6);
  },
});

Deno.test({
  name: "On a full disk the tunnel stays, the fault is named, and the agent goes on where there is space again",
  ...needs,
  async fn() {
    await using world = await MeshWorld.create();
    await withSmallDisk("size=4m", async ({ dir }) => {
      const [first, second] = [await world.join("first", { folder: `${dir}/first` }), await world.join("second")];
      await world.untilReaches(first, second);
      const far = await second.meshIp();
      const free = await fillDisk(dir);
      const third = await world.join("third");
      await waitFor("the fault", async () => (await faultsOf(first)).includes("mesh_storage_failed"));
      assert.deepEqual(await first.machine.ping(far, { count: 3, waitS: 10 }), { sent: 3, received: 3 });
      await free();
      await world.untilReaches(first, third);
      await waitFor("the end of the fault", async () => (await faultsOf(first)).length === 0);
      await first.stop();
    });
  },
});

Deno.test({
  name:
    "A hub restored from an old copy is refused while the tunnels stay, and followed again once root accepts its new key",
  ...needs,
  async fn() {
    await using world = await MeshWorld.create();
    const [first, second] = [await world.join("first"), await world.join("second")];
    await world.untilReaches(first, second);
    const far = await second.meshIp();
    await world.hub.stop();
    const copy = `${world.folder}/copy`;
    await new Deno.Command("cp", { args: ["-a", world.hub.dataDir, copy] }).output();
    await world.hub.run();
    await world.join("third");
    await waitFor("the third node", async () => (await first.peers()).length === 2);
    await world.hub.stop();
    await Deno.remove(world.hub.dataDir, { recursive: true });
    await Deno.rename(copy, world.hub.dataDir);
    await world.hub.run();
    await waitFor("the refusal", async () => {
      const { hub, faults } = await first.status();
      // a hub that has seen a node ahead of itself signs nothing any more
      const refused = faults.some(({ code }) => code === "hub_rolled_back");
      return !hub.following.connected && (refused || hub.following.problem?.code === "hub_stopped");
    }, { deadlineMs: 90_000 });
    assert.deepEqual(await first.machine.ping(far, { count: 3, waitS: 10 }), { sent: 3, received: 3 });
    assert.equal((await first.peers()).length, 2, "what the older history does not know is still a peer");

    await world.hub.command("recover", "--unsigned");
    const { signingKeySha256 } = await world.hub.call("hub.keys") as { signingKeySha256: string };
    const wrong = await first.attempt(["accept-hub", "0".repeat(64)]);
    assert.equal(wrong.code, 4, wrong.err);
    await first.command("accept-hub", signingKeySha256);
    await untilFollowing(first);
    assert.deepEqual((await first.status()).position.epoch, 1);
    assert.deepEqual(await first.machine.ping(far, { count: 3, waitS: 10 }), { sent: 3, received: 3 });
  },
});

for (const [what, clockOffsetS] of [["ahead", 86_400], ["behind", -86_400]] as const) {
  Deno.test({
    name: `A machine whose clock is a day ${what} joins and is reached`,
    ...needs,
    async fn() {
      await using world = await MeshWorld.create();
      const first = await world.join("first");
      const second = await world.join("second", { clockOffsetS });
      await world.untilReaches(second, first);
      await world.untilReaches(first, second);
    },
  });
}
