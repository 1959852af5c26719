import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { tagId, tagUpdate } from "../../src/tags/tag.ts";
import { connectRaw, openChunk } from "../lib/opcua_client_hello.ts";
import { captureLog } from "../lib/opcua_client_log.ts";
import { type ServiceAnswer, startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
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

Deno.test("whoever sends more than the Hello allowed is hung up on and reported", async () => {
  await using log = await captureLog();
  await using server = await startTestServer({ config: { max_message_size: 8192, max_chunk_count: 1 } });
  const cases = [
    ["max_message_size", 8192, [openChunk(9000, "F")]],
    ["max_chunk_count", 1, [openChunk(10, "C"), openChunk(10, "F")]],
  ] as const;
  for (const [which, limit, chunks] of cases) {
    using connection = await connectRaw(server.url);
    ok(await connection.hello());
    for (const chunk of chunks) await connection.send(chunk);
    await connection.closed();
    await waitFor(
      "the event",
      () => log.of("opcua_limit_reached").some(({ properties }) => properties.which === which),
    );
    const [told] = log.of("opcua_limit_reached").filter(({ properties }) => properties.which === which);
    deepStrictEqual([told?.properties.limit, told?.properties.source_ip], [limit, "127.0.0.1"]);
  }
  const failed = log.of("opcua_channel_failed").map(({ properties }) => [properties.reason, properties.source_ip]);
  deepStrictEqual(failed[0], ["BadTcpMessageTooLarge", "127.0.0.1"]);
});

Deno.test("subscriptions of a session and items of a subscription are limited", async () => {
  await using log = await captureLog();
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
  deepStrictEqual(
    log.of("opcua_limit_reached").map(({ properties }) => [properties.which, properties.limit, properties.source_ip]),
    [["max_subscriptions_per_session", 2, "127.0.0.1"], ["max_monitored_items_per_sub", 2, "127.0.0.1"]],
  );
  await waitFor(
    "the gauge",
    () =>
      log.of("opcua_session_count").some(({ properties }) =>
        properties.subscriptions === 2 && properties.monitored_items === 2 && properties.channels === 1
      ),
  );
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
  for (const node of [a, b]) await waitFor("the first value", async () => (await received(node)).length > 0);
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

Deno.test("queues, sampling, keep-alive and waiting Publish requests are capped", async () => {
  await using log = await captureLog();
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "a")],
    config: {
      max_queued_notifications: 7,
      max_pending_publish_requests: 3,
      min_sampling_interval_ms: 400,
      max_keep_alive_count: 15,
    },
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const service = (name: string, fields: Record<string, unknown>) =>
    client.call<ServiceAnswer>("service", { id, service: name, fields });
  const subscription = await service("CreateSubscription", {
    requestedPublishingInterval: 100_000,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 500,
    publishingEnabled: false,
  });
  strictEqual(subscription.revisedMaxKeepAliveCount, 15);
  const { subscriptionId } = subscription;
  const itemToMonitor = { nodeId: `ns=2;s=${DEV}/a`, attributeId: 13 };
  const parameters = (samplingInterval: number) => ({
    clientHandle: 1,
    samplingInterval,
    queueSize: 100,
    discardOldest: true,
  });
  const created = await service("CreateMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToCreate: [10, 0].map((ms) => ({ itemToMonitor, monitoringMode: 2, requestedParameters: parameters(ms) })),
  });
  deepStrictEqual(
    created.results.map((one: Record<string, unknown>) => [one.revisedSamplingInterval, one.revisedQueueSize]),
    [[400, 7], [0, 7]],
  );
  const { monitoredItemId } = created.results[0];
  const modified = await service("ModifyMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToModify: [{ monitoredItemId, requestedParameters: parameters(50) }],
  });
  deepStrictEqual([modified.results[0].revisedSamplingInterval, modified.results[0].revisedQueueSize], [400, 7]);
  const answers: string[] = [];
  for (let i = 0; i < 5; i++) {
    service("Publish", {}).then((answer) => answers.push(answer.responseHeader.serviceResult), () => {});
  }
  await waitFor("the oldest to be given back", () => answers.length === 2);
  deepStrictEqual(answers, Array(2).fill("BadTooManyPublishRequests"));
  strictEqual(log.of("opcua_limit_reached")[0]?.properties.which, "max_pending_publish_requests");
});

Deno.test("idle connections give way, and discovery is answered while every session is taken", async () => {
  await using log = await captureLog();
  await using server = await startTestServer({ config: { max_connections: 2 } });
  await using client = await startOpcUaClient();
  using idle = new DisposableStack();
  // as many as there can be: two sessions and ten spare ones
  for (let i = 0; i < 12; i++) {
    const connection = await connectRaw(server.url);
    idle.use(connection);
    ok(await connection.hello());
  }
  const first = await client.connect(server.url);
  await waitFor("the event", () => log.of("opcua_channel_evicted").length > 0);
  strictEqual(log.of("opcua_channel_evicted")[0]?.properties.source_ip, "127.0.0.1");
  const second = await client.connect(server.url);
  await rejects(client.connect(server.url), /BadTooManySessions/);
  const endpoints = await client.call<unknown[]>("endpoints", { url: server.url, pki: client.pki });
  ok(endpoints.length > 0);
  strictEqual(server.handle.status().sessions, 2);
  for (const id of [first, second]) {
    const [time] = await client.call<WireValue[]>("read", { id, nodes: ["i=2258"] });
    strictEqual(time?.status, 0, "whoever had a session keeps it");
  }
});

Deno.test("a flood of sessions that nobody activates stays within the cap and lets people in", async () => {
  await using server = await startTestServer({ config: { max_connections: 5 } });
  await using client = await startOpcUaClient();
  const mine = await client.connect(server.url);
  const channel = await client.call<number>("open", {
    url: server.url,
    pki: client.pki,
    policy: "Basic256Sha256",
    mode: "SignAndEncrypt",
  });
  const heap = () => server.handle.status().sessions;
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 20 }, () =>
      client.call<ServiceAnswer>("service", {
        id: channel,
        service: "CreateSession",
        fields: {
          endpointUrl: server.url,
          sessionName: "flood",
          requestedSessionTimeout: 3_600_000,
          clientNonce: { $bytes: crypto.getRandomValues(new Uint8Array(32)).toHex() },
          clientDescription: { applicationUri: "urn:edgekeep:test:client", applicationName: { text: "Flood" } },
        },
      }).catch(() => null)));
    ok(heap() <= 5, `round ${round}: ${heap()}`);
  }
  const another = await client.connect(server.url);
  const [time] = await client.call<WireValue[]>("read", { id: mine, nodes: ["i=2258"] });
  strictEqual(time?.status, 0);
  await client.call("close", { id: another });
});

Deno.test("a connection with a session may be silent, and one without is closed", async () => {
  await using server = await startTestServer({ handshakeTimeoutMs: 2_000 });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url, { keepAlive: false });
  const connected = (one: number) => client.call<boolean>("connected", { id: one });
  const without = await client.call<number>("open", { url: server.url });
  // it was silent for less time than the session's
  await waitFor("the end of the one without a session", async () => !await connected(without));
  const read = await client.call<{ value: unknown }[]>("read", { id, nodes: ["ns=2;s=Gateway/Version"] });
  deepStrictEqual([await connected(id), read[0]?.value], [true, "0.0.1"]);
  await client.call("service", { id, service: "CloseSession", fields: { deleteSubscriptions: true } });
  await waitFor("the end of the one that has no session any more", async () => !await connected(id));
});
