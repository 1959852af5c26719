import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { tagId, tagUpdate, type Value } from "../../src/tags/tag.ts";
import { Quality, type QualityCode } from "../../src/tags/quality.ts";
import {
  type OpcUaClientProcess,
  type ServiceAnswer,
  type ServiceParams,
  startOpcUaClient,
} from "../lib/opcua_client_process.ts";
import { startTestServer, testDevice, type TestServer, testTag } from "../lib/opcua_client_gateway.ts";
import { waitFor } from "../lib/wait_for.ts";

/*
 * Each test asks what the named client asks, in its order and with its parameters, as its documentation and its requests
 * on the wire show them. docs/opcua-clients.md tells people what comes of it.
 */

const DEV = "0102030405060708";
const MANY = 2500;
const temperature = `ns=2;s=${DEV}/temperature`;
const level = `ns=2;s=${DEV}/level`;

/** A server with one client in another process, as the product named `name` would find it. */
async function scene(): Promise<
  AsyncDisposable & {
    readonly server: TestServer;
    readonly client: OpcUaClientProcess;
    set(name: string, value: Value, quality?: QualityCode): void;
    ask(id: number, service: string, fields: ServiceParams["fields"]): Promise<ServiceAnswer>;
    /** Publishes until `done` says that enough came, and answers all data changes by client handle. */
    publish(id: number, done: (changes: readonly Change[]) => boolean): Promise<Change[]>;
  }
> {
  await using undo = new AsyncDisposableStack();
  const server = undo.use(
    await startTestServer({
      devices: [testDevice(DEV, "Tank 1")],
      tags: [
        testTag(DEV, "temperature", { unit: "CEL", range: { low: -40, high: 85 } }),
        testTag(DEV, "level", { unit: "P1", range: { low: 0, high: 100 } }),
        testTag(DEV, "open", { type: "Bool", dataType: "Boolean" }),
        ...Array.from({ length: MANY }, (_, i) => testTag(DEV, `point ${i}`)),
      ],
    }),
  );
  const client = undo.use(await startOpcUaClient());
  const kept = undo.move();
  let timeUs = 0;
  const set = (name: string, value: Value, quality: QualityCode = Quality.Good) => {
    const tag = server.tags.get(tagId(DEV, name));
    ok(tag);
    timeUs = Math.max(Date.now() * 1000, timeUs + 1000);
    server.tags.update([tagUpdate(tag, value, timeUs, quality)]);
  };
  const ask = (id: number, service: string, fields: ServiceParams["fields"]) =>
    client.call<ServiceAnswer>("service", { id, service, fields });
  set("temperature", 21.5);
  set("level", 40);
  set("open", false);
  return {
    server,
    client,
    set,
    ask,
    async publish(id, done) {
      const changes: Change[] = [];
      let acknowledge: object[] = [];
      while (!done(changes)) {
        const answer = await ask(id, "Publish", { subscriptionAcknowledgements: acknowledge });
        strictEqual(answer.responseHeader.serviceResult, "Good");
        const { sequenceNumber, notificationData } = answer.notificationMessage;
        const data = notificationData ?? [];
        acknowledge = data.length === 0 ? [] : [{ subscriptionId: answer.subscriptionId, sequenceNumber }];
        for (const { monitoredItems } of data) {
          for (const { clientHandle, value } of monitoredItems ?? []) changes.push({ handle: clientHandle, ...value });
        }
      }
      return changes;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

interface Change {
  readonly handle: number;
  readonly value: { readonly dataType: number; readonly value: unknown };
  readonly status: string;
  readonly source: number;
  readonly server: number;
}

const values = (changes: readonly Change[], handle: number) =>
  changes.filter((change) => change.handle === handle).map(({ value }) => value.value);

function item(nodeId: string, clientHandle: number, parameters: Record<string, unknown>) {
  return {
    itemToMonitor: { nodeId, attributeId: 13 },
    monitoringMode: 2,
    requestedParameters: { clientHandle, discardOldest: true, ...parameters },
  };
}

Deno.test("UaExpert: finds the server, browses by pages, shows every attribute, watches in its data view", async () => {
  await using at = await scene();
  const { client, server, ask } = at;
  const endpoints = await client.call<{ url: string; policy: string }[]>("endpoints", {
    url: server.url,
    pki: client.pki,
  });
  ok(endpoints.some(({ policy }) => policy === "Aes256_Sha256_RsaPss"));
  const id = await client.connect(server.url, { policy: "Aes256_Sha256_RsaPss" });

  // the address space window: both directions, everything about the target, pages of 1000
  const seen = new Set<string>();
  let page = (await ask(id, "Browse", {
    requestedMaxReferencesPerNode: 1000,
    nodesToBrowse: [{
      nodeId: `ns=2;s=${DEV}`,
      browseDirection: 0,
      referenceTypeId: "i=33",
      includeSubtypes: true,
      resultMask: 63,
    }],
  })).results[0];
  let pages = 1;
  while (true) {
    strictEqual(page.statusCode, "Good");
    for (const { nodeId } of page.references) {
      ok(!seen.has(nodeId), `${nodeId} came twice`);
      seen.add(nodeId);
    }
    if (page.continuationPoint === null) break;
    page = (await ask(id, "BrowseNext", { continuationPoints: [page.continuationPoint] })).results[0];
    pages++;
  }
  ok(pages >= 3, `${pages} pages`);
  ok(seen.has(temperature) && seen.has(`ns=2;s=${DEV}/point ${MANY - 1}`));

  // the attribute window: 1 to 27 in one call; what the node class lacks is BadAttributeIdInvalid, not a fault
  const attributes = await ask(id, "Read", {
    timestampsToReturn: 2,
    nodesToRead: Array.from({ length: 27 }, (_, i) => ({ nodeId: temperature, attributeId: i + 1 })),
  });
  const byId = new Map<number, { status: string; value: { value: unknown } | null }>(
    attributes.results.map((result: never, i: number) => [i + 1, result]),
  );
  for (const must of [1, 2, 3, 4, 13, 14, 15, 17, 18, 20]) strictEqual(byId.get(must)?.status, "Good", String(must));
  strictEqual(byId.get(12)?.status, "BadAttributeIdInvalid");
  strictEqual(byId.get(19)?.value?.value, 0, "MinimumSamplingInterval");
  // RolePermissions, 24, is for administrators
  byId.delete(24);
  const odd = [...byId].filter(([, { status }]) => status !== "Good" && status !== "BadAttributeIdInvalid");
  deepStrictEqual(odd.map(([attribute, { status }]) => [attribute, status]), []);

  // the data access view
  const { subscriptionId } = await ask(id, "CreateSubscription", {
    requestedPublishingInterval: 500,
    requestedLifetimeCount: 2400,
    requestedMaxKeepAliveCount: 10,
    publishingEnabled: true,
  });
  const created = await ask(id, "CreateMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToCreate: [item(temperature, 1, { samplingInterval: 250, queueSize: 1 })],
  });
  deepStrictEqual(
    [created.results[0].statusCode, created.results[0].revisedSamplingInterval, created.results[0].revisedQueueSize],
    ["Good", 250, 1],
  );
  deepStrictEqual(values(await at.publish(id, (all) => all.length > 0), 1), [21.5]);
  // no filter was asked for, and a value that grows old is told all the same
  at.set("temperature", null, Quality.BadDecodingError);
  const [stale] = await at.publish(id, (all) => all.length > 0);
  strictEqual(stale?.status, "BadDecodingError");
});

Deno.test("Ignition: subscribes at the tag group's rate, trusts source times, and takes its subscription over after a broken line", async () => {
  await using at = await scene();
  const { client, server, ask } = at;
  const first = await client.connect(server.url, { sessionTimeoutMs: 120_000 });
  // its keep-alive
  const state = await ask(first, "Read", {
    timestampsToReturn: 2,
    nodesToRead: [{ nodeId: "i=2259", attributeId: 13 }],
  });
  strictEqual(state.results[0].value.value, 0, "Running");

  const { subscriptionId, revisedLifetimeCount } = await ask(first, "CreateSubscription", {
    requestedPublishingInterval: 100,
    requestedLifetimeCount: 600,
    requestedMaxKeepAliveCount: 50,
    publishingEnabled: true,
  });
  ok(revisedLifetimeCount >= 3 * 50, "it must outlive a reconnection");
  const filter = { $type: "DataChangeFilter", trigger: 1, deadbandType: 0, deadbandValue: 0 };
  await ask(first, "CreateMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToCreate: [
      item(temperature, 1, { samplingInterval: 100, queueSize: 1, filter }),
      item(level, 2, { samplingInterval: 100, queueSize: 1, filter }),
    ],
  });
  const begun = await at.publish(first, (all) => all.length >= 2);
  deepStrictEqual([values(begun, 1), values(begun, 2)], [[21.5], [40]]);
  for (const { source, server } of begun) ok(source > 0 && server > 0, "both times come along");

  // the line breaks; a new session takes the subscription over and asks for the values once more
  at.set("level", 41);
  await client.call("drop", { id: first });
  const second = await client.connect(server.url, { sessionTimeoutMs: 120_000 });
  const moved = await ask(second, "TransferSubscriptions", {
    subscriptionIds: [subscriptionId],
    sendInitialValues: true,
  });
  strictEqual(moved.results[0].statusCode, "Good");
  // the last value that was sampled, and the newer one with the next sample
  const again = await at.publish(second, (all) => values(all, 1).length > 0 && values(all, 2).includes(41));
  strictEqual(values(again, 1).at(-1), 21.5, "unchanged, and told again");
  at.set("temperature", 22);
  deepStrictEqual(values(await at.publish(second, (all) => values(all, 1).includes(22)), 1).at(-1), 22);

  // a subscription that is not there any more must be told apart from one that is
  const gone = await ask(second, "TransferSubscriptions", { subscriptionIds: [4_000_000], sendInitialValues: true });
  strictEqual(gone.results[0].statusCode, "BadSubscriptionIdInvalid");
});

Deno.test("FUXA: browses three kinds of references at once, watches with a queue of one and without a filter", async () => {
  await using at = await scene();
  const { client, server, ask } = at;
  const id = await client.connect(server.url);
  const browsed = await ask(id, "Browse", {
    requestedMaxReferencesPerNode: 0,
    nodesToBrowse: ["i=35", "i=44", "i=45"].map((referenceTypeId) => ({
      nodeId: "ns=2;s=plant",
      referenceTypeId,
      includeSubtypes: true,
      browseDirection: 0,
      resultMask: 63,
    })),
  });
  deepStrictEqual(browsed.results.map(({ statusCode }: { statusCode: string }) => statusCode), [
    "Good",
    "Good",
    "Good",
  ]);
  const names = browsed.results.flatMap(({ references }: { references: { displayName: { text: string } }[] | null }) =>
    (references ?? []).map(({ displayName }) => displayName.text)
  );
  ok(names.includes("Tank 1"), String(names));
  const attributes = await ask(id, "Read", {
    timestampsToReturn: 0,
    nodesToRead: [14, 17, 18].map((attributeId) => ({ nodeId: temperature, attributeId })),
  });
  strictEqual(attributes.results[0].value.value, "ns=0;i=11", "Double");
  const { subscriptionId } = await ask(id, "CreateSubscription", {
    requestedPublishingInterval: 500,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 12,
    maxNotificationsPerPublish: 100,
    publishingEnabled: true,
    priority: 10,
  });
  // all its tags in one go: more notifications than one publish may hold
  const nodes = Array.from({ length: 250 }, (_, i) => `ns=2;s=${DEV}/point ${i}`);
  nodes.forEach((_, i) => at.set(`point ${i}`, i));
  await ask(id, "CreateMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToCreate: nodes.map((node, i) => item(node, i, { samplingInterval: 1000, queueSize: 1 })),
  });
  const all = await at.publish(id, (changes) => changes.length >= nodes.length);
  deepStrictEqual(
    all.map(({ value }) => value.value),
    nodes.map((_, i) => i),
    "each once, in order, over three answers",
  );
});

Deno.test("KEPServerEX: registers what it reads, reads 512 at a time, and narrows changes by deadbands", async () => {
  await using at = await scene();
  const { client, server, ask } = at;
  const id = await client.connect(server.url);
  const nodes = Array.from({ length: 512 }, (_, i) => `ns=2;s=${DEV}/point ${i}`);
  nodes.forEach((_, i) => at.set(`point ${i}`, i * 2));
  const { registeredNodeIds } = await ask(id, "RegisterNodes", { nodesToRegister: nodes });
  strictEqual(registeredNodeIds.length, 512);
  const read = await ask(id, "Read", {
    maxAge: 0,
    timestampsToReturn: 2,
    nodesToRead: registeredNodeIds.map((nodeId: string) => ({ nodeId, attributeId: 13 })),
  });
  deepStrictEqual(read.results.map((one: Change) => one.value.value), nodes.map((_, i) => i * 2));
  strictEqual(
    (await ask(id, "UnregisterNodes", { nodesToUnregister: registeredNodeIds })).responseHeader.serviceResult,
    "Good",
  );

  const { subscriptionId } = await ask(id, "CreateSubscription", {
    requestedPublishingInterval: 100,
    requestedLifetimeCount: 60,
    requestedMaxKeepAliveCount: 5,
    publishingEnabled: true,
  });
  const deadband = (deadbandType: number, deadbandValue: number) => ({
    filter: { $type: "DataChangeFilter", trigger: 1, deadbandType, deadbandValue },
  });
  const created = await ask(id, "CreateMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToCreate: [
      item(temperature, 1, { samplingInterval: 0, queueSize: 50, ...deadband(1, 0.5) }),
      // of the range 0 to 100
      item(level, 2, { samplingInterval: 0, queueSize: 50, ...deadband(2, 10) }),
      // there is no range to take a percentage of
      item(`${`ns=2;s=${DEV}`}/point 1`, 3, { samplingInterval: 0, queueSize: 50, ...deadband(2, 10) }),
    ],
  });
  deepStrictEqual(created.results.slice(0, 2).map((one: { statusCode: string }) => one.statusCode), ["Good", "Good"]);
  ok(/^Bad/.test(created.results[2].statusCode), created.results[2].statusCode);
  await at.publish(id, (all) => all.length >= 2);
  for (const value of [21.6, 21.9, 22.1, 22.3, 22.7]) at.set("temperature", value);
  for (const value of [45, 49, 51, 60, 62]) at.set("level", value);
  const changes = await at.publish(id, (all) => values(all, 1).includes(22.7) && values(all, 2).includes(62));
  deepStrictEqual([values(changes, 1), values(changes, 2)], [[22.1, 22.7], [51, 62]]);
});

Deno.test("Node-RED: resolves paths, watches with a queue of ten, and hears of every change at sampling 0", async () => {
  await using at = await scene();
  const { client, server, ask } = at;
  const id = await client.connect(server.url);
  const path = (...names: [number, string][]) => ({
    startingNode: "i=85",
    relativePath: {
      elements: names.map(([namespaceIndex, name]) => ({
        referenceTypeId: "i=33",
        isInverse: false,
        includeSubtypes: true,
        targetName: { namespaceIndex, name },
      })),
    },
  });
  const translated = await ask(id, "TranslateBrowsePathsToNodeIds", {
    browsePaths: [
      path([2, "Plant"], [2, "Tank 1"], [2, "temperature"]),
      path([2, "Plant"], [2, "Tank 1"], [2, "temperature"], [0, "EngineeringUnits"]),
      path([2, "Plant"], [2, "Tank 9"]),
    ],
  });
  deepStrictEqual(
    translated.results.map((one: { statusCode: string; targets: { targetId: string }[] | null }) => [
      one.statusCode,
      one.targets?.[0]?.targetId ?? null,
    ]),
    [["Good", temperature], ["Good", `${temperature}/$EngineeringUnits`], ["BadNoMatch", null]],
  );
  const { subscriptionId } = await ask(id, "CreateSubscription", {
    requestedPublishingInterval: 100,
    requestedLifetimeCount: 100,
    requestedMaxKeepAliveCount: 20,
    publishingEnabled: true,
    priority: 128,
  });
  const created = await ask(id, "CreateMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToCreate: [item(temperature, 1, { samplingInterval: 0, queueSize: 10 })],
  });
  strictEqual(created.results[0].revisedSamplingInterval, 0);
  await at.publish(id, (all) => all.length > 0);
  for (let i = 1; i <= 8; i++) at.set("temperature", 20 + i);
  deepStrictEqual(
    values(await at.publish(id, (all) => all.length >= 8), 1),
    [21, 22, 23, 24, 25, 26, 27, 28],
    "nothing between two publishing intervals is lost",
  );
  // more than the queue holds: the newest stay, and the first of them says that something is missing
  for (let i = 1; i <= 15; i++) at.set("temperature", 40 + i);
  const overflown = await at.publish(id, (all) => values(all, 1).includes(55));
  deepStrictEqual(values(overflown, 1), [46, 47, 48, 49, 50, 51, 52, 53, 54, 55]);
});

Deno.test("every client: a value that does not change is told again when the client asks for it", async () => {
  await using at = await scene();
  const { client, server, ask } = at;
  const id = await client.connect(server.url);
  const { subscriptionId } = await ask(id, "CreateSubscription", {
    requestedPublishingInterval: 100,
    requestedLifetimeCount: 100,
    requestedMaxKeepAliveCount: 20,
    publishingEnabled: true,
  });
  await ask(id, "CreateMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToCreate: [item(temperature, 1, { samplingInterval: 250, queueSize: 1 })],
  });
  await at.publish(id, (all) => all.length > 0);
  const called = await ask(id, "Call", {
    methodsToCall: [{
      objectId: "i=2253",
      methodId: "i=12873",
      inputArguments: [{ $type: "Variant", dataType: 7, value: subscriptionId }],
    }],
  });
  strictEqual(called.results[0].statusCode, "Good");
  deepStrictEqual(values(await at.publish(id, (all) => all.length > 0), 1), [21.5]);
  await waitFor("nothing more to be open", () => server.handle.status().subscriptions === 1);
});
