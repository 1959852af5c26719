import { startOpcUaClient } from "../tests/lib/opcua_client_process.ts";
import { startGatewayProcess } from "../tests/lib/gateway_process.ts";
import { site, startSimulatedField } from "../tests/lib/site.ts";
import { waitFor } from "../tests/lib/wait_for.ts";
import type { BenchOptions, BenchRow } from "./bench_row.ts";

const DEVICES = 100;
const CLIENTS = 5;
const mebibyte = 1024 * 1024;

/**
 * How long the gateway takes from the start of its process until OPC UA and web answer, and what memory it holds with
 * 100 devices sending, five OPC UA clients on 400 items each at 1 s, and a browser's event stream open.
 */
export async function benchStartMemory({ full }: BenchOptions): Promise<BenchRow[]> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-bench-" });
  const simulator = await startSimulatedField(DEVICES, { intervalMs: 10_000 });
  const place = site({ folder, chirpstackUrl: simulator.url, devices: simulator.devices });
  const rows: BenchRow[] = [];
  // the first start makes keys and database; the second is the one of a plant that had a power cut
  await (await startGatewayProcess(place)).end();
  const startMs = performance.now();
  const gateway = await startGatewayProcess(place);
  await Deno.connect({ hostname: "127.0.0.1", port: place.opcuaPort }).then((connection) => connection.close());
  rows.push({ name: "start to listening", value: (performance.now() - startMs) / 1000, unit: "s", must: 3, aim: 1.2 });
  const browser = new AbortController();
  const clients = [];
  try {
    const stream = await fetch(`${gateway.webUrl}/api/v1/tags/stream`, { signal: browser.signal });
    const reading = stream.body?.pipeTo(new WritableStream()).catch(() => {});
    await waitFor("all streams", async () => (await gateway.status()).sources[0]?.devicesStreaming === DEVICES);
    rows.push({ name: "memory after the start", value: await gateway.rssBytes() / mebibyte, unit: "MiB" });
    const nodes = simulator.devices.flatMap((device) =>
      device.metrics.map((metric) => `ns=2;s=${device.devEui}/${metric.name}`)
    ).slice(0, 400);
    for (let n = 0; n < CLIENTS; n++) {
      const client = await startOpcUaClient();
      clients.push(client);
      const id = await client.connect(gateway.opcuaUrl);
      const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 1000 });
      await client.call("monitor", { id, subscription, nodes, samplingMs: 1000 });
    }
    const seconds = full ? 600 : 60;
    const cpuBefore = await gateway.cpuSeconds();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    rows.push({
      name: `memory with ${CLIENTS} clients × ${nodes.length} items and a page open`,
      value: await gateway.rssBytes() / mebibyte,
      unit: "MiB",
      must: 220,
      aim: 130,
      note: `after ${seconds} s`,
    });
    rows.push({
      name: "CPU in that time",
      value: (await gateway.cpuSeconds() - cpuBefore) / seconds * 100,
      unit: "% of a core",
    });
    browser.abort();
    await reading;
  } finally {
    browser.abort();
    for (const client of clients) await client[Symbol.asyncDispose]();
    await gateway.end();
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
  return rows;
}
