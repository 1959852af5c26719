import { connect, type Socket } from "node:net";
import { connectControl } from "../src/control/control_client.ts";
import { controlSchema } from "../src/config/schema.ts";
import { startControl } from "../src/control/start_control.ts";
import { SwappableCertificate } from "../tests/lib/control_world.ts";
import { OperationsWorld } from "../tests/lib/operations_world.ts";
import { type BenchOptions, type BenchRow, percentile } from "./bench_row.ts";

const IDLE = 32;
const ABUSIVE = 1000;

/**
 * Round trips of `status` through the control endpoint, with the real operations, credentials and audit behind it; and
 * the time from connecting to the answer of a client with a token while 32 peers hold connections and 1,000 more come
 * with garbage. Client, peers and gateway share one process, so that the figures hold the cost of all of them.
 */
export async function benchControl({ full }: BenchOptions): Promise<BenchRow[]> {
  await using world = await OperationsWorld.open();
  const { operations, access, audit, folder } = world;
  const certificate = await SwappableCertificate.make();
  const { token } = access.createToken({ label: "bench", role: "viewer", lifetimeSeconds: null }, "bench");
  const start = (endpoint: string) =>
    startControl({
      config: { ...controlSchema.parse({}), endpoint },
      certificate,
      operations,
      access,
      audit,
      faults: world.site.faults,
      nowUs: () => Date.now() * 1000,
    });
  const unix = await start(`unix://${folder}/control.sock`);
  const tls = await start("tcp://127.0.0.1:0");
  const trust = { fingerprint: certificate.facts.fingerprint };
  try {
    const calls = full ? 20_000 : 3_000;
    const local = await roundTrips(unix.url, calls, {});
    const remote = await roundTrips(tls.url, calls, { token, tls: trust });
    const crowd = await crowded(tls.url, { token, tls: trust });
    return [
      { name: "status over unix, p99", value: percentile(local, 0.99), unit: "ms", must: 5, aim: 1 },
      { name: "status over unix, median", value: percentile(local, 0.5), unit: "ms" },
      { name: "status over TLS, p99", value: percentile(remote, 0.99), unit: "ms" },
      { name: "status over TLS, median", value: percentile(remote, 0.5), unit: "ms" },
      {
        name: `connect, token and status over TLS beside ${IDLE} idle and ${ABUSIVE} abusive connections, slowest`,
        value: Math.max(...crowd.newcomers),
        unit: "ms",
        must: 200,
        note: `${crowd.newcomers.length} clients, median ${percentile(crowd.newcomers, 0.5).toFixed(1)} ms`,
      },
      {
        name: "status on a connection that is open meanwhile, slowest",
        value: Math.max(...crowd.open),
        unit: "ms",
        must: 200,
        note: `${crowd.open.length} calls`,
      },
    ];
  } finally {
    await unix.stop();
    await tls.stop();
  }
}

type Credentials = { readonly token?: string; readonly tls?: { readonly fingerprint: string } };

async function roundTrips(endpoint: string, calls: number, credentials: Credentials): Promise<number[]> {
  const client = await connectControl({ endpoint, ...credentials });
  const times: number[] = [];
  for (let count = 0; count < calls + 200; count++) {
    const begin = performance.now();
    await client.call("status");
    if (count >= 200) times.push(performance.now() - begin);
  }
  client.close();
  return times;
}

/** The crowd comes over about two seconds, in waves, and each peer sends something that is none of its business. */
async function crowded(endpoint: string, credentials: Credentials) {
  const { hostname, port } = new URL(endpoint.replace("tls:", "http:"));
  const sockets: Socket[] = [];
  const open = (words: string | null) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on("error", () => {});
    socket.on("data", () => {});
    if (words !== null) socket.on("connect", () => socket.write(words));
    sockets.push(socket);
  };
  const steady = await connectControl({ endpoint, ...credentials });
  for (let count = 0; count < IDLE; count++) open(null);
  await pause(100);
  const garbage = ["\u0016\u0003\u0001", "GET / HTTP/1.1\r\n\r\n", "x".repeat(20_000), '{"id":1,"type":"status"}\n'];
  let coming = true;
  const flood = (async () => {
    for (let count = 0; count < ABUSIVE; count++) {
      open(garbage[count % garbage.length] ?? "");
      if (count % 10 === 9) await pause(20);
    }
    coming = false;
  })();
  const newcomers: number[] = [];
  const calls: number[] = [];
  while (coming) {
    const begin = performance.now();
    const client = await connectControl({ endpoint, ...credentials });
    await client.call("status");
    newcomers.push(performance.now() - begin);
    client.close();
    const again = performance.now();
    await steady.call("status");
    calls.push(performance.now() - again);
    await pause(10);
  }
  await flood;
  steady.close();
  for (const socket of sockets) socket.destroy();
  return { newcomers, open: calls };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
