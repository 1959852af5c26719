import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { tagUpdate } from "../../src/tags/tag.ts";
import { startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";
import { waitFor } from "../lib/wait_for.ts";

const DEV = "0102030405060708";

Deno.test("values, statuses and times reach a client in another process", async () => {
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "temperature", { unit: "CEL", range: { low: -40, high: 85 } })],
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const node = `ns=2;s=${DEV}/temperature`;

  const before = await client.call<WireValue[]>("read", { id, nodes: [node] });
  strictEqual(before[0]?.value, null);
  strictEqual(before[0]?.statusName, "BadWaitingForInitialData");

  const tag = server.tags.get(`${DEV}/temperature` as never);
  ok(tag);
  const timeUs = Date.now() * 1000 + 123;
  server.tags.update([tagUpdate(tag, 21.5, timeUs)]);
  const after = await client.call<WireValue[]>("read", { id, nodes: [node] });
  strictEqual(after[0]?.value, 21.5);
  strictEqual(after[0]?.status, 0);
  strictEqual(after[0]?.sourceUs, timeUs);

  const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
  const items = await client.call<{ status: string; samplingMs: number }[]>("monitor", {
    id,
    subscription,
    nodes: [node],
  });
  deepStrictEqual(items[0]?.status, "Good");
  strictEqual(items[0]?.samplingMs, 0);
  const received: WireValue[] = [];
  const collect = async (count: number) => {
    await waitFor(`${count} notifications`, async () => {
      received.push(...await client.call<WireValue[]>("notifications", { id, node }));
      return received.length >= count;
    });
  };
  await collect(1);
  server.tags.update([
    tagUpdate(tag, 22, timeUs + 1000),
    tagUpdate(tag, 23, timeUs + 2000),
    tagUpdate(tag, 24, timeUs + 3000),
  ]);
  await collect(4);
  deepStrictEqual(received.map((value) => value.value), [21.5, 22, 23, 24]);
});
