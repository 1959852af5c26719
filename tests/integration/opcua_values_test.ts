import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { type Tag, tagId, tagUpdate } from "../../src/tags/tag.ts";
import type { TagStore } from "../../src/tags/tag_store.ts";
import { type OpcUaClientProcess, startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";
import { connectRaw } from "../lib/opcua_client_hello.ts";
import { waitFor } from "../lib/wait_for.ts";

const DEV = "0102030405060708";

function tagOf(tags: TagStore, name: string): Tag {
  const tag = tags.get(tagId(DEV, name));
  ok(tag);
  return tag;
}

/** Collects what a node's monitored item delivers. */
function inbox(client: OpcUaClientProcess, id: number, node: string) {
  const received: WireValue[] = [];
  return {
    received,
    async until(what: string, done: (received: readonly WireValue[]) => boolean): Promise<readonly WireValue[]> {
      await waitFor(what, async () => {
        received.push(...await client.call<WireValue[]>("notifications", { id, node }));
        return done(received);
      });
      return received;
    },
  };
}

Deno.test("values, statuses and times reach a client in another process", async (t) => {
  // the test owns the time, and with it the ages
  let nowUs = Date.UTC(2026, 5, 1) * 1000;
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [
      testTag(DEV, "temperature", { unit: "CEL", range: { low: -40, high: 85 } }),
      testTag(DEV, "small", { type: "Int", dataType: "Int16" }),
      testTag(DEV, "off", { enabled: false }),
    ],
    nowUs: () => nowUs,
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const node = `ns=2;s=${DEV}/temperature`;
  const tag = tagOf(server.tags, "temperature");
  const read = async (nodes: readonly string[], more: Record<string, unknown> = {}) =>
    await client.call<WireValue[]>("read", { id, nodes, ...more });

  await t.step("before the first value there is none, and the status says why", async () => {
    const [waiting, off, unknown] = await read([node, `ns=2;s=${DEV}/off`, "ns=2;s=nowhere"]);
    deepStrictEqual([waiting?.value, waiting?.statusName, waiting?.sourceUs], [null, "BadWaitingForInitialData", null]);
    deepStrictEqual([off?.value, off?.statusName], [null, "BadOutOfService"]);
    strictEqual(unknown?.statusName, "BadNodeIdUnknown");
  });

  await t.step("a value is read with its source time to the microsecond", async () => {
    const timeUs = nowUs + 123;
    server.tags.update([tagUpdate(tag, 21.5, timeUs)]);
    const [value] = await read([node], { maxAge: 2 ** 31 - 1 });
    deepStrictEqual([value?.value, value?.status, value?.sourceUs, value?.serverUs], [21.5, 0, timeUs, nowUs]);
    const [source] = await read([node], { timestamps: "Source" });
    deepStrictEqual([source?.sourceUs, source?.serverUs], [timeUs, null]);
    const [serverOnly] = await read([node], { timestamps: "Server" });
    strictEqual(serverOnly?.sourceUs, null);
    const [neither] = await read([node], { timestamps: "Neither" });
    deepStrictEqual([neither?.sourceUs, neither?.serverUs, neither?.value], [null, null, 21.5]);
    const [again] = await read([node], { maxAge: 2 ** 31 - 1 });
    strictEqual(again?.sourceUs, timeUs, "reading leaves the times alone");
  });

  await t.step("a value that its data type cannot hold is refused, the next one shown", async () => {
    const small = tagOf(server.tags, "small");
    server.tags.update([tagUpdate(small, 40_000, nowUs)]);
    deepStrictEqual((await read([`ns=2;s=${small.id}`])).map((v) => [v.value, v.statusName]), [[
      null,
      "BadOutOfRange",
    ]]);
    server.tags.update([tagUpdate(small, -3, nowUs + 1)]);
    deepStrictEqual((await read([`ns=2;s=${small.id}`])).map((v) => [v.value, v.statusName]), [[-3, "Good"]]);
  });

  await t.step("a forced value says that it is forced, and the field's comes back", async () => {
    const small = tagOf(server.tags, "small");
    const shown = async () => (await read([`ns=2;s=${small.id}`])).map((v) => [v.value, v.statusName, v.sourceUs]);
    server.tags.force(small.id, 7, "anna");
    deepStrictEqual(await shown(), [[7, "GoodLocalOverride", nowUs + 2]]);
    server.tags.update([tagUpdate(small, -4, nowUs + 5)]);
    strictEqual((await shown())[0]?.[0], 7);
    server.tags.unforce(small.id);
    deepStrictEqual(await shown(), [[-4, "Good", nowUs + 5]]);
  });

  await t.step(
    "an item with sampling interval 0 gets every sample of a batch, and none that was filled in",
    async () => {
      const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
      const items = await client.call<{ status: string; samplingMs: number }[]>("monitor", {
        id,
        subscription,
        nodes: [node],
      });
      deepStrictEqual(items.map((item) => [item.status, item.samplingMs]), [["Good", 0]]);
      const box = inbox(client, id, node);
      await box.until("the first value", (got) => got.length === 1);
      nowUs += 10_000;
      server.tags.update([
        tagUpdate(tag, 22, nowUs + 1),
        tagUpdate(tag, 23, nowUs + 2),
        tagUpdate(tag, -1, nowUs - 60_000_000),
        tagUpdate(tag, 24, nowUs + 3),
      ]);
      const got = await box.until("the batch", (received) => received.length >= 4);
      deepStrictEqual(got.map((value) => value.value), [21.5, 22, 23, 24]);
      deepStrictEqual(got.slice(1).map((value) => value.sourceUs), [nowUs + 1, nowUs + 2, nowUs + 3]);
    },
  );

  await t.step("a change of status alone is delivered, and the value stays", async () => {
    const box = inbox(client, id, node);
    nowUs += 600_000_000;
    server.tags.sweep();
    await box.until("the stale value", (got) => got.some((v) => v.status === Quality.UncertainLastUsableValue));
    nowUs += 90_000_000_000;
    server.tags.sweep();
    await box.until("the lost value", (got) => got.some((v) => v.status === Quality.BadNoCommunication));
    deepStrictEqual(box.received.map((v) => v.value), [24, 24]);
    server.tags.update([tagUpdate(tag, null, nowUs, Quality.BadDecodingError)]);
    await box.until("the garbage", (got) => got.some((v) => v.status === Quality.BadDecodingError));
    server.tags.update([tagUpdate(tag, 99, nowUs + 1)]);
    await box.until(
      "a value out of range",
      (got) => got.some((v) => v.status === Quality.UncertainEngineeringUnitsExceeded && v.value === 99),
    );
    deepStrictEqual((await read([node])).map((v) => [v.value, v.status]), [[
      99,
      Quality.UncertainEngineeringUnitsExceeded,
    ]]);
  });

  await t.step("triggers: status only, and timestamps too", async () => {
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    const small = tagOf(server.tags, "small");
    const other = `ns=2;s=${small.id}`;
    const monitor = (nodes: string[], trigger: string) =>
      client.call("monitor", { id, subscription, nodes, trigger, samplingMs: 0 });
    await monitor([other], "StatusValueTimestamp");
    const box = inbox(client, id, other);
    await box.until("the first value", (got) => got.length === 1);
    nowUs += 1000;
    server.tags.update([tagUpdate(small, 5, nowUs + 1000)]);
    server.tags.update([tagUpdate(small, 5, nowUs + 2000)]);
    await box.until("the same value with another time", (got) => got.length === 3);
    deepStrictEqual(box.received.slice(1).map((v) => v.sourceUs), [nowUs + 1000, nowUs + 2000]);
  });

  await t.step("a sampled item follows at its interval", async () => {
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    const other = `ns=2;s=${DEV}/off`;
    const items = await client.call<{ samplingMs: number }[]>("monitor", {
      id,
      subscription,
      nodes: [other],
      samplingMs: 100,
    });
    strictEqual(items[0]?.samplingMs, 100);
    const box = inbox(client, id, other);
    await box.until("the first value", (got) => got.length === 1);
    server.tags.define([
      testTag(DEV, "temperature"),
      testTag(DEV, "small", { type: "Int", dataType: "Int16" }),
      testTag(DEV, "off"),
    ]);
    server.tags.update([tagUpdate(tagOf(server.tags, "off"), 7, nowUs)]);
    await box.until("the value", (got) => got.some((v) => v.value === 7 && v.status === 0));
    server.tags.define([testTag(DEV, "temperature"), testTag(DEV, "off", { enabled: false })]);
    await box.until("the end of service", (got) => got.some((v) => v.status === Quality.BadOutOfService));
  });
});

Deno.test("a thousand nodes are read in one call, tags beside others", async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `m${i}`);
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: names.map((name) => testTag(DEV, name)),
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const nowUs = Date.now() * 1000;
  server.tags.update(names.map((name, i) => tagUpdate(tagOf(server.tags, name), i, nowUs)));
  const nodes = names.map((name) => `ns=2;s=${DEV}/${name}`);
  nodes.splice(500, 0, "i=2258", "ns=2;s=Gateway/Version", "ns=2;s=nowhere");
  const values = await client.call<WireValue[]>("read", { id, nodes });
  const [clock, version, nowhere] = values.splice(500, 3);
  deepStrictEqual(values.map((value) => value.value), names.map((_, i) => i));
  deepStrictEqual([clock?.dataType, version?.value, nowhere?.statusName], [13, "0.0.1", "BadNodeIdUnknown"]);
  const types = await client.call<WireValue[]>("read", { id, nodes: nodes.slice(0, 2), attribute: "BrowseName" });
  deepStrictEqual(types.map((value) => (value.value as { name: string }).name), ["m0", "m1"]);
});

Deno.test("a stop ends in time with clients connected, half-open ones too", async () => {
  const server = await startTestServer({ devices: [testDevice(DEV)], tags: [testTag(DEV, "a")] });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
  await client.call("monitor", { id, subscription, nodes: [`ns=2;s=${DEV}/a`] });
  using silent = await connectRaw(server.url);
  using greeted = await connectRaw(server.url);
  ok(await greeted.hello());
  await server[Symbol.asyncDispose]();
  await silent.closed();
  // whatever comes late finds nobody
  server.tags.update([tagUpdate(tagOf(server.tags, "a"), 1, Date.now() * 1000)]);
});
