import process from "node:process";
import { type Tag, tagId, tagUpdate } from "../src/tags/tag.ts";
import { startTestServer, testDevice, testTag } from "../tests/lib/opcua_client_gateway.ts";
import { type OpcUaClientProcess, startOpcUaClient } from "../tests/lib/opcua_client_process.ts";
import type { BenchOptions, BenchRow } from "./bench_row.ts";
import { startBareServer } from "./lib_bare_server.ts";

const TAGS = 5000;
const CLIENTS = 5;
const DEV = "0102030405060708";

/**
 * What it costs to tell clients of changes: 5,000 monitored items of 5 clients changing each second, by exception and
 * sampled, here and on a bare node-opcua server, and how many samples a second go through the tag store into the variables.
 */
export async function benchOpcUaNotify({ full }: BenchOptions): Promise<BenchRow[]> {
  const seconds = full ? 30 : 8;
  const names = Array.from({ length: TAGS }, (_, i) => `m${i}`);
  const server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: names.map((name) => testTag(DEV, name)),
  });
  const tags = names.map((name) => server.tags.get(tagId(DEV, name))).filter((tag) => tag !== undefined);
  const rows: BenchRow[] = [{
    name: `Push, ${TAGS} tags, nobody monitors`,
    value: pushRate(tags, (batch) => server.tags.update(batch)),
    unit: "samples/s",
    must: 10_000,
    aim: 30_000,
    note: "TagStore and OPC UA, one core",
  }];
  for (const samplingMs of [0, 1000]) {
    await using client = await startOpcUaClient();
    await monitor(client, server.url, names, samplingMs);
    if (samplingMs === 0) {
      rows.push({
        name: `Push, ${TAGS} tags, each monitored`,
        value: pushRate(tags, (batch) => server.tags.update(batch)),
        unit: "samples/s",
        must: 10_000,
        aim: 30_000,
        note: "queue of 1",
      });
    }
    const share = await measured(client, seconds, (from, to) => {
      server.tags.update(nextBatch(tags.slice(from, to), Date.now() * 1000));
    });
    rows.push({
      name: `${TAGS} monitored items changing each second, ${CLIENTS} clients, sampling ${samplingMs} ms`,
      value: Math.round(share * 10) / 10,
      unit: "% of a core",
      must: 60,
      aim: 25,
    });
  }
  await server[Symbol.asyncDispose]();
  const ids = names.map((name) => `${DEV}/${name}`);
  await using bare = await startBareServer(ids);
  for (const samplingMs of [0, 1000]) {
    await using client = await startOpcUaClient();
    await monitor(client, bare.url, names, samplingMs);
    const share = await measured(client, seconds, (from, to) => bare.set(ids.slice(from, to), ++changes));
    rows.push({
      name: `the same: bare node-opcua, sampling ${samplingMs} ms`,
      value: Math.round(share * 10) / 10,
      unit: "% of a core",
    });
  }
  return rows;
}

/** Share of one core while every tag changes once a second, with the proof that clients heard of it. */
async function measured(
  client: OpcUaClientProcess,
  seconds: number,
  change: (from: number, to: number) => void,
): Promise<number> {
  const before = await client.call<number>("received", {});
  const share = await cpuShare(seconds, change);
  const received = await client.call<number>("received", {}) - before;
  // sampling can miss the change at the edge of an interval, but not many
  if (received < TAGS * seconds * 0.9) {
    throw new Error(`Cannot count the cost as clients got ${received} of ${TAGS * seconds} changes`);
  }
  return share;
}

async function monitor(client: OpcUaClientProcess, url: string, names: readonly string[], samplingMs: number) {
  const share = names.length / CLIENTS;
  for (let i = 0; i < CLIENTS; i++) {
    const id = await client.connect(url);
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 1000 });
    await client.call("monitor", {
      id,
      subscription,
      samplingMs,
      queueSize: 1,
      nodes: names.slice(i * share, (i + 1) * share).map((name) => `ns=2;s=${DEV}/${name}`),
    });
  }
}

let changes = 0;

/** One update a tag, each with a value it did not have. */
function nextBatch(tags: readonly Tag[], timeUs: number) {
  changes++;
  return tags.map((tag) => tagUpdate(tag, changes, timeUs));
}

function pushRate(tags: readonly Tag[], update: (batch: ReturnType<typeof nextBatch>) => void): number {
  let timeUs = Date.now() * 1000;
  const start = performance.now();
  let samples = 0;
  while (performance.now() - start < 2000) {
    update(nextBatch(tags, ++timeUs));
    samples += tags.length;
  }
  return Math.round(samples / (performance.now() - start) * 1000);
}

/** Share of one core that this process uses while every tag changes once a second, in 20 batches. */
async function cpuShare(seconds: number, change: (from: number, to: number) => void): Promise<number> {
  const slices = 20;
  const run = async (forSeconds: number) => {
    for (let step = 0; step < forSeconds * slices; step++) {
      const first = (step % slices) * TAGS / slices;
      change(first, first + TAGS / slices);
      await new Promise((resolve) => setTimeout(resolve, 1000 / slices));
    }
  };
  await run(2);
  const before = process.cpuUsage();
  const start = performance.now();
  await run(seconds);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - start) * 100;
}
