import assert from "node:assert/strict";
import type { ResultOf } from "../../src/operations/schemas/operation_schemas.ts";
import { requires } from "../lib/requires.ts";
import { fillDisk, withSmallDisk } from "../lib/small_disk.ts";
import { waitFor } from "../lib/wait_for.ts";
import { hurried } from "./kit/hurried.ts";
import { MeshWorld } from "./kit/mesh_world.ts";
import { type Scene, unharmed, untilFollowing } from "./threats/scene.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping", "wg", "root");
const DEADLINE = { deadlineMs: 120_000, everyMs: 100 };

Deno.test({
  name: "Every key changes while ten pings a second go through, and none is lost",
  ...tools,
  async fn(t) {
    await using world = await MeshWorld.create();
    const [a, b] = await world.joinAll(["a", "b"]);
    assert.ok(a !== undefined && b !== undefined);
    const scene: Scene = { world, a, b };
    const [idA, idB] = [await a.nodeId(), await b.nodeId()];

    await t.step("the WireGuard key of a node, and the pre-shared key after it", async () => {
      const [before] = await b.wireGuard();
      const { generation } = (await a.status()).tunnel;
      const epoch = (await b.peers()).find(({ nodeId }) => nodeId === idA)?.pskEpoch ?? 0;
      await unharmed(scene, async () => {
        await world.hub.call("hub.node.rotate", { node: idA });
        await waitFor("another key", async () => {
          const { tunnel } = await a.status();
          const [line] = await b.wireGuard();
          return tunnel.generation === generation + 1 && !tunnel.rotating && line?.[0] !== before?.[0];
        }, DEADLINE);
        await waitFor("another pre-shared key at both ends", async () => {
          const [own] = await a.wireGuard();
          const [theirs] = await b.wireGuard();
          return own?.[1] === theirs?.[1] && own?.[1] !== before?.[1];
        }, DEADLINE);
        await waitFor(
          "its epoch",
          async () => ((await b.peers()).find(({ nodeId }) => nodeId === idA)?.pskEpoch ?? 0) > epoch,
          DEADLINE,
        );
      });
    });

    await t.step("by the owner's wish, on the other one", async () => {
      const { generation } = (await b.status()).tunnel;
      await unharmed(scene, async () => {
        await b.command("rotate");
        await waitFor("another key", async () => {
          const { tunnel } = await b.status();
          return tunnel.generation === generation + 1 && !tunnel.rotating;
        }, DEADLINE);
      });
    });

    await t.step("threat: Signing-key rotation", async () => {
      const before = await a.status();
      await unharmed(scene, async () => {
        const old = world.stealHub();
        const keys = await world.hub.call("hub.keys.rotate_signing") as ResultOf<"hub.keys">;
        for (const agent of [a, b]) {
          await waitFor("the next key", async () => (await agent.status()).hub.keySha256 === keys.signingKeySha256);
        }
        assert.equal((await a.status()).hub.keyIndex, before.hub.keyIndex + 1);
        // what the hub says with it counts
        await world.hub.call("hub.node.rename", { node: idB, name: "renamed" });
        await waitFor("the change", async () => (await a.peers()).some(({ name }) => name === "renamed"));
        // the one before is nowhere on the hub any more
        assert.notEqual(world.stealHub().seed.toHex(), old.seed.toHex());
      });
      // an agent that was away learns of two links at once
      await b.stop();
      await world.hub.call("hub.keys.rotate_signing");
      const last = await world.hub.call("hub.keys.rotate_signing") as ResultOf<"hub.keys">;
      await b.run();
      await hurried(b, "both links", async () => (await b.status()).hub.keySha256 === last.signingKeySha256);
      await untilFollowing(b);
      await world.untilAllReach([a, b]);
    });

    await t.step("the hub's TLS key", async () => {
      const before = await world.hub.call("hub.keys") as ResultOf<"hub.keys">;
      await unharmed(scene, async () => {
        const pinned = await world.hub.call("hub.keys.rotate_tls", { now: false }) as ResultOf<"hub.keys">;
        assert.equal(pinned.tlsSpki.length, 2);
        for (const agent of [a, b]) {
          await waitFor(
            "the next pin",
            async () => (await Deno.readTextFile(`${agent.dir}/trust.json`)).includes(pinned.tlsSpki[1] ?? ""),
          );
        }
        const served = await world.hub.call("hub.keys.rotate_tls", { now: true }) as ResultOf<"hub.keys">;
        assert.deepEqual(served.tlsSpki, pinned.tlsSpki.slice(1));
        assert.notEqual(served.tlsSpki[0], before.tlsSpki[0]);
        await world.hub.call("hub.node.rename", { node: idB, name: "renamed-again" });
        // another connection: the one before was made with the key before
        await a.stop("SIGKILL");
        await a.run();
        await untilFollowing(a);
        await hurried(
          a,
          "the change, over the next key",
          async () => (await a.peers()).some(({ name }) => name === "renamed-again"),
        );
      });
    });
  },
});

Deno.test({
  name: "A disk that fills up while keys are rotated costs no packet",
  ...tools,
  async fn() {
    await using world = await MeshWorld.create();
    await withSmallDisk("size=8m", async ({ dir }) => {
      const b = await world.join("b");
      const a = await world.join("a", { folder: dir });
      try {
        await world.untilAllReach([a, b]);
        await untilFollowing(a);
        const { generation } = (await a.status()).tunnel;
        await unharmed({ world, a, b }, async () => {
          const free = await fillDisk(dir);
          await world.hub.call("hub.node.rotate", { node: await a.nodeId() });
          await waitFor(
            "the agent to say so",
            async () => (await a.status()).faults.some(({ code }) => code === "mesh_storage_failed"),
            DEADLINE,
          );
          assert.equal((await a.status()).tunnel.generation, generation);
          await free();
          await hurried(
            a,
            "the agent to write again",
            async () => (await a.status()).faults.every(({ code }) => code !== "mesh_storage_failed"),
          );
          await world.hub.call("hub.node.rotate", { node: await a.nodeId() });
          await waitFor("another key", async () => (await a.status()).tunnel.generation === generation + 1, DEADLINE);
        });
      } finally {
        await a.stop();
      }
    });
  },
});
