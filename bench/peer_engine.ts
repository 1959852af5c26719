import process from "node:process";
import type { AgentProgram, ProgramOptions } from "../src/agent/network/run_program.ts";
import { openDevice } from "../src/agent/wireguard/open_device.ts";
import { pause } from "../src/telemetry/pause.ts";
import { worldHub, WorldKeys, WorldNode, worldPeer, worldRequests, worldState } from "../tests/lib/peer_world.ts";
import { MeshNetwork } from "../tests/mesh/kit/mesh_network.ts";
import { waitFor } from "../tests/lib/wait_for.ts";
import type { BenchOptions, BenchRow } from "./bench_row.ts";

const PEERS = 50;

/** What the engine of the peers costs with 50 of them on a real wireguard-go: while it waits, and while it tries. Needs root. */
export async function benchPeerEngine({ full }: BenchOptions): Promise<BenchRow[]> {
  await using network = await MeshNetwork.create();
  const machine = await network.publicMachine("m");
  const ending = new AbortController();
  const run = async (program: AgentProgram, args: readonly string[], options: ProgramOptions = {}) => {
    const { code, out, err } = await machine.run(
      program,
      args,
      options.stdin === undefined ? {} : { input: options.stdin },
    );
    return { code, stdout: out, stderr: err };
  };
  const keys = await WorldKeys.create();
  const device = await openDevice({
    name: network.tunnel("bench"),
    listenPort: 51820,
    backend: "userspace",
    signal: ending.signal,
    onGone: () => {},
    run,
  });
  await device.ensureInterface("10.100.0.1", 1280);
  const peers = await Promise.all(Array.from({ length: PEERS }, async (_, index) => {
    const { nodeId, tunnel } = await WorldKeys.create();
    const meshIp = `10.100.1.${index + 1}`;
    return { nodeId, meshIp, statement: tunnel.statement, endpoint: `203.0.113.200:${1000 + index}` };
  }));
  let aheadMs = 0;
  const node = new WorldNode({
    device,
    keys,
    meshIp: "10.100.0.1",
    trust: { hub: worldHub, adminKey: null, cosign: false },
    nowMs: () => performance.now() + aheadMs,
    nowUs: () => Date.now() * 1000,
    pause,
    requests: worldRequests({
      statement: (sha256) =>
        Promise.resolve(peers.find(({ statement }) => statement.sha256 === sha256)?.statement.text ?? ""),
    }),
  });
  const startMs = performance.now();
  await node.engine.follow(
    worldState("10.100.0.1", peers.map((peer) => worldPeer(peer, keys.nodeId)), { psk_mode: "hub" }),
  );
  await waitFor("all peers", async () => (await device.state()).peers.length === PEERS, { everyMs: 5 });
  const setMs = performance.now() - startMs;
  const share = async (ms: number) => {
    const before = process.cpuUsage();
    const began = performance.now();
    await pause(ms, ending.signal);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 10 / (performance.now() - began);
  };
  const eager = await share(full ? 30_000 : 10_000);
  // nobody answers: after so long they are looked at every 10 s
  aheadMs = 600_000;
  await pause(1500, ending.signal);
  const steady = await share(full ? 120_000 : 30_000);
  await node.engine.stop();
  ending.abort();
  return [
    { name: `${PEERS} new peers on the device`, value: setMs, unit: "ms" },
    { name: `CPU with ${PEERS} peers, looked at every second`, value: eager, unit: "% of a core", aim: 1 },
    { name: `CPU with ${PEERS} peers, nothing to do`, value: steady, unit: "% of a core", must: 1 },
  ];
}
