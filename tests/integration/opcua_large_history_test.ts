import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { HistoryQueries } from "../../src/history/history.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";
import { startOpcUaClient } from "../lib/opcua_client_process.ts";

const DEV = "00000000000000b1";
const NODE = `ns=2;s=${DEV}/level`;
const BEGIN_MS = 1_700_000_000_000;
const PAGE = 10_000;
/** Mask, Variant of a Double and two times. */
const VALUE_BYTES = 26;

const refuse = () => Promise.reject(new Error("not used"));
/** As many rows as are asked for: 0, 1, 2, … a second apart. */
const history: HistoryQueries = {
  readRaw({ limit }) {
    const timesUs = Float64Array.from({ length: limit }, (_, i) => (BEGIN_MS + i * 1000) * 1000);
    return Promise.resolve({
      count: limit,
      timesUs,
      serverTimesUs: timesUs,
      qualities: new Uint32Array(limit),
      flags: new Uint8Array(limit),
      values: Float64Array.from({ length: limit }, (_, i) => i),
      next: { timeUs: timesUs[limit - 1] ?? 0 },
    });
  },
  readBuckets: refuse,
  readProcessed: refuse,
  readAtTime: refuse,
  backup: refuse,
};

Deno.test("answers of 4 MB arrive whole, each with its neighbours of the same connection", async () => {
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "level")],
    history,
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const ask = { id, nodes: Array(20).fill(NODE), startMs: BEGIN_MS, endMs: BEGIN_MS + 1e9 };
  let turns = 0;
  const watch = setInterval(() => turns++, 1);
  try {
    const large = () => client.call<{ values: number; sum: number }>("historyOnce", ask);
    const read = () =>
      client.call<{ results: { value: unknown }[] }>("service", {
        id,
        service: "Read",
        fields: { nodesToRead: [{ nodeId: "i=2259", attributeId: 13 }] },
      });
    const [first, one, second, ...others] = await Promise.all([large(), read(), large(), read(), read(), read()]);
    for (const { values, sum } of [first, second]) {
      ok(values > 150_000 && values * VALUE_BYTES <= 4_000_000 + VALUE_BYTES, `${values} values`);
      const rest = values % PAGE;
      const whole = (values - rest) / PAGE;
      strictEqual(sum, whole * (PAGE * (PAGE - 1)) / 2 + rest * (rest - 1) / 2);
    }
    for (const { results } of [one, ...others]) deepStrictEqual(results.length, 1);
  } finally {
    clearInterval(watch);
  }
  ok(turns > 10, `${turns} turns`);
  await client.call("close", { id });
});

Deno.test("a client that takes small messages gets small answers", async () => {
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "level")],
    history,
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url, { transport: { maxMessageSize: 100_000 } });
  const ask = { id, nodes: Array(20).fill(NODE), startMs: BEGIN_MS, endMs: BEGIN_MS + 1e9 };
  const { values } = await client.call<{ values: number }>("historyOnce", ask);
  ok(values > 3000 && values * VALUE_BYTES < 100_000, `${values} values`);
  await client.call("close", { id });
});
