import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { item, notifiedIn, type Subscribed, subscribed } from "../conformance/subscribed.ts";
import type { World } from "../conformance/world.ts";
import { Quality } from "../../src/tags/quality.ts";
import { tagId, tagUpdate } from "../../src/tags/tag.ts";
import { type ServiceAnswer, startOpcUaClient } from "../lib/opcua_client_process.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";

const DEV = "0102030405060708";
const node = (name: string) => `ns=2;s=${DEV}/${name}`;
const BAD_NODE = "BadNodeIdUnknown";
/** Bit of a status code (OPC 10000-4 §7.39.1). */
const SEMANTICS_CHANGED = 0x4000;

/** A server whose clock the test owns, a client in a process of its own, and a way to set values. */
async function withItems(test: (bench: Bench) => Promise<void>): Promise<void> {
  let nowUs = Date.UTC(2026, 5, 1) * 1000;
  const definitions = [
    testTag(DEV, "level", { unit: "CEL", range: { low: 0, high: 100 }, staleAfterMs: 60_000 }),
    testTag(DEV, "count", { type: "Int", dataType: "Int64" }),
    testTag(DEV, "other"),
  ];
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: definitions,
    nowUs: () => nowUs,
  });
  await using client = await startOpcUaClient();
  const session = () => client.connect(server.url);
  const id = await session();
  const call = async (service: string, fields: Record<string, unknown>, options: { id?: number } = {}) =>
    await client.call<ServiceAnswer>("service", { id: options.id ?? id, service, fields });
  const world = {
    session: () => Promise.resolve(id),
    call,
    fault: async (service: string, fields: Record<string, unknown>, options: { id?: number } = {}) =>
      (await call(service, fields, options)).responseHeader.serviceResult,
  } as unknown as World;
  await test({
    world,
    another: session,
    set: (name, value) => {
      nowUs += 1000;
      const tag = server.tags.get(tagId(DEV, name));
      ok(tag);
      server.tags.update([tagUpdate(tag, value, nowUs)]);
    },
    later: (seconds) => {
      nowUs += seconds * 1_000_000;
      server.tags.sweep();
    },
    define: async (...changed) => {
      server.tags.define(changed);
      await server.handle.follow();
    },
    definitions,
  });
}

interface Bench {
  readonly world: World;
  readonly another: () => Promise<number>;
  readonly set: (name: string, value: number) => void;
  readonly later: (seconds: number) => void;
  readonly define: (...definitions: ReturnType<typeof testTag>[]) => Promise<void>;
  readonly definitions:
    | readonly [
      ReturnType<typeof testTag>,
      ReturnType<typeof testTag>,
      ReturnType<typeof testTag>,
    ]
    | readonly ReturnType<typeof testTag>[];
}

const dataFilter = (trigger: number, deadbandType = 0, deadbandValue = 0) => ({
  filter: { $type: "DataChangeFilter", trigger, deadbandType, deadbandValue },
});

const resend = async (subscription: Subscribed, id = subscription.id, connection = subscription.connection) => {
  const answer = await subscription.world.call("Call", {
    methodsToCall: [{
      objectId: "i=2253",
      methodId: "i=12873",
      inputArguments: [{ $type: "Variant", dataType: 7, value: id }],
    }],
  }, { id: connection });
  return answer.results[0].statusCode as string;
};

Deno.test("ResendData repeats the values of reporting items, for the owner of the subscription alone", async () => {
  await withItems(({ world, set, another }) =>
    subscribed(world, async (subscription) => {
      set("level", 20);
      set("other", 7);
      await subscription.items(
        node("level"),
        item(node("other"), {}, { monitoringMode: 1 }),
        item(node("count"), {}, { monitoringMode: 0 }),
        item("i=2253", { filter: eventFilter }, { attributeId: 12 }),
      );
      deepStrictEqual((await subscription.values(1)).map(({ clientHandle }) => clientHandle), [1]);
      await subscription.nothing();
      strictEqual(await resend(subscription), "Good");
      const [again] = await subscription.values(1);
      deepStrictEqual([again?.clientHandle, again?.value.value?.value], [1, 20]);
      await subscription.nothing();

      // what waits is not sent twice
      set("level", 21);
      strictEqual(await resend(subscription), "Good");
      deepStrictEqual((await subscription.values(1)).map(({ value }) => value.value?.value), [21]);
      await subscription.nothing();

      strictEqual(await resend(subscription, 999_999), "BadSubscriptionIdInvalid");
      strictEqual(await resend(subscription, subscription.id, await another()), "BadUserAccessDenied");
    })
  );
});

const eventFilter = {
  $type: "EventFilter",
  selectClauses: [{ typeDefinitionId: "i=2041", browsePath: [{ name: "EventType" }], attributeId: 13 }],
};

Deno.test("a change of status reaches items without a filter and with every trigger, whatever the deadband", async () => {
  await withItems(({ world, set, later }) =>
    subscribed(world, async (subscription) => {
      set("level", 20);
      await subscription.items(
        node("level"),
        item(node("level"), dataFilter(0)),
        item(node("level"), dataFilter(1)),
        item(node("level"), dataFilter(2)),
        item(node("level"), dataFilter(1, 1, 50)),
        item(node("level"), dataFilter(1, 2, 50)),
        item(node("level"), { samplingInterval: 100 }),
      );
      await subscription.values(7);
      for (
        const [seconds, quality] of [
          [61, Quality.UncertainLastUsableValue],
          [90_000, Quality.BadNoCommunication],
        ] as const
      ) {
        later(seconds);
        const told = await subscription.values(7);
        deepStrictEqual(told.map(({ clientHandle }) => clientHandle).sort(), [1, 2, 3, 4, 5, 6, 7]);
        ok(told.every(({ value }) => value.statusCode === quality && value.value?.value === 20));
      }
      // back, with the same value
      set("level", 20);
      ok((await subscription.values(7)).every(({ value }) => value.statusCode === 0));
    })
  );
});

Deno.test("deadbands: absolute on 64-bit integers, percent of a range that changes under the item", async () => {
  await withItems(({ world, set, define, definitions: [level, ...others] }) =>
    subscribed(world, async (subscription) => {
      set("level", 50);
      set("count", 2 ** 40);
      const [percent] = await subscription.items(
        item(node("level"), dataFilter(1, 2, 10)),
        item(node("count"), dataFilter(1, 1, 10)),
      );
      strictEqual(percent?.statusCode, "Good");
      await subscription.values(2);
      set("level", 60);
      set("level", 40);
      set("count", 2 ** 40 + 10);
      set("count", 2 ** 40 - 10);
      await subscription.nothing();
      set("count", 2 ** 40 + 11);
      set("level", 61);
      const told = (await subscription.values(2)).toSorted((a, b) => a.clientHandle - b.clientHandle);
      deepStrictEqual(told.map(({ value }) => value.value?.value), [61, [2 ** 8, 11]]);

      // a tenth of a narrower range is less
      ok(level);
      await define({ ...level, range: { low: 40, high: 70 } }, ...others);
      await subscription.publish();
      set("level", 64);
      await subscription.nothing();
      set("level", 64.5);
      deepStrictEqual((await subscription.values(1)).map(({ value }) => value.value?.value), [64.5]);

      const refused = await subscription.items(
        item(node("other"), dataFilter(1, 2, 10)),
        item(node("level"), dataFilter(1, 2, 101)),
      );
      ok(refused.every(({ statusCode }) => statusCode.startsWith("Bad")), JSON.stringify(refused));
    })
  );
});

Deno.test("a link that is made twice is removed once, and what triggers took does not pile up", async () => {
  await withItems(({ world, set }) =>
    subscribed(world, async (subscription) => {
      const [trigger, follower] = await subscription.items(
        node("level"),
        item(node("other"), { queueSize: 1 }, { monitoringMode: 1 }),
      );
      const triggeringItemId = trigger?.monitoredItemId;
      const links = [follower?.monitoredItemId];
      for (const _ of [1, 2]) {
        const { addResults } = await subscription.call("SetTriggering", { triggeringItemId, linksToAdd: links });
        deepStrictEqual(addResults, ["Good"]);
      }
      await subscription.values(1);
      for (let i = 0; i < 300; i++) {
        set("other", i);
        set("level", i % 100);
        // the library takes a triggered item's queue in the next turn
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      const followed: unknown[] = [];
      for (let quiet = 0; quiet < 2;) {
        const came = notifiedIn(await subscription.publish());
        if (came.length === 0) quiet++;
        followed.push(...came.filter(({ clientHandle }) => clientHandle === 2).map(({ value }) => value.value?.value));
      }
      strictEqual(followed.at(-1), 299);
      ok(followed.length >= 1 && followed.length <= 101, String(followed.length));

      const { removeResults } = await subscription.call("SetTriggering", { triggeringItemId, linksToRemove: links });
      deepStrictEqual(removeResults, ["Good"]);
      set("other", 1000);
      set("level", 42);
      deepStrictEqual((await subscription.values(1)).map(({ clientHandle }) => clientHandle), [1]);
      await subscription.nothing();
    })
  );
});

Deno.test("an item whose node is deleted says so, can be asked anything, and goes on when the node is back", async () => {
  await withItems(({ world, set, define, definitions: [level, ...others] }) =>
    subscribed(world, async (subscription) => {
      ok(level);
      set("level", 20);
      const [made] = await subscription.items(item(node("level"), dataFilter(1, 2, 10)));
      await subscription.values(1);
      const monitoredItemIds = [made?.monitoredItemId];
      await define(...others);
      deepStrictEqual((await subscription.values(1)).map(({ value }) => value.status), [BAD_NODE]);
      const mode = async (monitoringMode: number) =>
        (await subscription.call("SetMonitoringMode", { monitoringMode, monitoredItemIds })).results;
      deepStrictEqual(await mode(0), ["Good"]);
      deepStrictEqual(await mode(2), ["Good"]);
      deepStrictEqual((await subscription.values(1)).map(({ value }) => value.status), [BAD_NODE]);
      const modified = await subscription.call("ModifyMonitoredItems", {
        timestampsToReturn: 2,
        itemsToModify: [{
          monitoredItemId: made?.monitoredItemId,
          requestedParameters: { clientHandle: 1, samplingInterval: 100, queueSize: 10, ...dataFilter(1, 2, 20) },
        }],
      });
      deepStrictEqual(modified.results.map(({ statusCode }: { statusCode: string }) => statusCode), [BAD_NODE]);
      strictEqual(await resend(subscription), "Good");
      deepStrictEqual((await subscription.values(1)).map(({ value }) => value.status), [BAD_NODE]);

      await define(level, ...others);
      deepStrictEqual((await subscription.values(1)).map(({ value }) => value.status), ["BadWaitingForInitialData"]);
      set("level", 30);
      deepStrictEqual((await subscription.values(1)).map(({ value }) => value.value?.value), [30]);
      set("level", 35);
      await subscription.nothing();

      // gone again, and the item with it
      await define(...others);
      await subscription.values(1);
      const { results } = await subscription.call("DeleteMonitoredItems", { monitoredItemIds });
      deepStrictEqual(results, ["Good"]);
      await define(level, ...others);
      await subscription.nothing();
    })
  );
});

Deno.test("an item waits while its node has become what its deadband cannot be applied to", async () => {
  await withItems(({ world, set, define, definitions: [level, ...others] }) =>
    subscribed(world, async (subscription) => {
      ok(level);
      set("level", 20);
      await subscription.items(
        item(node("level"), dataFilter(1, 1, 5)),
        item(node("level"), dataFilter(1, 2, 5)),
        node("level"),
      );
      await subscription.values(3);
      const handlesOf = async (count: number) =>
        (await subscription.values(count)).map(({ clientHandle, value }) => `${clientHandle} ${value.status}`).sort();
      const bad = ["1", "2", "3"].map((handle) => `${handle} ${BAD_NODE}`);

      await define({ ...level, range: null }, ...others);
      deepStrictEqual(await handlesOf(5), [...bad, "1 Good", "3 Good"].sort(), "percent needs a range");
      await define({ ...level, type: "String", dataType: "String", range: null, unit: "" }, ...others);
      deepStrictEqual(
        await handlesOf(3),
        [`1 ${BAD_NODE}`, `3 ${BAD_NODE}`, "3 BadWaitingForInitialData"].sort(),
        "a text has no deadband",
      );
      await define(level, ...others);
      deepStrictEqual(
        await handlesOf(4),
        [`3 ${BAD_NODE}`, ...["1", "2", "3"].map((handle) => `${handle} BadWaitingForInitialData`)].sort(),
      );
      set("level", 30);
      deepStrictEqual(await handlesOf(3), ["1 Good", "2 Good", "3 Good"]);
    })
  );
});

Deno.test("another unit or range marks the next value, and the value itself stays", async () => {
  await withItems(({ world, set, define, definitions: [level, ...others] }) =>
    subscribed(world, async (subscription) => {
      ok(level);
      set("level", 20);
      await subscription.items(node("level"));
      await subscription.values(1);
      let present = level;
      for (const change of [{ unit: "FAH" }, { range: { low: 0, high: 50 } }]) {
        present = { ...present, ...change };
        await define(present, ...others);
        const [told] = await subscription.values(1);
        deepStrictEqual(
          [told?.value.value?.value, (told?.value.statusCode ?? 0) & SEMANTICS_CHANGED],
          [20, SEMANTICS_CHANGED],
          JSON.stringify(change),
        );
        set("level", 21);
        set("level", 20);
        ok((await subscription.values(2)).every(({ value }) => value.statusCode === 0), "once");
      }
    })
  );
});
