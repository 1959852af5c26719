import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { sessionRequests } from "./session_services.ts";
import { suite } from "./suite.ts";
import { item, type Notified, notifiedIn, type Subscribed, subscribed } from "./subscribed.ts";
import { nodes } from "./world.ts";

const OVERFLOW = 0x480;
const BAD = 0x808c0000;
const plain = (values: readonly Notified[]) => values.map(({ value }) => value.value?.value);
const filter = (trigger: number, deadbandType = 0, deadbandValue = 0) => ({
  filter: { $type: "DataChangeFilter", trigger, deadbandType, deadbandValue },
});
const eventFilter = {
  filter: {
    $type: "EventFilter",
    selectClauses: [{ typeDefinitionId: "i=2041", browsePath: [{ name: "EventId" }], attributeId: 13 }],
    whereClause: { elements: [] },
  },
};

/** Takes the first values of items, which every item reports at once. */
async function started(subscription: Subscribed, ...items: readonly (Record<string, unknown> | string)[]) {
  const created = await subscription.items(...items);
  for (const { statusCode } of created) strictEqual(statusCode, "Good");
  await subscription.values(created.length);
  return created;
}

/** Creating, changing and deleting monitored items, and what they report (OPC 10000-4 §5.13). */
export const monitoredItems = suite("Monitored Item Services", {}, (conformance) => {
  conformance(
    "Monitor Basic",
    "an item is created with an id and reports its value at once",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await subscription.items(nodes.counter);
        ok(created && created.monitoredItemId > 0);
        deepStrictEqual(plain(await subscription.values(1)), [7]);
      }),
  );
  const bad: readonly (readonly [string, Record<string, unknown>, readonly string[]])[] = [
    ["an unknown node", item("ns=2;s=nothing"), ["BadNodeIdUnknown"]],
    ["an attribute that the node has not", item(nodes.counter, {}, { attributeId: 12 }), ["BadAttributeIdInvalid"]],
    ["an index range that is none", item(nodes.counter, {}, { indexRange: "2:1" }), ["BadIndexRangeInvalid"]],
    ["an encoding that is none", item(nodes.counter, {}, { dataEncoding: { name: "nonsense" } }), [
      "BadDataEncodingInvalid",
      "BadDataEncodingUnsupported",
    ]],
    ["a data change filter for another attribute", item(nodes.counter, filter(1), { attributeId: 4 }), [
      "BadFilterNotAllowed",
    ]],
    ["an event filter for a value", item(nodes.counter, eventFilter), [
      "BadFilterNotAllowed",
      "BadMonitoredItemFilterInvalid",
    ]],
    ["a data change filter for events", item("i=2253", filter(1), { attributeId: 12 }), ["BadFilterNotAllowed"]],
  ];
  for (const [what, wanted, statuses] of bad) {
    conformance(
      "Monitor Basic",
      `${what} is ${statuses.join(" or ")}, its neighbour created`,
      (world) =>
        subscribed(world, async (subscription) => {
          const [refused, good] = await subscription.items(wanted, nodes.counter);
          ok(statuses.includes(refused?.statusCode ?? ""), refused?.statusCode);
          strictEqual(good?.statusCode, "Good");
        }),
    );
  }
  conformance(
    "Monitor Basic",
    "a timestampsToReturn that is none is BadTimestampsToReturnInvalid",
    (world) =>
      subscribed(world, async ({ fault }) => {
        const itemsToCreate = [item(nodes.counter)];
        strictEqual(
          await fault("CreateMonitoredItems", { itemsToCreate }, { timestampsToReturn: 9 }),
          "BadTimestampsToReturnInvalid",
        );
      }),
  );
  conformance(
    "Monitor Basic",
    "a monitoring mode that is none is BadMonitoringModeInvalid",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await started(subscription, nodes.counter);
        const fields = { monitoredItemIds: [created?.monitoredItemId] };
        strictEqual(
          await subscription.fault("SetMonitoringMode", fields, { monitoringMode: 7 }),
          "BadMonitoringModeInvalid",
        );
      }),
  );
  for (
    const service of [
      "CreateMonitoredItems",
      "ModifyMonitoredItems",
      "DeleteMonitoredItems",
      "SetMonitoringMode",
      "SetTriggering",
    ]
  ) {
    conformance("Monitor Basic", `${service} of an unknown subscription is BadSubscriptionIdInvalid`, async (world) => {
      const fields = {
        subscriptionId: 999_999,
        itemsToCreate: [item(nodes.counter)],
        itemsToModify: [{ monitoredItemId: 1 }],
        monitoredItemIds: [1],
        triggeringItemId: 1,
        linksToAdd: [1],
      };
      const wanted = Object.keys(sessionRequests[service] ?? {});
      const chosen = Object.fromEntries(Object.entries(fields).filter(([key]) => wanted.includes(key)));
      strictEqual(await world.fault(service, chosen), "BadSubscriptionIdInvalid");
    });
  }
  for (const service of ["ModifyMonitoredItems", "DeleteMonitoredItems", "SetMonitoringMode"]) {
    conformance(
      "Monitor Basic",
      `${service} of an unknown item is BadMonitoredItemIdInvalid, its neighbour done`,
      (world) =>
        subscribed(world, async (subscription) => {
          const [created] = await started(subscription, nodes.counter);
          const ids = [999_999, created?.monitoredItemId];
          const { results } = await subscription.call(
            service,
            service === "ModifyMonitoredItems"
              ? {
                itemsToModify: ids.map((monitoredItemId) => ({
                  monitoredItemId,
                  requestedParameters: { samplingInterval: 0 },
                })),
              }
              : { monitoredItemIds: ids },
          );
          const statuses = results.map((result: string | { statusCode: string }) =>
            typeof result === "string" ? result : result.statusCode
          );
          deepStrictEqual(statuses, ["BadMonitoredItemIdInvalid", "Good"]);
        }),
    );
  }
  for (
    const [mode, name, reports] of [[0, "Disabled", false], [1, "Sampling", false], [2, "Reporting", true]] as const
  ) {
    conformance(
      "Monitor Basic",
      `an item in the mode ${name} ${reports ? "reports" : "reports nothing"}`,
      (world) =>
        subscribed(world, async (subscription) => {
          await subscription.items(item(nodes.counter, {}, { monitoringMode: mode }));
          if (reports) {
            await subscription.values(1);
          } else await subscription.nothing();
          world.set("counter", 8);
          if (reports) deepStrictEqual(plain(await subscription.values(1)), [8]);
          else await subscription.nothing();
          world.set("counter", 7);
        }),
    );
  }
  conformance(
    "Monitor Basic",
    "switched off and on again an item reports its value anew",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await started(subscription, nodes.counter);
        const monitoredItemIds = [created?.monitoredItemId];
        await subscription.call("SetMonitoringMode", { monitoringMode: 0, monitoredItemIds });
        world.set("counter", 9);
        await subscription.nothing();
        await subscription.call("SetMonitoringMode", { monitoringMode: 2, monitoredItemIds });
        deepStrictEqual(plain(await subscription.values(1)), [9]);
        world.set("counter", 7);
      }),
  );
  conformance(
    "Monitor Basic",
    "from Sampling to Reporting an item reports what it has queued",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await subscription.items(item(nodes.counter, {}, { monitoringMode: 1 }));
        await subscription.nothing();
        world.set("counter", 10);
        world.set("counter", 11);
        await subscription.call("SetMonitoringMode", {
          monitoringMode: 2,
          monitoredItemIds: [created?.monitoredItemId],
        });
        strictEqual(plain(await subscription.values(3)).at(-1), 11);
        world.set("counter", 7);
      }),
  );
  conformance(
    "Monitor Basic",
    "a deleted item reports nothing more, and is gone",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await started(subscription, nodes.counter);
        const monitoredItemIds = [created?.monitoredItemId];
        deepStrictEqual((await subscription.call("DeleteMonitoredItems", { monitoredItemIds })).results, ["Good"]);
        world.set("counter", 12);
        await subscription.nothing();
        deepStrictEqual((await subscription.call("DeleteMonitoredItems", { monitoredItemIds })).results, [
          "BadMonitoredItemIdInvalid",
        ]);
        world.set("counter", 7);
      }),
  );
  conformance(
    "Monitor Basic",
    "a changed client handle comes with the next value",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await started(subscription, nodes.counter);
        const { results } = await subscription.call("ModifyMonitoredItems", {
          timestampsToReturn: 2,
          itemsToModify: [{
            monitoredItemId: created?.monitoredItemId,
            requestedParameters: { clientHandle: 4711, samplingInterval: 0, queueSize: 3, discardOldest: true },
          }],
        });
        deepStrictEqual([results[0].statusCode, results[0].revisedQueueSize], ["Good", 3]);
        world.set("counter", 13);
        const values = await subscription.values(1).catch(() => subscription.values(1));
        strictEqual(values.at(-1)?.clientHandle, 4711);
        world.set("counter", 7);
      }),
  );
  for (
    const [asked, test] of [
      [0, (revised: number) => revised === 0],
      [-1, (revised: number) => revised === 50],
      [250, (revised: number) => revised === 250],
      [1e12, (revised: number) => revised > 0 && revised <= 1e12],
    ] as const
  ) {
    conformance(
      "Monitor Basic",
      `a sampling interval of ${asked} ms is revised soundly`,
      (world) =>
        subscribed(world, async (subscription) => {
          const [created] = await subscription.items(item(nodes.counter, { samplingInterval: asked }));
          ok(test(created?.revisedSamplingInterval ?? -1), String(created?.revisedSamplingInterval));
        }),
    );
  }
  for (
    const [asked, low, high] of [[0, 1, 1], [1, 1, 1], [2, 2, 2], [5, 5, 5], [4_294_967_295, 5, 1_000_000]] as const
  ) {
    conformance(
      "Monitor Basic",
      `a queue size of ${asked} is revised to ${low === high ? low : "what the server holds"}`,
      (world) =>
        subscribed(world, async (subscription) => {
          const [created] = await subscription.items(item(nodes.counter, { queueSize: asked }));
          const revised = created?.revisedQueueSize ?? 0;
          ok(revised >= low && revised <= high, String(revised));
        }),
    );
  }
  for (
    const [name, timestampsToReturn, source, server] of [["Source", 0, true, false], ["Server", 1, false, true], [
      "Both",
      2,
      true,
      true,
    ], ["Neither", 3, false, false]] as const
  ) {
    conformance(
      "Monitor Basic",
      `values come with the time stamps that were asked for (${name})`,
      (world) =>
        subscribed(world, async (subscription) => {
          await subscription.call("CreateMonitoredItems", { timestampsToReturn, itemsToCreate: [item(nodes.counter)] });
          const [first] = await subscription.values(1);
          deepStrictEqual([first?.value.source !== null, first?.value.server !== null], [source, server]);
        }),
    );
  }
  for (
    const [name, attributeId] of [["BrowseName", 3], ["DisplayName", 4], ["DataType", 14], ["AccessLevel", 17]] as const
  ) {
    conformance(
      "Monitor Basic",
      `the attribute ${name} can be monitored`,
      (world) =>
        subscribed(world, async (subscription) => {
          await started(subscription, item(nodes.counter, {}, { attributeId }));
          await subscription.nothing();
        }),
    );
  }
  conformance(
    "Monitor Value Change",
    "each change is reported, in order",
    (world) =>
      subscribed(world, async (subscription) => {
        await started(subscription, nodes.temperature);
        for (const value of [22, 23, 24]) world.set("temperature", value);
        deepStrictEqual(plain(await subscription.values(3)), [22, 23, 24]);
      }),
  );
  conformance(
    "Monitor Value Change",
    "a change of status alone is reported",
    (world) =>
      subscribed(world, async (subscription) => {
        await started(subscription, nodes.temperature);
        world.set("temperature", 24, BAD);
        strictEqual((await subscription.values(1))[0]?.value.status, "BadSensorFailure");
        world.set("temperature", 24);
        strictEqual((await subscription.values(1))[0]?.value.status, "Good");
      }),
  );
  conformance(
    "Monitor Value Change",
    "the same value with a newer time is reported only with the trigger for times",
    (world) =>
      subscribed(world, async (subscription) => {
        world.set("temperature", 25);
        await started(subscription, item(nodes.temperature, filter(1)), item(nodes.temperature, filter(2)));
        world.set("temperature", 25);
        deepStrictEqual((await subscription.values(1)).map(({ clientHandle }) => clientHandle), [2]);
        await subscription.nothing();
      }),
  );
  conformance(
    "Monitor Value Change",
    "the trigger for the status leaves values unreported",
    (world) =>
      subscribed(world, async (subscription) => {
        await started(subscription, item(nodes.temperature, filter(0)));
        world.set("temperature", 26);
        await subscription.nothing();
        world.set("temperature", 26, BAD);
        strictEqual((await subscription.values(1))[0]?.value.status, "BadSensorFailure");
        world.set("temperature", 26);
        await subscription.values(1);
      }),
  );
  for (const trigger of [3, 9]) {
    conformance(
      "Monitor Value Change",
      `the trigger ${trigger} does not exist`,
      (world) =>
        subscribed(world, async (subscription) => {
          const answer = await subscription.call("CreateMonitoredItems", {
            timestampsToReturn: 2,
            itemsToCreate: [item(nodes.temperature, filter(1))],
          }, { "itemsToCreate.0.requestedParameters.filter.trigger": trigger });
          ok(
            ["BadMonitoredItemFilterInvalid", "BadMonitoredItemFilterUnsupported"].includes(
              answer.results?.[0].statusCode,
            ),
            answer.results?.[0].statusCode,
          );
        }),
    );
  }
  conformance(
    "Monitor QueueSize_1",
    "a queue of one keeps the newest value, and no overflow is told",
    (world) =>
      subscribed(world, async (subscription) => {
        await started(subscription, item(nodes.counter, { queueSize: 1 }));
        for (const value of [1, 2, 3]) world.set("counter", value);
        const values = await subscription.values(1);
        deepStrictEqual([plain(values), values[0]?.value.statusCode], [[3], 0]);
        world.set("counter", 7);
      }),
  );
  for (const [unit, size] of [["Monitor MinQueueSize_02", 2], ["Monitor MinQueueSize_05", 5]] as const) {
    const many = Array.from({ length: size + 3 }, (_, i) => 100 + i);
    conformance(
      unit,
      `a queue of ${size} holds ${size} values, in order`,
      (world) =>
        subscribed(world, async (subscription) => {
          await started(subscription, item(nodes.counter, { queueSize: size }));
          for (const value of many.slice(0, size)) world.set("counter", value);
          const values = await subscription.values(size);
          deepStrictEqual(plain(values), many.slice(0, size));
          deepStrictEqual(values.map(({ value }) => value.statusCode), Array(size).fill(0));
          world.set("counter", 7);
        }),
    );
    conformance(
      unit,
      `a queue of ${size} that overflows drops the oldest and marks the one then oldest`,
      (world) =>
        subscribed(world, async (subscription) => {
          await started(subscription, item(nodes.counter, { queueSize: size, discardOldest: true }));
          for (const value of many) world.set("counter", value);
          const values = await subscription.values(size);
          deepStrictEqual(plain(values), many.slice(-size));
          deepStrictEqual(values.map(({ value }) => value.statusCode), [OVERFLOW, ...Array(size - 1).fill(0)]);
          world.set("counter", 7);
        }),
    );
    conformance(
      unit,
      `a queue of ${size} that must keep the oldest replaces its newest and marks it`,
      (world) =>
        subscribed(world, async (subscription) => {
          await started(subscription, item(nodes.counter, { queueSize: size, discardOldest: false }));
          for (const value of many) world.set("counter", value);
          const values = await subscription.values(size);
          deepStrictEqual(plain(values), [...many.slice(0, size - 1), many.at(-1)]);
          deepStrictEqual(values.map(({ value }) => value.statusCode), [...Array(size - 1).fill(0), OVERFLOW]);
          world.set("counter", 7);
        }),
    );
  }
  for (
    const [unit, count] of [["Monitor Items 2", 2], ["Monitor Items 10", 10], ["Monitor Items 100", 100], [
      "Monitor Items 500",
      500,
    ]] as const
  ) {
    conformance(
      unit,
      `${count} items of one subscription each report`,
      (world) =>
        subscribed(world, async (subscription) => {
          const created = await subscription.items(...Array(count).fill(nodes.counter));
          strictEqual(new Set(created.map(({ monitoredItemId }) => monitoredItemId)).size, count);
          const values = await subscription.values(count);
          strictEqual(new Set(values.map(({ clientHandle }) => clientHandle)).size, count);
          const { results } = await subscription.call("DeleteMonitoredItems", {
            monitoredItemIds: created.map(({ monitoredItemId }) => monitoredItemId),
          });
          deepStrictEqual(results, Array(count).fill("Good"));
        }),
    );
  }
  conformance(
    "Monitored Items Deadband Filter",
    "an absolute deadband lets only larger changes through, against the last reported",
    (world) =>
      subscribed(world, async (subscription) => {
        world.set("temperature", 10);
        await started(subscription, item(nodes.temperature, filter(1, 1, 2)));
        world.set("temperature", 11.9);
        await subscription.nothing();
        world.set("temperature", 12.1);
        deepStrictEqual(plain(await subscription.values(1)), [12.1]);
        world.set("temperature", 10.2);
        await subscription.nothing();
        world.set("temperature", 10);
        deepStrictEqual(plain(await subscription.values(1)), [10]);
      }),
  );
  conformance(
    "Monitored Items Deadband Filter",
    "an absolute deadband of 0 reports each change",
    (world) =>
      subscribed(world, async (subscription) => {
        await started(subscription, item(nodes.temperature, filter(1, 1, 0)));
        world.set("temperature", 10.001);
        deepStrictEqual(plain(await subscription.values(1)), [10.001]);
      }),
  );
  conformance(
    "Monitored Items Deadband Filter",
    "a status passes every deadband",
    (world) =>
      subscribed(world, async (subscription) => {
        await started(subscription, item(nodes.temperature, filter(1, 1, 1000)));
        world.set("temperature", 10.001, BAD);
        strictEqual((await subscription.values(1))[0]?.value.status, "BadSensorFailure");
        world.set("temperature", 10);
        await subscription.values(1);
      }),
  );
  for (const [type, name] of [["label", "a String"], ["open", "a Boolean"]] as const) {
    conformance(
      "Monitored Items Deadband Filter",
      `an absolute deadband for ${name} is BadFilterNotAllowed`,
      (world) =>
        subscribed(world, async (subscription) => {
          const [created] = await subscription.items(item(nodes[type], filter(1, 1, 1)));
          strictEqual(created?.statusCode, "BadFilterNotAllowed");
        }),
    );
  }
  for (const value of [-1, -1e300]) {
    conformance(
      "Monitored Items Deadband Filter",
      `a deadband of ${value} is BadDeadbandFilterInvalid`,
      (world) =>
        subscribed(world, async (subscription) => {
          const [created] = await subscription.items(item(nodes.temperature, filter(1, 1, value)));
          strictEqual(created?.statusCode, "BadDeadbandFilterInvalid");
        }),
    );
  }
  conformance(
    "Monitored Items Deadband Filter",
    "a deadband type that does not exist is refused",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await subscription.items(item(nodes.temperature, filter(1, 7, 1)));
        ok(
          ["BadDeadbandFilterInvalid", "BadMonitoredItemFilterInvalid", "BadMonitoredItemFilterUnsupported"].includes(
            created?.statusCode ?? "",
          ),
          created?.statusCode,
        );
      }),
  );
  conformance(
    "Monitored Items Deadband Filter",
    "a deadband can be set and taken off later",
    (world) =>
      subscribed(world, async (subscription) => {
        world.set("temperature", 10);
        const [created] = await started(subscription, nodes.temperature);
        const change = (parameters: Record<string, unknown>) =>
          subscription.call("ModifyMonitoredItems", {
            timestampsToReturn: 2,
            itemsToModify: [{
              monitoredItemId: created?.monitoredItemId,
              requestedParameters: { clientHandle: 1, samplingInterval: 0, queueSize: 10, ...parameters },
            }],
          });
        strictEqual((await change(filter(1, 1, 5))).results[0].statusCode, "Good");
        await subscription.publish();
        world.set("temperature", 12);
        await subscription.nothing();
        strictEqual((await change({})).results[0].statusCode, "Good");
        await subscription.publish();
        world.set("temperature", 13);
        strictEqual(plain(await subscription.values(1))[0], 13);
      }),
  );
  conformance(
    "Data Access PercentDeadband",
    "a percent deadband counts in percent of the EURange",
    (world) =>
      subscribed(world, async (subscription) => {
        world.set("humidity", 50);
        await started(subscription, item(nodes.humidity, filter(1, 2, 10)));
        world.set("humidity", 59);
        await subscription.nothing();
        world.set("humidity", 61);
        deepStrictEqual(plain(await subscription.values(1)), [61]);
      }),
  );
  for (const value of [-1, 100.1, 1e9]) {
    conformance(
      "Data Access PercentDeadband",
      `a percent deadband of ${value} is BadDeadbandFilterInvalid`,
      (world) =>
        subscribed(world, async (subscription) => {
          const [created] = await subscription.items(item(nodes.humidity, filter(1, 2, value)));
          strictEqual(created?.statusCode, "BadDeadbandFilterInvalid");
        }),
    );
  }
  conformance(
    "Data Access PercentDeadband",
    "a percent deadband without an EURange is BadMonitoredItemFilterUnsupported",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await subscription.items(item(nodes.counter, filter(1, 2, 10)));
        ok(
          ["BadMonitoredItemFilterUnsupported", "BadFilterNotAllowed"].includes(created?.statusCode ?? ""),
          created?.statusCode,
        );
      }),
  );

  const linked = async (subscription: Subscribed, mode = 1) => {
    const [trigger, follower] = await subscription.items(
      item(nodes.temperature),
      item(nodes.humidity, {}, { monitoringMode: mode }),
    );
    await subscription.values(mode === 2 ? 2 : 1);
    return { triggeringItemId: trigger?.monitoredItemId, link: follower?.monitoredItemId };
  };
  conformance(
    "Monitor Triggering",
    "a sampling item is reported when its triggering item is",
    (world) =>
      subscribed(world, async (subscription) => {
        const { triggeringItemId, link } = await linked(subscription);
        const { addResults } = await subscription.call("SetTriggering", { triggeringItemId, linksToAdd: [link] });
        deepStrictEqual(addResults, ["Good"]);
        world.set("humidity", 33);
        await subscription.nothing();
        world.set("temperature", 33);
        const values = [...notifiedIn(await subscription.publish()), ...notifiedIn(await subscription.publish())];
        ok(values.some(({ clientHandle, value }) => clientHandle === 2 && value.value?.value === 33));
        ok(values.some(({ clientHandle }) => clientHandle === 1));
      }),
  );
  conformance(
    "Monitor Triggering",
    "a removed link reports nothing more",
    (world) =>
      subscribed(world, async (subscription) => {
        const { triggeringItemId, link } = await linked(subscription);
        await subscription.call("SetTriggering", { triggeringItemId, linksToAdd: [link] });
        const { removeResults } = await subscription.call("SetTriggering", { triggeringItemId, linksToRemove: [link] });
        deepStrictEqual(removeResults, ["Good"]);
        world.set("humidity", 34);
        world.set("temperature", 34);
        deepStrictEqual((await subscription.values(1)).map(({ clientHandle }) => clientHandle), [1]);
        await subscription.nothing();
      }),
  );
  conformance(
    "Monitor Triggering",
    "a disabled item is not reported even when it is triggered",
    (world) =>
      subscribed(world, async (subscription) => {
        const { triggeringItemId, link } = await linked(subscription, 0);
        await subscription.call("SetTriggering", { triggeringItemId, linksToAdd: [link] });
        world.set("humidity", 35);
        world.set("temperature", 35);
        deepStrictEqual((await subscription.values(1)).map(({ clientHandle }) => clientHandle), [1]);
        await subscription.nothing();
      }),
  );
  conformance(
    "Monitor Triggering",
    "a reporting item reports by itself, linked or not",
    (world) =>
      subscribed(world, async (subscription) => {
        const { triggeringItemId, link } = await linked(subscription, 2);
        await subscription.call("SetTriggering", { triggeringItemId, linksToAdd: [link] });
        world.set("humidity", 36);
        deepStrictEqual((await subscription.values(1)).map(({ clientHandle }) => clientHandle), [2]);
      }),
  );
  conformance(
    "Monitor Triggering",
    "an unknown triggering item is BadMonitoredItemIdInvalid",
    (world) =>
      subscribed(world, async (subscription) => {
        const { link } = await linked(subscription);
        strictEqual(
          await subscription.fault("SetTriggering", { triggeringItemId: 999_999, linksToAdd: [link] }),
          "BadMonitoredItemIdInvalid",
        );
      }),
  );
  conformance(
    "Monitor Triggering",
    "an unknown link is BadMonitoredItemIdInvalid, its neighbour linked",
    (world) =>
      subscribed(world, async (subscription) => {
        const { triggeringItemId, link } = await linked(subscription);
        const { addResults } = await subscription.call("SetTriggering", {
          triggeringItemId,
          linksToAdd: [999_999, link],
        });
        deepStrictEqual(addResults, ["BadMonitoredItemIdInvalid", "Good"]);
      }),
  );
  conformance(
    "Monitor Triggering",
    "a link that was never made is BadMonitoredItemIdInvalid when removed",
    (world) =>
      subscribed(world, async (subscription) => {
        const { triggeringItemId, link } = await linked(subscription);
        const { removeResults } = await subscription.call("SetTriggering", { triggeringItemId, linksToRemove: [link] });
        deepStrictEqual(removeResults, ["BadMonitoredItemIdInvalid"]);
      }),
  );
  conformance(
    "Monitor Triggering",
    "deleting the triggering item leaves the linked one in place",
    (world) =>
      subscribed(world, async (subscription) => {
        const { triggeringItemId, link } = await linked(subscription);
        await subscription.call("SetTriggering", { triggeringItemId, linksToAdd: [link] });
        await subscription.call("DeleteMonitoredItems", { monitoredItemIds: [triggeringItemId] });
        const { results } = await subscription.call("SetMonitoringMode", {
          monitoringMode: 2,
          monitoredItemIds: [link],
        });
        deepStrictEqual(results, ["Good"]);
      }),
  );
  conformance(
    "Monitor Basic",
    "an index range of a String is monitored",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(item(nodes.label, {}, { indexRange: "0:1" }));
        deepStrictEqual(plain(await subscription.values(1)), ["ab"]);
      }),
  );
  conformance(
    "Monitor Basic",
    "two items of one node are two items",
    (world) =>
      subscribed(world, async (subscription) => {
        const [one, two] = await started(subscription, nodes.counter, nodes.counter);
        notStrictEqual(one?.monitoredItemId, two?.monitoredItemId);
        world.set("counter", 14);
        deepStrictEqual(plain(await subscription.values(2)), [14, 14]);
        world.set("counter", 7);
      }),
  );
});
