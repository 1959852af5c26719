import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { suite } from "./suite.ts";
import { item, notifiedIn, subscribed } from "./subscribed.ts";
import { nodes, type World } from "./world.ts";

const SERVER = "i=2253";
const GET_ITEMS = "i=11492";
const RESEND = "i=12873";

interface CallResult {
  readonly statusCode: string;
  readonly inputArgumentResults: readonly string[] | null;
  readonly outputArguments:
    | readonly { readonly dataType: number; readonly array: boolean; readonly value: unknown }[]
    | null;
}

const uint32 = (value: number) => ({ dataType: 7, value });

async function callMethod(
  world: World,
  objectId: string,
  methodId: string,
  inputArguments: readonly unknown[],
  id?: number,
): Promise<CallResult> {
  const answer = await world.call(
    "Call",
    { methodsToCall: [{ objectId, methodId, inputArguments }] },
    id === undefined ? {} : { id },
  );
  strictEqual(answer.responseHeader.serviceResult, "Good");
  return answer.results[0] as CallResult;
}

/** Call (OPC 10000-4 §5.12) and the methods of the Server object (OPC 10000-5 §9.1, §9.2). */
export const methodServices = suite("Method Services", {}, (conformance) => {
  const bad: readonly (readonly [string, string, string, readonly unknown[], readonly string[]])[] = [
    ["an unknown object", "ns=2;s=nothing", GET_ITEMS, [uint32(1)], ["BadNodeIdUnknown"]],
    ["an unknown method", SERVER, "ns=2;s=nothing", [], ["BadMethodInvalid", "BadNodeIdUnknown"]],
    ["a node that is no method", SERVER, "i=2259", [], ["BadMethodInvalid"]],
    ["a method of another object", nodes.device, GET_ITEMS, [uint32(1)], ["BadMethodInvalid"]],
    ["too few arguments", SERVER, GET_ITEMS, [], ["BadArgumentsMissing"]],
    ["too many arguments", SERVER, GET_ITEMS, [uint32(1), uint32(2)], ["BadTooManyArguments"]],
    ["an argument of another type", SERVER, GET_ITEMS, [{ dataType: 12, value: "one" }], ["BadInvalidArgument"]],
    ["an array for a scalar", SERVER, GET_ITEMS, [{ dataType: 7, arrayType: 1, value: [1, 2] }], [
      "BadInvalidArgument",
    ]],
    ["an unknown subscription", SERVER, GET_ITEMS, [uint32(999_999)], ["BadSubscriptionIdInvalid"]],
    ["an unknown subscription for ResendData", SERVER, RESEND, [uint32(999_999)], ["BadSubscriptionIdInvalid"]],
    ["too few arguments for ResendData", SERVER, RESEND, [], ["BadArgumentsMissing"]],
    ["too many arguments for ResendData", SERVER, RESEND, [uint32(1), uint32(2)], ["BadTooManyArguments"]],
  ];
  for (const [what, object, method, input, statuses] of bad) {
    conformance("Method Call", `${what} is ${statuses.join(" or ")}`, async (world) => {
      const result = await callMethod(world, object, method, input);
      ok(statuses.includes(result.statusCode), result.statusCode);
      strictEqual(result.outputArguments?.length ?? 0, 0);
    });
  }
  conformance("Method Call", "of several arguments' results the wrong one says BadTypeMismatch", async (world) => {
    const result = await callMethod(world, SERVER, GET_ITEMS, [{ dataType: 12, value: "one" }]);
    deepStrictEqual(result.inputArgumentResults, ["BadTypeMismatch"]);
  });
  conformance("Method Call", "a bad call does not fail its neighbours", (world) =>
    subscribed(world, async ({ id }) => {
      const { results } = await world.call("Call", {
        methodsToCall: [
          { objectId: SERVER, methodId: GET_ITEMS, inputArguments: [] },
          { objectId: SERVER, methodId: GET_ITEMS, inputArguments: [uint32(id)] },
        ],
      });
      deepStrictEqual(results.map(({ statusCode }: CallResult) => statusCode), ["BadArgumentsMissing", "Good"]);
    }));
  conformance("Method Call", "methods describe their arguments", async (world) => {
    const { results } = await world.call("TranslateBrowsePathsToNodeIds", {
      browsePaths: ["InputArguments", "OutputArguments"].map((name) => ({
        startingNode: GET_ITEMS,
        relativePath: { elements: [{ referenceTypeId: "i=46", includeSubtypes: true, targetName: { name } }] },
      })),
    });
    const found = results.map(({ targets }: { targets: { targetId: string }[] }) => targets[0]?.targetId);
    const read = await world.call("Read", {
      nodesToRead: found.map((nodeId: string) => ({ nodeId, attributeId: 13 })),
    });
    deepStrictEqual(
      read.results.map((result: { value: { value: { name: string }[] } }) =>
        result.value.value.map(({ name }) => name)
      ),
      [["SubscriptionId"], ["ServerHandles", "ClientHandles"]],
    );
  });
  conformance(
    "Base Info GetMonitoredItems Method",
    "gives the handles of both sides, item by item",
    (world) =>
      subscribed(world, async (subscription) => {
        const created = await subscription.items(
          item(nodes.counter, { clientHandle: 71 }),
          item(nodes.label, { clientHandle: 72 }),
        );
        const { statusCode, outputArguments } = await callMethod(world, SERVER, GET_ITEMS, [uint32(subscription.id)]);
        strictEqual(statusCode, "Good");
        const [servers, clients] = (outputArguments ?? []).map(({ value }) => value as number[]);
        const pairs = (servers ?? []).map((server, i) => [server, clients?.[i]]);
        deepStrictEqual(
          new Map(pairs as [number, number][]),
          new Map(created.map(({ monitoredItemId }, i) => [monitoredItemId, 71 + i])),
        );
      }),
  );
  conformance(
    "Base Info GetMonitoredItems Method",
    "gives empty lists for a subscription without items",
    (world) =>
      subscribed(world, async ({ id }) => {
        const { outputArguments } = await callMethod(world, SERVER, GET_ITEMS, [uint32(id)]);
        deepStrictEqual(
          (outputArguments ?? []).map(({ value, array }) => [array, (value as unknown[] | null)?.length ?? 0]),
          [[true, 0], [true, 0]],
        );
      }),
  );
  for (
    const [name, unit, method] of [["GetMonitoredItems", "Base Info GetMonitoredItems Method", GET_ITEMS], [
      "ResendData",
      "Base Info ResendData Method",
      RESEND,
    ]] as const
  ) {
    conformance(
      unit,
      `${name} of another session's subscription is BadUserAccessDenied`,
      (world) =>
        subscribed(world, async ({ id }) => {
          const other = await world.connect();
          strictEqual((await callMethod(world, SERVER, method, [uint32(id)], other)).statusCode, "BadUserAccessDenied");
          await world.client.call("close", { id: other });
        }),
    );
  }
  conformance(
    "Base Info ResendData Method",
    "sends the last value of each reporting item again",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(nodes.counter, nodes.label);
        await subscription.values(2);
        await subscription.nothing();
        strictEqual((await callMethod(world, SERVER, RESEND, [uint32(subscription.id)])).statusCode, "Good");
        deepStrictEqual((await subscription.values(2)).map(({ value }) => value.value?.value).sort(), [7, "abcdef"]);
        await subscription.nothing();
      }),
  );
  conformance(
    "Base Info ResendData Method",
    "leaves items out that do not report",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(
          nodes.counter,
          item(nodes.label, {}, { monitoringMode: 1 }),
          item(nodes.open, {}, { monitoringMode: 0 }),
        );
        await subscription.values(1);
        await callMethod(world, SERVER, RESEND, [uint32(subscription.id)]);
        deepStrictEqual((await subscription.values(1)).map(({ clientHandle }) => clientHandle), [1]);
        await subscription.nothing();
      }),
  );
  conformance(
    "Base Info ResendData Method",
    "sends values that wait in the queue before the last",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(nodes.counter);
        await subscription.values(1);
        await subscription.call("SetPublishingMode", { publishingEnabled: false, subscriptionIds: [subscription.id] });
        world.set("counter", 81);
        await callMethod(world, SERVER, RESEND, [uint32(subscription.id)]);
        await subscription.call("SetPublishingMode", { publishingEnabled: true, subscriptionIds: [subscription.id] });
        const values = notifiedIn(await subscription.publish()).map(({ value }) => value.value?.value);
        ok(values.length >= 1 && values.every((value) => value === 81), String(values));
        world.set("counter", 7);
      }),
  );
});
