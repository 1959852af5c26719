/**
 * What a whole agent costs in a mesh of fifty-one while nothing happens: each of the others is an agent of its own, with
 * its tunnel up. Programs that it runs count, wireguard-go does not.
 */
import { MeshWorld } from "../tests/mesh/kit/mesh_world.ts";
import { waitFor } from "../tests/lib/wait_for.ts";
import type { BenchOptions, BenchRow } from "./bench_row.ts";
import { processUse } from "../tests/lib/process_use.ts";

const PEERS = 50;
const PER_SITE = 10;

/** Runs the bench; takes minutes and 7 GB. Needs root, wireguard-go and nftables. */
export async function benchMeshRest({ full }: BenchOptions): Promise<BenchRow[]> {
  await using world = await MeshWorld.create();
  const first = await world.join("first");
  // a hub takes so many registrations from one address and no more
  for (let place = 0; place < PEERS / PER_SITE; place++) {
    const site = await world.network.site(`site${place}`);
    for (let count = 0; count < PER_SITE; count++) {
      const name = `s${place}n${count}`;
      await world.join(name, { machine: await site.machine(name) });
    }
  }
  const tunnels = async () => (await first.peers()).filter(({ state }) => state === "up").length;
  await waitFor(`${PEERS} tunnels`, async () => await tunnels() === PEERS, { deadlineMs: 600_000, everyMs: 1000 });
  // new peers are looked at every second for two minutes
  await new Promise((resolve) => setTimeout(resolve, 150_000));
  const quietS = full ? 300 : 60;
  const before = await processUse(first.pid);
  await new Promise((resolve) => setTimeout(resolve, quietS * 1000));
  const after = await processUse(first.pid);
  const share = (name: "ownS" | "childrenS") => (after[name] - before[name]) / quietS * 100;
  const [own, children] = [share("ownS"), share("childrenS")];
  return [
    {
      name: `agent at rest, ${PEERS} peers`,
      value: own + children,
      unit: "% of a core",
      must: 1,
      note: `${children.toFixed(2)} of it the programs that it runs`,
    },
    { name: `agent, resident memory, ${PEERS} peers`, value: after.residentBytes / 1e6, unit: "MB" },
    { name: `tunnels up at the end`, value: await tunnels(), unit: `of ${PEERS}` },
  ];
}
