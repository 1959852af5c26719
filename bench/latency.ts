import { startOpcUaClient } from "../tests/lib/opcua_client_process.ts";
import { waitFor } from "../tests/lib/wait_for.ts";
import { type BenchOptions, type BenchRow, percentile } from "./bench_row.ts";
import { startRunningGateway } from "./lib_running_gateway.ts";

const DEVICES = 100;

/**
 * Time from the event in the field to the callback of an OPC UA client and to a browser's event stream: 100 devices,
 * publishing interval 50 ms, sampling interval 0. Each process reads the same clock; an event carries the time at which
 * it was sent, to the millisecond.
 */
export async function benchLatency({ full }: BenchOptions): Promise<BenchRow[]> {
  const rounds = full ? 60 : 10;
  await using running = await startRunningGateway(DEVICES, 0);
  const { gateway, simulator } = running;
  await waitFor("all streams", async () => (await gateway.status()).sources[0]?.devicesStreaming === DEVICES);
  const tags = simulator.devices.map((device) => {
    const metric = device.metrics.find(({ type }) => type === "Float" || type === "Int");
    if (metric === undefined) return null;
    return { devEui: device.devEui, metric, id: `${device.devEui}/${metric.name}` };
  }).filter((tag) => tag !== null);

  await using client = await startOpcUaClient();
  const id = await client.connect(gateway.opcuaUrl);
  const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
  const nodes = tags.map((tag) => `ns=2;s=${tag.id}`);
  await client.call("measureDelays", { id, subscription, nodes });

  const browser = new AbortController();
  const delays: number[] = [];
  const stream = await fetch(`${gateway.webUrl}/api/v1/tags/stream`, { signal: browser.signal });
  const reading = readDelays(stream, new Set(tags.map((tag) => tag.id)), delays).catch(() => {});

  let sent = 0;
  for (let round = 0; round < rounds; round++) {
    for (const { devEui, metric } of tags) {
      simulator.sendUplink(devEui, objectWith(metric.path, round + 1), { timeUs: Date.now() * 1000 });
      sent++;
      // the devices of a field do not send together: a second holds all 100
      await new Promise((resolve) => setTimeout(resolve, 1000 / DEVICES));
    }
  }
  const received = await waitFor("all notifications", async () => {
    const found = await client.call<number[]>("delays", { id });
    return found.length >= sent ? found : null;
  }, { deadlineMs: 10_000, everyMs: 200 });
  browser.abort();
  await reading;
  return [
    { name: "uplink to OPC UA notification, p99", value: percentile(received, 0.99), unit: "ms", must: 120, aim: 70 },
    { name: "uplink to OPC UA notification, median", value: percentile(received, 0.5), unit: "ms" },
    { name: "uplink to browser, p99", value: percentile(delays, 0.99), unit: "ms", must: 150, aim: 80 },
    {
      name: "uplink to browser, median",
      value: percentile(delays, 0.5),
      unit: "ms",
      note: `${delays.length} of ${sent}`,
    },
  ];
}

/** The decoded object in which `path` (of simple keys and indices) holds `value`. */
function objectWith(path: string, value: number): unknown {
  const keys = [...path.matchAll(/\["([^"]*)"\]|\[(\d+)\]|([^.[\]]+)/g)];
  return keys.reduceRight<unknown>((inner, [, quoted, index, plain]) => {
    if (index === undefined) return { [quoted ?? plain ?? ""]: inner };
    const list: unknown[] = [];
    list[Number(index)] = inner;
    return Array.from(list, (item) => item ?? {});
  }, value);
}

async function readDelays(stream: Response, wanted: ReadonlySet<string>, delays: number[]): Promise<void> {
  const sinceMs = Date.now();
  let text = "";
  for await (const chunk of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const now = Date.now();
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = /^data: ?(.*)$/m.exec(block)?.[1];
      if (data === undefined || !/^event: ?tags$/m.test(block)) continue;
      for (const { id, sourceTime } of JSON.parse(data) as { id: string; sourceTime: string | null }[]) {
        const eventMs = Date.parse(sourceTime ?? "");
        if (wanted.has(id) && eventMs >= sinceMs) delays.push(now - eventMs);
      }
    }
  }
}
