import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ResultOf } from "../../src/operations/schemas/operation_schemas.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { hurried } from "./kit/hurried.ts";
import { MeshWorld } from "./kit/mesh_world.ts";
import { PingWatch } from "./kit/ping_watch.ts";
import { TestAdmin } from "./kit/test_admin.ts";
import type { TestAgent } from "./kit/test_agent.ts";
import type { TestHub } from "./kit/test_hub.ts";
import { type Scene, unharmed, untilFollowing } from "./threats/scene.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping", "wg");

/** Waits for a fault of an agent. */
async function untilFault(agent: TestAgent, code: string): Promise<void> {
  const raised = async () => (await agent.status()).faults.some((fault) => fault.code === code);
  await hurried(agent, `${agent.machine.name} to say ${code}`, raised).catch(async (error: unknown) => {
    const record = (await agent.audit()).slice(-12).map((one) => JSON.stringify(one));
    const said = [JSON.stringify(await agent.status()), agent.output(), ...record].join("\n");
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said}`);
  });
}

/** A copy of the hub's database, taken while it runs. */
function backUp(hub: TestHub, to: string): void {
  const db = new DatabaseSync(join(hub.dataDir, "hub", "hub.db"));
  db.prepare("VACUUM INTO ?").run(to);
  db.close();
}

async function restore(hub: TestHub, from: string): Promise<void> {
  const dir = join(hub.dataDir, "hub");
  for (const end of ["-wal", "-shm"]) await Deno.remove(join(dir, `hub.db${end}`)).catch(() => {});
  await Deno.copyFile(from, join(dir, "hub.db"));
}

/**
 * Runs the hub from a copy of what it was until `agent` has seen by the hub's own word that it went back. A hub that hears
 * of it first, by a heartbeat, signs nothing any more that could be refused: then all begins anew.
 */
async function runRolledBack(hub: TestHub, from: string, agent: TestAgent): Promise<void> {
  for (let tries = 1;; tries++) {
    await hub.stop();
    await restore(hub, from);
    await hub.run();
    const stopped = { first: false };
    await hurried(agent, `${agent.machine.name} to hear of the hub that went back`, async () => {
      const { faults, hub: { following } } = await agent.status();
      if (faults.some(({ code }) => code === "hub_rolled_back")) return true;
      return stopped.first = following.problem?.code === "hub_stopped";
    });
    if (!stopped.first) return;
    assert.ok(tries < 10, "the heartbeats came before the streams ten times");
  }
}

/** Changes that every agent hears of. */
async function stir({ world: { hub }, b }: Scene, times = 3): Promise<void> {
  for (let time = 0; time < times; time++) {
    await hub.call("hub.node.rename", { node: await b.nodeId(), name: `b-${crypto.randomUUID().slice(0, 8)}` });
  }
}

async function untilInStep({ world: { hub }, a, b }: Scene): Promise<void> {
  for (const agent of [a, b]) {
    await hurried(agent, `${agent.machine.name} to be where its hub is`, async () => {
      const node = await hub.call("hub.node", { node: await agent.nodeId() }) as ResultOf<"hub.node">;
      return (await agent.status()).position.sequence === node.sequence;
    });
  }
}

Deno.test({
  name: "Tunnels outlive their hub, their agents, and both",
  ...tools,
  async fn(t) {
    await using world = await MeshWorld.create();
    const [a, b] = await world.joinAll(["a", "b"]);
    assert.ok(a !== undefined && b !== undefined);
    const scene: Scene = { world, a, b };
    const rest = async () => {
      if (!world.hub.runs) await world.hub.run();
      for (const agent of [a, b]) await untilFollowing(agent);
      await world.untilAllReach([a, b]);
    };

    await t.step("an agent that is killed leaves its tunnel working, and the next one goes on with it", async () => {
      const [before] = await a.wireGuard();
      await unharmed(scene, async () => {
        await a.stop("SIGKILL");
        assert.ok(await b.machine.reaches(await a.meshIp(), 5));
        await a.run();
        await untilFollowing(a);
      });
      assert.deepEqual((await a.wireGuard())[0]?.slice(0, 2), before?.slice(0, 2));
    });

    await t.step("threat: State does not expire", async () => {
      await world.hub.stop();
      await b.stop();
      assert.ok(!(await a.machine.reaches(await b.meshIp())), "an orderly end takes the tunnel away");
      await b.run();
      await world.untilAllReach([a, b]);
      assert.equal((await b.status()).hub.following.connected, false);
      // nor does either need the other to know where it is: as after a power cut at a site whose hub is far away
      for (const agent of [a, b]) await agent.stop();
      for (const agent of [a, b]) await agent.run();
      await world.untilAllReach([a, b]);
      await rest();
    });

    await t.step("a hub that starts anew leaves nothing out", async () => {
      await unharmed(scene, async () => {
        await world.hub.stop();
        await world.hub.run();
        await stir(scene);
        await untilInStep(scene);
        const node = await world.hub.call("hub.node", { node: await b.nodeId() }) as ResultOf<"hub.node">;
        // the position is written down first, and what it says is done after it
        await waitFor("the name", async () => {
          const names = (await a.peers()).map(({ name }) => name);
          return names.length === 1 && names[0] === node.name;
        });
      });
    });

    await t.step("nor does one that was killed in the middle of changes", async () => {
      await unharmed(scene, async () => {
        const changes = stir(scene, 20).catch(() => {});
        await waitFor("some of the changes", async () => (await a.audit()).length > 0);
        await world.hub.stop("SIGKILL");
        await changes;
        await world.hub.run();
        await stir(scene, 1);
        await untilInStep(scene);
      });
      for (const agent of [a, b]) {
        const codes = (await agent.status()).faults.map(({ code }) => code);
        assert.deepEqual(codes.filter((code) => code.startsWith("hub_")), []);
      }
    });

    await t.step("threat: Hub restored from a backup", async () => {
      await untilInStep(scene);
      const copy = join(world.folder, "backup.db");
      backUp(world.hub, copy);
      await stir(scene);
      await untilInStep(scene);
      await unharmed(scene, async () => {
        await runRolledBack(world.hub, copy, a);
        // nobody set an admin key: root accepts the hub on each machine
        const keys = await world.hub.call("hub.keys.recover_unsigned") as ResultOf<"hub.keys">;
        await untilFault(a, "hub_recovered_needed");
        for (const agent of [a, b]) {
          const wrong = await agent.attempt(["accept-hub", "0".repeat(64)]);
          assert.notEqual(wrong.code, 0);
          await agent.command("accept-hub", keys.signingKeySha256);
          await untilFollowing(agent);
        }
      });
      await untilInStep(scene);
      for (const agent of [a, b]) assert.equal((await agent.status()).position.epoch, 1);
    });

    await rest();
  },
});

Deno.test({
  name: "A hub that went back or was copied is refused, until its admin signs a recovery",
  ...tools,
  async fn(t) {
    await using world = await MeshWorld.create();
    const admin = await TestAdmin.appoint(world.hub, join(world.folder, "admin.key"));
    const [a, b] = [await world.join("a"), await world.join("b")];
    for (const agent of [a, b]) await admin.cosign(agent);
    await world.untilAllReach([a, b]);
    const scene: Scene = { world, a, b };

    await t.step("a restored one, by edgekeep hub recover", async () => {
      await untilInStep(scene);
      const copy = join(world.folder, "backup.db");
      backUp(world.hub, copy);
      await stir(scene);
      await untilInStep(scene);
      await unharmed(scene, async () => {
        await runRolledBack(world.hub, copy, a);
        await world.hub.command("recover", "--admin-key", admin.file);
        for (const agent of [a, b]) await untilFollowing(agent);
        await untilInStep(scene);
      });
      assert.ok(
        (await a.audit()).some(({ event, outcome }) => event === "mesh_refused" && outcome === "hub_rolled_back"),
      );
      assert.ok(
        (await a.audit()).some(({ event, operation }) => event === "mesh_hub_key" && operation === "ek.recover"),
      );
    });

    await t.step("threat: Forked hub", async () => {
      await untilInStep(scene);
      const copy = join(world.folder, "copy.db");
      backUp(world.hub, copy);
      // both go on from here, with another change each; agents hear of the first one's
      await stir(scene, 5);
      await untilInStep(scene);
      // the hash of a state is known from the tick after the last event on, and one more event may come at any time
      const ticked = async () =>
        typeof JSON.parse(await Deno.readTextFile(join(a.dir, "position.json"))).value.position.state_sha256 ===
          "string";
      for (;;) {
        await waitFor("the tick", ticked, { deadlineMs: 60_000 });
        await world.hub.stop();
        if (await ticked()) break;
        await world.hub.run();
      }
      await unharmed(scene, async () => {
        const original = join(world.folder, "original.db");
        await Deno.copyFile(join(world.hub.dataDir, "hub", "hub.db"), original);
        await restore(world.hub, copy);
        // nobody hears the copy while it catches up with other changes
        for (const agent of [a, b]) await agent.machine.ok("ip", ["route", "add", "blackhole", "203.0.113.1/32"]);
        await world.hub.run();
        const { sequence } = (await a.status()).position;
        const node = await a.nodeId();
        for (;;) {
          const shown = await world.hub.call("hub.node", { node }) as ResultOf<"hub.node">;
          assert.ok(shown.sequence <= sequence, "the copy went past the position");
          if (shown.sequence === sequence) break;
          await stir(scene, 1);
        }
        // the other one's news would carry the copy past this position, and so would what the observers see of this one
        await a.machine.ok("nft", ["-f", "-"], {
          input:
            `table ip unseen { chain out { type filter hook output priority 0; ip daddr 203.0.113.1 udp dport 1-65535 drop; }; }`,
        });
        await a.machine.ok("ip", ["route", "del", "blackhole", "203.0.113.1/32"]);
        await untilFault(a, "hub_forked");
        await a.machine.ok("nft", ["delete", "table", "ip", "unseen"]);
        await world.hub.stop();
        await restore(world.hub, original);
        await world.hub.run();
        await b.machine.ok("ip", ["route", "del", "blackhole", "203.0.113.1/32"]);
        await untilFollowing(a);
        await untilFollowing(b);
      });
    });
  },
});

Deno.test({
  name: "The ping watch counts what is lost",
  ...tools,
  async fn() {
    await using world = await MeshWorld.create();
    const machine = await world.machine("lonely");
    await using watch = await PingWatch.start(machine, "127.0.0.1");
    await machine.ok("nft", ["-f", "-"], {
      input: "table inet t { chain i { type filter hook input priority 0; icmp type echo-request counter drop\n}\n}",
    });
    await waitFor("drops", async () => / packets ([3-9]|\d\d)/.test(await machine.ok("nft", ["list", "ruleset"])));
    await machine.ok("nft", ["flush", "ruleset"]);
    await waitFor("answers", () => machine.reaches("127.0.0.1"));
    const { lost } = await watch.stop();
    assert.ok(lost >= 3);
  },
});
