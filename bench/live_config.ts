import { configSchema } from "../src/config/schema.ts";
import { topologyOf } from "../src/config/topology.ts";
import { startTestServer } from "../tests/lib/opcua_client_gateway.ts";
import { startOpcUaClient } from "../tests/lib/opcua_client_process.ts";
import type { BenchRow } from "./bench_row.ts";

const DEVICES = 200;
const METRICS = 5;

/** Longest stall of the event loop while a large edit is followed: devices that come, change and go in one piece. */
export async function benchLiveConfig(): Promise<BenchRow[]> {
  const config = (devices: number, more: Record<string, unknown> = {}) =>
    configSchema.parse({
      application: [{
        application_id: "plant",
        application_name: "Plant",
        device: Array.from({ length: devices }, (_, i) => ({
          device_id: (i + 1).toString(16).padStart(16, "0"),
          device_name: `Device ${i}`,
          read_metric: Array.from({ length: METRICS }, (_, n) => ({
            metric_name: `m${n}`,
            chirpstack_metric_name: `m${n}`,
            metric_type: "Float",
            metric_unit: "CEL",
            range: [0, 100],
            ...more,
          })),
        })),
      }],
    });
  const small = topologyOf(config(DEVICES));
  await using server = await startTestServer({ devices: small.devices, tags: small.tags });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 100 });
  await client.call("monitorEvents", { id, subscription, type: "ns=0;i=2133", fields: ["EventType", "Changes"] });
  const rows: BenchRow[] = [];
  const steps = [
    [`Adding ${DEVICES} devices`, config(2 * DEVICES)],
    [`Another range for ${2 * DEVICES} devices`, config(2 * DEVICES, { range: [0, 50] })],
    [`Another type for ${2 * DEVICES} devices`, config(2 * DEVICES, { data_type: "Float" })],
    [`Removing ${DEVICES} devices`, config(DEVICES, { data_type: "Float" })],
  ] as const;
  for (const [name, next] of steps) {
    const watch = watchStalls();
    const start = performance.now();
    const topology = topologyOf(next);
    await new Promise((resolve) => setTimeout(resolve));
    server.devices = topology.devices;
    server.tags.define(topology.tags);
    await server.handle.follow();
    const ms = performance.now() - start;
    rows.push({
      name: `${name} of ${METRICS} metrics under an open session: longest stall`,
      value: Math.round(await watch() * 10) / 10,
      unit: "ms",
      must: 30,
      aim: 20,
      note: `done after ${Math.round(ms)} ms`,
    });
  }
  return rows;
}

/**
 * From now on looks at the event loop; the returned function gives the longest time in which it did nothing else, ms,
 * without the time in which the thread waited for a processor that others had.
 */
function watchStalls(): () => Promise<number> {
  let lastMs = performance.now();
  let lastWaitMs = waitedMs();
  let longestMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const waitMs = waitedMs();
    longestMs = Math.max(longestMs, nowMs - lastMs - 1 - (waitMs - lastWaitMs));
    lastMs = nowMs;
    lastWaitMs = waitMs;
  }, 1);
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    clearInterval(timer);
    return longestMs;
  };
}

/** Time that this thread has waited for a processor (second field of proc(5) schedstat), ms. */
function waitedMs(): number {
  return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[1]) / 1e6;
}
