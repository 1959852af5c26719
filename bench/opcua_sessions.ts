import process from "node:process";
import { tagId, tagUpdate } from "../src/tags/tag.ts";
import { startTestServer, testDevice, testTag } from "../tests/lib/opcua_client_gateway.ts";
import { type OpcUaClientProcess, startOpcUaClient } from "../tests/lib/opcua_client_process.ts";
import { waitFor } from "../tests/lib/wait_for.ts";
import type { BenchOptions, BenchRow } from "./bench_row.ts";

const TAGS = 100;
const DEV = "0102030405060708";
const PROCESSES = 2;

/**
 * How many clients can be served at once: sessions on encrypted channels, each subscribed to 100 values that change once a
 * second, until every change has arrived everywhere.
 */
export async function benchOpcUaSessions({ full }: BenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const sessions of [50, 200]) rows.push(...await withSessions(sessions, full ? 60 : 10));
  return rows;
}

async function withSessions(sessions: number, seconds: number): Promise<BenchRow[]> {
  const names = Array.from({ length: TAGS }, (_, i) => `m${i}`);
  const nodes = names.map((name) => `ns=2;s=${DEV}/${name}`);
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: names.map((name) => testTag(DEV, name)),
    config: { max_connections: 1000, max_connections_per_address: 1000 },
  });
  const tags = names.map((name) => server.tags.get(tagId(DEV, name))).filter((tag) => tag !== undefined);
  const clients: OpcUaClientProcess[] = [];
  try {
    for (let i = 0; i < PROCESSES; i++) clients.push(await startOpcUaClient());
    const start = performance.now();
    for (let i = 0; i < sessions; i++) {
      const client = clients[i % PROCESSES];
      if (client === undefined) throw new Error("Cannot run the bench without clients");
      const id = await client.connect(server.url);
      const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 500 });
      await client.call("monitor", { id, subscription, samplingMs: 0, queueSize: 10, nodes });
    }
    const connectMs = performance.now() - start;
    const received = async () => {
      const counts = await Promise.all(clients.map((client) => client.call<number>("received", {})));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    // each item begins with the value that there is
    await waitFor("the first values", async () => await received() >= sessions * TAGS, { deadlineMs: 60_000 });
    const before = await received();
    const cpuBefore = process.cpuUsage();
    const began = performance.now();
    for (let second = 1; second <= seconds; second++) {
      server.tags.update(tags.map((tag) => tagUpdate(tag, second, Date.now() * 1000)));
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + second * 1000 - performance.now())));
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    const share = (user + system) / 1000 / (performance.now() - began) * 100;
    const expected = sessions * TAGS * seconds;
    await waitFor("every change everywhere", async () => await received() - before >= expected, { deadlineMs: 30_000 })
      .catch(() => {});
    const lost = expected - (await received() - before);
    return [
      {
        name: `${sessions} sessions with ${TAGS} items each: changes lost`,
        value: lost,
        unit: `of ${expected}`,
        must: 0,
        aim: 0,
        note: "must 50 sessions, aim 200",
      },
      { name: `${sessions} sessions: CPU meanwhile`, value: Math.round(share * 10) / 10, unit: "% of a core" },
      {
        name: `${sessions} sessions: connect, log in, subscribe`,
        value: Math.round(connectMs / sessions),
        unit: "ms each",
        note: "SignAndEncrypt, one after the other, client's work included",
      },
    ];
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
}
