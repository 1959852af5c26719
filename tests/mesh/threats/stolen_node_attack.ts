import assert from "node:assert/strict";
import { join } from "node:path";
import { copy } from "./copy_folder.ts";
import { waitFor } from "../../lib/wait_for.ts";
import type { Attack } from "./scene.ts";

/** Somebody copied all files of a node to a machine of his own. */
export const withANodesKeys: Attack = async ({ world, a, b }) => {
  const victim = await world.join(`v${crypto.randomUUID().slice(0, 4)}`);
  await world.untilAllReach([a, b, victim]);
  const [node, address] = [await victim.nodeId(), await victim.meshIp()];
  await victim.stop();
  const thief = await world.newAgent(`t${crypto.randomUUID().slice(0, 4)}`);
  await copy(victim.dir, thief.dir);
  await thief.run();
  // he is that node until it is removed, with its address and its rights, and nobody else
  await world.untilReaches(thief, a);
  assert.equal(await thief.meshIp(), address);
  const stolen = await Promise.all(
    [...Deno.readDirSync(thief.dir)].filter(({ isFile }) => isFile).map(({ name }) =>
      Deno.readTextFile(join(thief.dir, name))
    ),
  );
  for (const agent of [a, b]) {
    const keys = JSON.parse(await Deno.readTextFile(join(agent.dir, "keys.json"))).value;
    for (const secret of [keys.identity_seed, keys.kem_seed, keys.tunnel.seed]) {
      assert.ok(!stolen.some((text) => text.includes(secret)));
    }
  }
  // the key of the pair of the two others is not among what he has
  const line = (await a.wireGuard()).find(([, , , ip]) => ip !== `${address}/32`);
  assert.ok(line !== undefined && !stolen.some((text) => text.includes(line[1] ?? "")));

  await world.hub.call("hub.node.remove", { node });
  await waitFor(
    "the thief to reach nobody",
    async () => !(await thief.machine.reaches(await a.meshIp())) && !(await thief.machine.reaches(await b.meshIp())),
  );
  await thief.stop();
  await thief.run();
  await waitFor(
    "the thief to be refused",
    async () => (await thief.status()).faults.some(({ code }) => code === "mesh_removed"),
    { deadlineMs: 60_000 },
  );
  assert.ok(!(await thief.machine.reaches(await a.meshIp())));
  const { code } = await victim.attempt(["join"], { input: `${await world.hub.token()}\n` });
  assert.notEqual(code, 0, "with the keys that were stolen it never comes back");
  await thief.stop();
};
