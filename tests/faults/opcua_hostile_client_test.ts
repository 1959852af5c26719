import assert from "node:assert/strict";
import { MonitoredItem, Subscription } from "node-opcua";
import { tagId, tagUpdate } from "../../src/tags/tag.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";
import { type ServiceAnswer, startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { waitFor } from "../lib/wait_for.ts";
import { passwordPrincipal } from "../lib/password_principal.ts";

const DEV = "0102030405060708";
const node = `ns=2;s=${DEV}/temperature`;
const SERVER = "i=2253";
const EVENTS = 12;
const VALUE = 13;

/** Numbers of the operators (OPC 10000-4 §7.7.3). */
const EQUALS = 0;
const AND = 10;
const OR = 11;

const message = { typeDefinitionId: "i=2041", browsePath: [{ name: "Message" }], attributeId: VALUE };
const eventFilter = (elements: readonly object[], selectClauses: readonly object[] = [message]) => ({
  $type: "EventFilter",
  selectClauses,
  whereClause: { elements },
});
const severityIs = (value: number) => ({
  filterOperator: EQUALS,
  filterOperands: [
    {
      $type: "SimpleAttributeOperand",
      typeDefinitionId: "i=2041",
      browsePath: [{ name: "Severity" }],
      attributeId: VALUE,
    },
    { $type: "LiteralOperand", value: { dataType: 5, value } },
  ],
});
/** Elements that each name the next one twice: looked at one by one they are 2^count. */
const doubling = (count: number, filterOperator: number) => [
  ...Array.from({ length: count }, (_, i) => ({
    filterOperator,
    filterOperands: [1, 1].map((step) => ({ $type: "ElementOperand", index: i + step })),
  })),
  severityIs(1),
];
const valueFilter = (deadbandValue: number) => ({
  $type: "DataChangeFilter",
  trigger: 1,
  deadbandType: 1,
  deadbandValue,
});

async function open() {
  const server = await startTestServer({ devices: [testDevice(DEV)], tags: [testTag(DEV, "temperature")] });
  const client = await startOpcUaClient();
  const hostile = await client.connect(server.url);
  const honest = await client.connect(server.url);
  const service = (name: string, fields: Record<string, unknown>, id = hostile, unchecked = {}) =>
    client.call<ServiceAnswer>("service", { id, service: name, fields, unchecked });
  const { subscriptionId } = await service("CreateSubscription", {
    requestedPublishingInterval: 50,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 10,
    publishingEnabled: true,
  }) as unknown as { subscriptionId: number };
  const { subscription } = await client.call<{ subscription: number }>("subscribe", { id: honest, publishingMs: 50 });
  const monitor = async (
    nodeId: string,
    attributeId: number,
    filter: unknown,
    samplingInterval: unknown = 0,
    clientHandle = 1,
  ) => {
    const answer = await service(
      "CreateMonitoredItems",
      {
        subscriptionId,
        timestampsToReturn: 2,
        itemsToCreate: [{
          itemToMonitor: { nodeId, attributeId },
          monitoringMode: 2,
          requestedParameters: { clientHandle, samplingInterval: 0, queueSize: 3, filter },
        }],
      },
      hostile,
      { "itemsToCreate.0.requestedParameters.samplingInterval": samplingInterval },
    );
    return answer.results[0] as { statusCode: string; monitoredItemId: number; revisedSamplingInterval: number };
  };
  let last = 0;
  /** The honest client's item gets a value that is put now. */
  const served = async () => {
    const value = ++last;
    const nowUs = Date.now() * 1000;
    const tag = server.tags.get(tagId(DEV, "temperature"));
    assert.ok(tag);
    server.tags.update([tagUpdate(tag, value, nowUs)]);
    await waitFor("the value", async () => {
      const got = await client.call<WireValue[]>("notifications", { id: honest, node });
      return got.some((one) => one.value === value);
    });
  };
  await client.call("monitor", { id: honest, subscription, samplingMs: 0, queueSize: 100, nodes: [node] });
  return {
    monitor,
    service,
    served,
    subscriptionId,
    server,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test("no filter and no interval of one client takes values or events from others", async (t) => {
  await using world = await open();
  const { monitor, served, service, subscriptionId } = world;
  await served();

  await t.step("intervals that are no numbers are revised", async () => {
    for (const interval of [{ $number: "NaN" }, { $number: "Infinity" }, { $number: "-Infinity" }, 1e300]) {
      const { statusCode, revisedSamplingInterval } = await monitor(node, VALUE, null, interval);
      assert.equal(statusCode, "Good");
      assert.ok(revisedSamplingInterval >= 0 && Number.isFinite(revisedSamplingInterval), `${revisedSamplingInterval}`);
    }
    await served();
  });

  await t.step("filters that do not fit are refused, when an item is made and when it is changed", async () => {
    const { monitoredItemId } = await monitor(node, VALUE, null);
    const modify = async (filter: unknown) => {
      const itemsToModify = [{
        monitoredItemId,
        requestedParameters: { clientHandle: 1, samplingInterval: 0, queueSize: 3, filter },
      }];
      const answer = await service("ModifyMonitoredItems", { subscriptionId, timestampsToReturn: 2, itemsToModify });
      return (answer.results[0] as { statusCode: string }).statusCode;
    };
    const operand = { $type: "LiteralOperand", value: { dataType: 5, value: 1 } };
    const endless = { ...valueFilter(0), deadbandValue: { $number: "Infinity" } };
    for (
      const [filter, status] of [
        [endless, "BadDeadbandFilterInvalid"],
        [operand, "BadMonitoredItemFilterInvalid"],
        [
          { $type: "AggregateFilter", aggregateType: "i=2342", processingInterval: 1 },
          "BadMonitoredItemFilterUnsupported",
        ],
      ] as const
    ) {
      assert.equal((await monitor(node, VALUE, filter)).statusCode, status);
      assert.equal(await modify(filter), status);
    }
    assert.equal((await monitor(SERVER, EVENTS, null)).statusCode, "BadEventFilterInvalid");
    assert.equal((await monitor(SERVER, EVENTS, operand)).statusCode, "BadMonitoredItemFilterInvalid");
    await served();
  });

  await t.step("a where clause that would be looked at for years is refused", async () => {
    for (const operator of [AND, OR]) {
      const { statusCode } = await monitor(SERVER, EVENTS, eventFilter(doubling(40, operator)));
      assert.equal(statusCode, "BadEventFilterInvalid");
    }
    assert.equal((await monitor(SERVER, EVENTS, eventFilter(doubling(3, OR)))).statusCode, "Good");
    const path = Array.from({ length: 2000 }, () => ({ name: "Message" }));
    const { statusCode } = await monitor(SERVER, EVENTS, eventFilter([], [{ ...message, browsePath: path }]));
    assert.equal(statusCode, "BadEventFilterInvalid");
    await served();
  });
});

Deno.test("what the library throws at stays with the client that asked for it", async (t) => {
  await using world = await open();
  const { monitor, served, service, subscriptionId } = world;

  await t.step("a service that fails is answered, and the server goes on", async () => {
    const prototype = Subscription.prototype;
    const { modify } = prototype;
    prototype.modify = () => {
      throw new Error("a fault at /some/where");
    };
    try {
      const answer = await service("ModifySubscription", { subscriptionId, requestedPublishingInterval: 100 });
      assert.equal(answer.responseHeader.serviceResult, "BadInternalError");
      assert.doesNotMatch(JSON.stringify(answer), /some\/where/);
    } finally {
      prototype.modify = modify;
    }
    await served();
  });

  await t.step("an item that fails does not keep values from the items behind it", async () => {
    const prototype = MonitoredItem.prototype as unknown as {
      _enqueue_value(this: { readonly clientHandle: number }, ...rest: unknown[]): void;
    };
    const { _enqueue_value: enqueue } = prototype;
    let failed = 0;
    prototype._enqueue_value = function (...rest) {
      if (this.clientHandle === 666) throw new Error(`failure ${++failed}`);
      enqueue.apply(this, rest);
    };
    try {
      await monitor(node, VALUE, null, 0, 666);
      await served();
      await served();
      assert.ok(failed >= 2, `${failed}`);
    } finally {
      prototype._enqueue_value = enqueue;
    }
  });
});

Deno.test("a subscription has 500 items on one value at most, and room again when they go", async () => {
  await using world = await open();
  const { service, subscriptionId, served } = world;
  const create = async (count: number) => {
    const answer = await service("CreateMonitoredItems", {
      subscriptionId,
      timestampsToReturn: 2,
      itemsToCreate: Array.from({ length: count }, (_, i) => ({
        itemToMonitor: { nodeId: node, attributeId: VALUE },
        monitoringMode: 2,
        requestedParameters: { clientHandle: i, samplingInterval: 0, queueSize: 1 },
      })),
    });
    return answer.results as { statusCode: string; monitoredItemId: number }[];
  };
  const made = await create(1000);
  const statuses = made.map(({ statusCode }) => statusCode);
  assert.deepEqual(new Set(statuses.slice(0, 500)), new Set(["Good"]));
  assert.deepEqual(new Set(statuses.slice(500)), new Set(["BadTooManyMonitoredItems"]));
  await served();
  const monitoredItemIds = made.slice(0, 10).map(({ monitoredItemId }) => monitoredItemId);
  await service("DeleteMonitoredItems", { subscriptionId, monitoredItemIds });
  assert.equal((await create(20)).filter(({ statusCode }) => statusCode === "Good").length, 10);
  await served();
});

Deno.test("a Browse of everything, 10,000 times, ends within a bound and lets others be served", async () => {
  await using world = await open();
  const { service, served } = world;
  const nodesToBrowse = Array.from({ length: 10_000 }, () => ({ nodeId: "i=58", browseDirection: 2, resultMask: 0 }));
  const browsing = service("Browse", { requestedMaxReferencesPerNode: 1, nodesToBrowse });
  await served();
  const { results } = await browsing as unknown as { results: { statusCode: string }[] };
  assert.equal(results.length, 10_000);
  assert.equal(results[0]?.statusCode, "Good");
  assert.equal(results.at(-1)?.statusCode, "BadNoContinuationPoints");
  await served();
});

Deno.test("a subscription whose session is gone is deleted by its own user alone", async () => {
  const revoked = new AbortController().signal;
  await using server = await startTestServer({
    access: {
      password: (name) =>
        Promise.resolve({
          ok: true,
          principal: passwordPrincipal(name),
        }),
      certificate: () => ({ ok: false, reason: "certificate_unknown" }),
      presented: () => ({ waitMs: 0, proved() {} }),
      revoked: () => revoked,
    },
  });
  await using client = await startOpcUaClient();
  const login = (user: string) => client.connect(server.url, { user, password: "any" });
  const alice = await login("alice");
  const { subscription } = await client.call<{ subscription: number }>("subscribe", { id: alice, publishingMs: 1000 });
  await client.call("close", { id: alice, deleteSubscriptions: false });
  const deleted = async (user: string) => {
    const id = await login(user);
    const answer = await client.call<ServiceAnswer>("service", {
      id,
      service: "DeleteSubscriptions",
      fields: { subscriptionIds: [subscription] },
    });
    return answer.results;
  };
  assert.deepEqual(await deleted("bob"), ["BadSubscriptionIdInvalid"]);
  assert.deepEqual(await deleted("alice"), ["Good"]);
});

Deno.test("logins that are cut off while they are checked end with their connection", async () => {
  let checks = 0;
  const waiting: (() => void)[] = [];
  const revoked = new AbortController().signal;
  await using server = await startTestServer({
    access: {
      password: async (name) => {
        checks++;
        if (name === "slow") await new Promise<void>((resolve) => waiting.push(resolve));
        const principal = passwordPrincipal(name);
        return { ok: true, principal };
      },
      certificate: () => ({ ok: false, reason: "certificate_unknown" }),
      presented: () => ({ waitMs: 0, proved() {} }),
      revoked: () => revoked,
    },
  });
  await using client = await startOpcUaClient();
  for (let i = 0; i < 3; i++) {
    const rogue = await startOpcUaClient();
    const login = rogue.connect(server.url, { user: "slow", password: "any" }).catch(() => null);
    await waitFor("the check", () => waiting.length === 1);
    await rogue[Symbol.asyncDispose]();
    await login;
    waiting.pop()?.();
  }
  const id = await client.connect(server.url, { user: "alice", password: "any" });
  await client.call("read", { id, nodes: ["i=2258"] });
  assert.equal(checks, 4);
});
