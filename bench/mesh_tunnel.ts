import type { StatePeer } from "../src/mesh/state.ts";
import { newSeed, wireGuardKeyOf } from "../src/mesh/keys.ts";
import type { NodeId } from "../src/mesh/ids.ts";
import type { PeerChange } from "../src/agent/wireguard/wireguard_device.ts";
import { waitFor } from "../tests/lib/wait_for.ts";
import { TunnelPair } from "../tests/mesh/kit/tunnel_pair.ts";
import { type BenchOptions, type BenchRow, percentile } from "./bench_row.ts";

const IDLE_PEERS = 49;
const MANY_PEERS = 1000;
const rules = [
  { id: "ping", src: ["*" as const], protocol: "icmp" as const, ports: [], log: false },
  { id: "iperf", src: ["*" as const], protocol: "tcp" as const, ports: [[5201, 5201] as [number, number]], log: false },
];

/** What the agent costs beside wireguard-go: throughput, processor time with 50 peers, changes of 1,000 peers. Needs root. */
export async function benchMeshTunnel({ full }: BenchOptions): Promise<BenchRow[]> {
  await using pair = await TunnelPair.create({ guarded: true });
  const { a, b } = pair;
  const ends = [a, b];
  const protect = () => Promise.all(ends.map(({ driver }) => driver.ask({ do: "rules", rules, peers: [] })));
  await protect();
  await pair.connect();
  await waitFor("the tunnel", () => a.machine.reaches(b.meshIp));
  const idle = Array.from({ length: IDLE_PEERS }, (_, index) => peer(256 + index));
  for (const { driver } of ends) await driver.ask({ do: "apply", changes: idle });

  const server = b.machine.spawn("iperf3", ["-s"]);
  const drained = Promise.all([server.stdout.cancel(), server.stderr.cancel()]);
  const mbits = async () => {
    const { end } = JSON.parse(
      await waitFor("iperf3", () => a.machine.ok("iperf3", ["-c", b.meshIp, "-t", "2", "-J"])),
    );
    return end.sum_received.bits_per_second / 1e6 as number;
  };
  await mbits();
  const bare: number[] = [];
  const shares: number[] = [];
  const open = async () => {
    for (const { driver } of ends) await driver.ask({ do: "unfirewall" });
    return await mbits();
  };
  const guarded = async () => {
    await protect();
    return await mbits();
  };
  // many short pairs, each the other way round than the one before: other work on the machine comes and goes
  for (let round = 0; round < (full ? 60 : 8); round++) {
    const [first, second] = round % 2 === 0 ? [open, guarded] : [guarded, open];
    const [one, other] = [await first(), await second()];
    const [alone, under] = round % 2 === 0 ? [one, other] : [other, one];
    bare.push(alone);
    shares.push(under / alone * 100);
  }
  const changes = await manyPeers(pair);
  for (const { driver } of ends) await driver.ask({ do: "poll", stateMs: 1000, verifyMs: 10_000 });
  await a.driver.ask({ do: "watch", meshInterface: a.interface, intervalMs: 5000 });
  const cpu = async () => await a.driver.ask({ do: "cpu" }) as number;
  const before = await cpu();
  const idleMs = full ? 40_000 : 20_000;
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const cpuShare = (await cpu() - before) / (idleMs * 1000) * 100;
  server.kill("SIGKILL");
  await drained;
  await server.status;

  return [
    { name: "throughput of wireguard-go without firewall", value: percentile(bare, 0.5), unit: "Mbit/s" },
    {
      name: "throughput with the firewall",
      value: percentile(shares, 0.5),
      unit: "% of that without",
      note: `half of ${shares.length} pairs within ${percentile(shares, 0.25).toFixed(0)} and ${
        percentile(shares, 0.75).toFixed(0)
      }`,
    },
    {
      name: `device, firewall and network looked after, ${IDLE_PEERS + 1} peers`,
      value: cpuShare,
      unit: "% of a core",
      must: 1,
      note: "programs that it runs included",
    },
    ...changes,
  ];
}

async function manyPeers({ a }: TunnelPair): Promise<BenchRow[]> {
  const peers = Array.from({ length: MANY_PEERS }, (_, index) => peer(1024 + index));
  const ips = peers.map(({ allowedIps }) => allowedIps[0].slice(0, -3));
  const nodes = ips.map((mesh_ip, index): Pick<StatePeer, "node_id" | "name" | "mesh_ip"> => ({
    node_id: `n_${String(index).padStart(32, "0")}` as NodeId,
    name: `node ${index}`,
    mesh_ip,
  }));
  const narrow = {
    id: "narrow",
    src: nodes.map(({ node_id }) => node_id),
    protocol: "tcp" as const,
    ports: [[80, 80] as [number, number]],
    log: false,
  };
  const ms = async (name: string, work: () => Promise<unknown>): Promise<BenchRow> => {
    const start = performance.now();
    await work();
    return { name: `${name}, ${MANY_PEERS} peers`, value: performance.now() - start, unit: "ms" };
  };
  const rows = [
    await ms("add", () => a.driver.ask({ do: "apply", changes: peers })),
    await ms("routes", () => a.driver.ask({ do: "ensureRoutes", meshIps: ips })),
    await ms("state", () => a.driver.ask({ do: "state" })),
    await ms("rule by address", () => a.driver.ask({ do: "rules", rules: [...rules, narrow], peers: nodes })),
    await ms("verify", () => a.driver.ask({ do: "verify" })),
    await ms(
      "remove",
      () =>
        a.driver.ask({ do: "apply", changes: peers.map(({ publicKey }): PeerChange => ({ publicKey, remove: true })) }),
    ),
  ];
  await a.driver.ask({ do: "rules", rules, peers: [] });
  await a.driver.ask({ do: "ensureRoutes", meshIps: ["10.100.0.2"] });
  return rows;
}

/** One that never answers. */
function peer(number: number) {
  return {
    publicKey: wireGuardKeyOf(newSeed()).publicKey,
    psk: newSeed(),
    endpoint: "203.0.113.250:51820",
    allowedIps: [`10.100.${number >> 8}.${number & 255}/32`] as const,
    keepaliveS: 0,
  };
}
