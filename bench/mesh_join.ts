/**
 * A hub and two agents as processes in network namespaces, each site behind a router of its own: from `agent join` of the
 * second to its first ping of the first, what a whole agent costs while nothing happens, and from the removal of a node to
 * where it reaches nobody.
 */
import { MeshWorld } from "../tests/mesh/kit/mesh_world.ts";
import type { TestAgent } from "../tests/mesh/kit/test_agent.ts";
import type { BenchOptions, BenchRow } from "./bench_row.ts";
import { processUse } from "../tests/lib/process_use.ts";

/** Runs the bench. Needs root, wireguard-go and nftables. */
export async function benchMeshJoin({ full }: BenchOptions): Promise<BenchRow[]> {
  await using world = await MeshWorld.create();
  const sites = [await world.network.site("north"), await world.network.site("south")];
  const first = await world.join("north", { machine: await sites[0]?.machine("north") });
  const meshIp = await first.meshIp();
  const tookMs: number[] = [];
  let last: TestAgent | null = null;
  for (let round = 0; round < (full ? 5 : 3); round++) {
    const machine = await sites[1]?.machine(`south${round}`);
    const agent = await world.newAgent(`south${round}`, { machine });
    const token = await world.hub.token({});
    const began = performance.now();
    await agent.joinWith(token);
    const running = agent.run();
    while (!await agent.machine.reaches(meshIp)) {
      if (performance.now() - began > 60_000) throw new Error(`No ping came through:\n${agent.output()}`);
    }
    tookMs.push(performance.now() - began);
    await running;
    last = agent;
  }
  const quietS = full ? 120 : 30;
  const before = await processUse(first.pid);
  await new Promise((resolve) => setTimeout(resolve, quietS * 1000));
  const after = await processUse(first.pid);
  const cpu = (after.ownS + after.childrenS - before.ownS - before.childrenS) / quietS;
  tookMs.sort((a, b) => a - b);
  const cutOffMs = last === null ? NaN : await cutOff(world, last, meshIp);
  return [
    {
      name: "join to first ping, two sites behind routers, slowest",
      value: (tookMs.at(-1) ?? 0) / 1000,
      unit: "s",
      must: 10,
      aim: 3,
      note: `median ${
        ((tookMs[Math.floor(tookMs.length / 2)] ?? 0) / 1000).toFixed(1)
      } s, two starts of the program included`,
    },
    { name: "removed node reaches nobody after", value: cutOffMs / 1000, unit: "s", must: 5 },
    { name: "agent soon after, 3 peers", value: cpu * 100, unit: "% of a core" },
    { name: "agent, resident memory", value: after.residentBytes / 1e6, unit: "MB" },
  ];
}

/** From the removal of a node on the hub to where it reaches a peer no more, ms. */
async function cutOff({ hub }: MeshWorld, agent: TestAgent, peerIp: string): Promise<number> {
  const node = await agent.nodeId();
  const began = performance.now();
  await hub.call("hub.node.remove", { node });
  while (await agent.machine.reaches(peerIp)) {
    if (performance.now() - began > 60_000) throw new Error("The removed node still reaches its peer");
  }
  return performance.now() - began;
}
