import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { tagId, tagUpdate } from "../../src/tags/tag.ts";
import { connectRaw } from "../lib/opcua_client_hello.ts";
import { captureLog } from "../lib/opcua_client_log.ts";
import { startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";
import { waitFor } from "../lib/wait_for.ts";

const DEV = "0102030405060708";

Deno.test("sessions beyond the limit are told so, and one whose connection is gone makes room", async () => {
  await using log = await captureLog();
  await using server = await startTestServer({ config: { max_connections: 2 } });
  await using client = await startOpcUaClient();
  const [limits] = log.of("opcua_limits_configured");
  deepStrictEqual([limits?.properties.max_sessions, limits?.properties.max_connections_per_address], [2, 100]);
  const first = await client.connect(server.url);
  const second = await client.connect(server.url);
  await rejects(client.connect(server.url), /BadTooManySessions/);
  const [told] = log.of("opcua_session_count_at_limit");
  deepStrictEqual([told?.properties.source_ip, told?.properties.limit, told?.properties.current], ["127.0.0.1", 2, 2]);
  deepStrictEqual([server.handle.status().sessions, server.handle.status().maxSessions], [2, 2]);

  await client.call("drop", { id: first });
  const third = await waitFor("room for a session", () => client.connect(server.url));
  strictEqual(log.of("opcua_session_evicted").length, 1);
  await client.call("close", { id: second });
  await client.call("close", { id: third });
  await waitFor(
    "the number of sessions in the log",
    () => log.of("opcua_session_count").some(({ properties }) => properties.limit === 2),
  );
});

Deno.test("connections of one address are limited", async () => {
  await using log = await captureLog();
  await using server = await startTestServer({ config: { max_connections_per_address: 2 } });
  using first = await connectRaw(server.url);
  using second = await connectRaw(server.url);
  ok(await first.hello());
  ok(await second.hello());
  {
    using third = await connectRaw(server.url);
    strictEqual(await third.hello(), null);
    await third.closed();
  }
  await waitFor("the event", () => log.of("opcua_session_count_at_limit").length === 1);
  deepStrictEqual(log.of("opcua_session_count_at_limit")[0]?.properties.which, "max_connections_per_address");
  second[Symbol.dispose]();
  await waitFor("a free place", async () => {
    using again = await connectRaw(server.url);
    return await again.hello();
  });
});

Deno.test("a client's Hello is answered with the configured message limits, or its own lower ones", async () => {
  await using server = await startTestServer({ config: { max_message_size: 100_000, max_chunk_count: 7 } });
  using open = await connectRaw(server.url);
  deepStrictEqual(await open.hello(), {
    receiveBufferSize: 65_535,
    sendBufferSize: 65_535,
    maxMessageSize: 100_000,
    maxChunkCount: 7,
  });
  using modest = await connectRaw(server.url);
  const { maxMessageSize, maxChunkCount } = await modest.hello({ maxMessageSize: 20_000, maxChunkCount: 3 }) ?? {};
  deepStrictEqual([maxMessageSize, maxChunkCount], [20_000, 3]);
  using greedy = await connectRaw(server.url);
  const answer = await greedy.hello({ maxMessageSize: 4_000_000_000, maxChunkCount: 60_000, receiveBufferSize: 8192 });
  deepStrictEqual([answer?.maxMessageSize, answer?.maxChunkCount], [100_000, 7]);
});

Deno.test("a request beyond the message size is refused, a smaller one answered", async () => {
  await using server = await startTestServer({ config: { max_message_size: 65_536 } });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const nodes = (count: number) => Array.from({ length: count }, (_, i) => `ns=2;s=${"x".repeat(90)}${i}`);
  const small = await client.call<WireValue[]>("read", { id, nodes: nodes(300) });
  strictEqual(small.length, 300);
  await rejects(client.call("read", { id, nodes: nodes(3000) }));
});

Deno.test("subscriptions of a session and items of a subscription are limited", async () => {
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "a"), testTag(DEV, "b"), testTag(DEV, "c")],
    config: { max_subscriptions_per_session: 2, max_monitored_items_per_sub: 2 },
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const subscribe = () => client.call<{ subscription: number }>("subscribe", { id, publishingMs: 100 });
  const { subscription } = await subscribe();
  await subscribe();
  await rejects(subscribe(), /BadTooManySubscriptions/);
  const items = await client.call<{ status: string }[]>("monitor", {
    id,
    subscription,
    nodes: ["a", "b", "c"].map((name) => `ns=2;s=${DEV}/${name}`),
  });
  deepStrictEqual(items.map(({ status }) => status), ["Good", "Good", "BadTooManyMonitoredItems"]);
  deepStrictEqual([server.handle.status().subscriptions, server.handle.status().monitoredItems], [2, 2]);
});

Deno.test("a full queue drops the oldest, marks the overflow whatever the status, and does not disturb the push", async () => {
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "a"), testTag(DEV, "b")],
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 500 });
  const [a, b] = ["a", "b"].map((name) => `ns=2;s=${DEV}/${name}`);
  await client.call("monitor", { id, subscription, nodes: [a, b], queueSize: 3 });
  const received = async (node: string | undefined) => await client.call<WireValue[]>("notifications", { id, node });
  await waitFor("the first values", async () => (await received(a)).length > 0 && (await received(b)).length > 0);
  const tag = server.tags.get(tagId(DEV, "a"));
  const other = server.tags.get(tagId(DEV, "b"));
  ok(tag && other);
  const start = Date.now() * 1000;
  const batch = Array.from(
    { length: 10 },
    (_, i) => tagUpdate(tag, i, start + i, Quality.UncertainEngineeringUnitsExceeded),
  );
  server.tags.update([...batch, tagUpdate(other, 42, start)]);
  const got: WireValue[] = [];
  await waitFor("the queue", async () => {
    got.push(...await received(a));
    return got.length >= 3;
  });
  deepStrictEqual(got.map(({ value }) => value), [7, 8, 9]);
  deepStrictEqual(
    got.map(({ status }) => status >>> 16),
    Array(3).fill(Quality.UncertainEngineeringUnitsExceeded >>> 16),
  );
  strictEqual((got[0]?.status ?? 0) & 0x480, 0x480, "InfoType DataValue with the Overflow bit");
  await waitFor("the value behind it", async () => (await received(b)).some(({ value }) => value === 42));
});
