import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { ServiceAnswer } from "../lib/opcua_client_process.ts";
import { waitFor } from "../lib/wait_for.ts";
import { suite } from "./suite.ts";
import { item, notifiedIn, subscribed } from "./subscribed.ts";
import { testTag } from "../lib/opcua_client_gateway.ts";
import { DEV, nodes, type World } from "./world.ts";

const available = (answer: ServiceAnswer) => (answer.availableSequenceNumbers ?? []) as number[];
const number = (answer: ServiceAnswer) => answer.notificationMessage.sequenceNumber as number;
const isKeepAlive = (answer: ServiceAnswer) => (answer.notificationMessage.notificationData ?? []).length === 0;
const statusChange = (answer: ServiceAnswer): string | undefined => {
  const data = (answer.notificationMessage?.notificationData ?? []) as { $type: string; status?: string }[];
  return data.find(({ $type }) => $type === "StatusChangeNotification")?.status;
};

/** A connection of the test's own, closed afterwards. */
async function alone(world: World, run: (id: number) => Promise<void>): Promise<void> {
  const id = await world.connect();
  try {
    await run(id);
  } finally {
    await world.client.call("close", { id });
  }
}

/** Subscriptions and their notifications (OPC 10000-4 §5.14). */
export const subscriptions = suite("Subscription Services", {}, (conformance) => {
  for (
    const [asked, test] of [
      [0, (ms: number) => ms > 0 && ms <= 1000],
      [-1, (ms: number) => ms > 0 && ms <= 1000],
      [1, (ms: number) => ms >= 1 && ms <= 100],
      [500, (ms: number) => ms === 500],
      [1e15, (ms: number) => ms >= 1000 && ms < 1e15],
    ] as const
  ) {
    conformance(
      "Subscription Basic",
      `a publishing interval of ${asked} ms is revised soundly`,
      (world) =>
        subscribed(world, ({ created }) => {
          ok(test(created.revisedPublishingInterval), String(created.revisedPublishingInterval));
          return Promise.resolve();
        }, { requestedPublishingInterval: asked }),
    );
  }
  for (
    const [lifetime, keepAlive] of [[0, 0], [1, 1], [3, 10], [10, 3], [4_294_967_295, 4_294_967_295], [0, 100]] as const
  ) {
    conformance(
      "Subscription Basic",
      `lifetime ${lifetime} and keep-alive ${keepAlive} become at least three to one`,
      (world) =>
        subscribed(world, ({ created }) => {
          const { revisedLifetimeCount, revisedMaxKeepAliveCount } = created;
          ok(
            revisedMaxKeepAliveCount >= 1 && revisedLifetimeCount >= 3 * revisedMaxKeepAliveCount,
            `${revisedLifetimeCount}:${revisedMaxKeepAliveCount}`,
          );
          return Promise.resolve();
        }, { requestedLifetimeCount: lifetime, requestedMaxKeepAliveCount: keepAlive }),
    );
  }
  conformance(
    "Subscription Basic",
    "a subscription without items sends keep-alives that count no numbers up",
    (world) =>
      subscribed(world, async (subscription) => {
        const [one, two] = [await subscription.publish(), await subscription.publish()];
        deepStrictEqual([isKeepAlive(one), isKeepAlive(two)], [true, true]);
        deepStrictEqual([number(one), number(two)], [1, 1]);
        deepStrictEqual([one.subscriptionId, one.moreNotifications, available(one)], [subscription.id, false, []]);
      }),
  );
  conformance(
    "Subscription Basic",
    "notifications are numbered from 1 on, without gaps",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(nodes.counter);
        const numbers = [];
        for (let i = 0; i < 4; i++) {
          numbers.push(number(await subscription.publish()));
          world.set("counter", 20 + i);
        }
        deepStrictEqual(numbers, [1, 2, 3, 4]);
        world.set("counter", 7);
      }),
  );
  conformance(
    "Subscription Basic",
    "a notification carries the time at which it was made",
    (world) =>
      subscribed(world, async (subscription) => {
        const before = Date.now();
        await subscription.items(nodes.counter);
        const { notificationMessage } = await subscription.publish();
        const made = notificationMessage.publishTime.$date as number;
        ok(made >= before - 50 && made <= Date.now() + 50, JSON.stringify(notificationMessage.publishTime));
      }),
  );
  conformance(
    "Subscription Basic",
    "unacknowledged notifications stay available, acknowledged ones do not",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(nodes.counter);
        const one = await subscription.publish([]);
        world.set("counter", 31);
        const two = await subscription.publish([]);
        deepStrictEqual(available(two), [number(one), number(two)]);
        world.set("counter", 32);
        const three = await subscription.publish([number(one)]);
        deepStrictEqual(three.results, ["Good"]);
        deepStrictEqual(available(three), [number(two), number(three)]);
        world.set("counter", 7);
      }),
  );
  conformance(
    "Subscription Basic",
    "acknowledging a number that was never sent is BadSequenceNumberUnknown",
    (world) =>
      subscribed(world, async (subscription) => {
        deepStrictEqual((await subscription.publish([4711])).results, ["BadSequenceNumberUnknown"]);
      }),
  );
  conformance(
    "Subscription Basic",
    "acknowledging twice is BadSequenceNumberUnknown the second time",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(nodes.counter);
        const first = number(await subscription.publish([]));
        deepStrictEqual((await subscription.publish([first, first])).results, ["Good", "BadSequenceNumberUnknown"]);
      }),
  );
  conformance(
    "Subscription Basic",
    "acknowledging for an unknown subscription is BadSubscriptionIdInvalid",
    (world) =>
      subscribed(world, async ({ call }) => {
        const answer = await call("Publish", {
          subscriptionAcknowledgements: [{ subscriptionId: 999_999, sequenceNumber: 1 }],
        });
        deepStrictEqual(answer.results, ["BadSubscriptionIdInvalid"]);
      }),
  );
  conformance(
    "Subscription Basic",
    "Publish without a subscription is BadNoSubscription",
    (world) => alone(world, async (id) => strictEqual(await world.fault("Publish", {}, { id }), "BadNoSubscription")),
  );
  conformance(
    "Subscription Basic",
    "a waiting Publish ends with BadNoSubscription when the last subscription is deleted",
    (world) =>
      alone(world, async (id) => {
        const { subscriptionId } = await world.call("CreateSubscription", {
          requestedPublishingInterval: 500,
          requestedLifetimeCount: 100,
          requestedMaxKeepAliveCount: 30,
          publishingEnabled: true,
        }, { id });
        await world.call("Publish", {}, { id });
        const waiting = world.fault("Publish", {}, { id });
        await world.call("DeleteSubscriptions", { subscriptionIds: [subscriptionId] }, { id });
        strictEqual(await waiting, "BadNoSubscription");
      }),
  );
  conformance(
    "Subscription Basic",
    "a notification can be had again until it is acknowledged",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(nodes.counter);
        const first = await subscription.publish([]);
        const again = await subscription.call("Republish", { retransmitSequenceNumber: number(first) });
        deepStrictEqual(again.notificationMessage, first.notificationMessage);
        await subscription.publish([number(first)]);
        strictEqual(
          await subscription.fault("Republish", { retransmitSequenceNumber: number(first) }),
          "BadMessageNotAvailable",
        );
      }),
  );
  for (const retransmitSequenceNumber of [0, 4711, 4_294_967_295]) {
    conformance(
      "Subscription Basic",
      `republishing the number ${retransmitSequenceNumber}, never sent, is BadMessageNotAvailable`,
      (world) =>
        subscribed(
          world,
          async ({ fault }) =>
            strictEqual(await fault("Republish", { retransmitSequenceNumber }), "BadMessageNotAvailable"),
        ),
    );
  }
  for (
    const [service, fields] of [["Republish", { retransmitSequenceNumber: 1 }], ["ModifySubscription", {
      requestedPublishingInterval: 100,
    }]] as const
  ) {
    conformance(
      "Subscription Basic",
      `${service} of an unknown subscription is BadSubscriptionIdInvalid`,
      async (world) => {
        strictEqual(await world.fault(service, { subscriptionId: 999_999, ...fields }), "BadSubscriptionIdInvalid");
      },
    );
  }
  for (const service of ["SetPublishingMode", "DeleteSubscriptions", "TransferSubscriptions"]) {
    conformance(
      "Subscription Basic",
      `${service} of an unknown subscription is BadSubscriptionIdInvalid, one a result`,
      async (world) => {
        const { results } = await world.call(service, { subscriptionIds: [999_999, 999_998] });
        deepStrictEqual(
          results.map((result: string | { statusCode: string }) =>
            typeof result === "string" ? result : result.statusCode
          ),
          ["BadSubscriptionIdInvalid", "BadSubscriptionIdInvalid"],
        );
      },
    );
  }
  conformance(
    "Subscription Basic",
    "a subscription is deleted once",
    (world) =>
      subscribed(world, async ({ id, call }) => {
        deepStrictEqual((await call("DeleteSubscriptions", { subscriptionIds: [id] })).results, ["Good"]);
        deepStrictEqual((await call("DeleteSubscriptions", { subscriptionIds: [id] })).results, [
          "BadSubscriptionIdInvalid",
        ]);
      }),
  );
  conformance(
    "Subscription Basic",
    "with publishing off only keep-alives come, with publishing on what was queued",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(item(nodes.counter, { queueSize: 1 }));
        await subscription.values(1);
        const mode = (publishingEnabled: boolean) =>
          subscription.call("SetPublishingMode", { publishingEnabled, subscriptionIds: [subscription.id] });
        deepStrictEqual((await mode(false)).results, ["Good"]);
        world.set("counter", 41);
        await subscription.nothing();
        deepStrictEqual((await mode(true)).results, ["Good"]);
        deepStrictEqual((await subscription.values(1)).map(({ value }) => value.value?.value), [41]);
        world.set("counter", 7);
      }),
  );
  conformance(
    "Subscription Basic",
    "a subscription made with publishing off reports nothing",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(nodes.counter);
        await subscription.nothing();
      }, { publishingEnabled: false }),
  );
  conformance(
    "Subscription Basic",
    "changed intervals and counts are revised like new ones",
    (world) =>
      subscribed(world, async ({ call }) => {
        const answer = await call("ModifySubscription", {
          requestedPublishingInterval: 700,
          requestedLifetimeCount: 5,
          requestedMaxKeepAliveCount: 5,
          maxNotificationsPerPublish: 0,
          priority: 9,
        });
        strictEqual(answer.revisedPublishingInterval, 700);
        ok(answer.revisedLifetimeCount >= 3 * answer.revisedMaxKeepAliveCount);
      }),
  );
  conformance(
    "Subscription Basic",
    "more values than fit one notification come in several, and the client is told",
    (world) =>
      subscribed(world, async (subscription) => {
        await subscription.items(nodes.counter, nodes.label, nodes.open);
        const answers = [await subscription.publish(), await subscription.publish(), await subscription.publish()];
        deepStrictEqual(answers.map((answer) => notifiedIn(answer).length), [1, 1, 1]);
        deepStrictEqual(answers.map(({ moreNotifications }) => moreNotifications), [true, true, false]);
      }, { maxNotificationsPerPublish: 1 }),
  );
  conformance(
    "Subscription Basic",
    "a subscription whose client does not publish ends, and says so to the next Publish",
    (world) =>
      alone(world, async (id) => {
        const fields = { requestedPublishingInterval: 50, requestedMaxKeepAliveCount: 1, publishingEnabled: true };
        const long = await world.call("CreateSubscription", { ...fields, requestedLifetimeCount: 10_000 }, { id });
        const short = await world.call("CreateSubscription", { ...fields, requestedLifetimeCount: 3 }, { id });
        const lives = short.revisedLifetimeCount * short.revisedPublishingInterval;
        await waitFor("the end of the subscription", () => world.server.handle.status().subscriptions === 1, {
          deadlineMs: lives + 20_000,
        });
        const told = await waitFor("the status change", async () => {
          const answer = await world.call("Publish", {}, { id });
          return answer.subscriptionId === short.subscriptionId ? answer : null;
        });
        strictEqual(statusChange(told), "BadTimeout");
        deepStrictEqual(
          (await world.call("DeleteSubscriptions", { subscriptionIds: [short.subscriptionId, long.subscriptionId] }, {
            id,
          })).results,
          ["BadSubscriptionIdInvalid", "Good"],
        );
      }),
  );
  conformance("Subscription Basic", "deleting the session's subscriptions with it leaves none", async (world) => {
    const before = world.server.handle.status().subscriptions;
    const id = await world.connect();
    await world.call("CreateSubscription", {
      requestedPublishingInterval: 100,
      requestedLifetimeCount: 1000,
      requestedMaxKeepAliveCount: 10,
    }, { id });
    strictEqual(world.server.handle.status().subscriptions, before + 1);
    await world.client.call("close", { id, deleteSubscriptions: true });
    await waitFor("no subscription more", () => world.server.handle.status().subscriptions === before);
  });
  for (
    const [unit, count] of [["Subscription Minimum 1", 1], ["Subscription Minimum 02", 2], [
      "Subscription Minimum 05",
      5,
    ]] as const
  ) {
    conformance(
      unit,
      `${count} subscription${count > 1 ? "s" : ""} of one session each deliver`,
      (world) =>
        alone(world, async (id) => {
          const made: number[] = [];
          for (let i = 0; i < count; i++) {
            const { subscriptionId } = await world.call("CreateSubscription", {
              requestedPublishingInterval: 50,
              requestedLifetimeCount: 1000,
              requestedMaxKeepAliveCount: 10,
              publishingEnabled: true,
            }, { id });
            await world.call("CreateMonitoredItems", {
              subscriptionId,
              timestampsToReturn: 2,
              itemsToCreate: [item(nodes.counter)],
            }, { id });
            made.push(subscriptionId);
          }
          const heard = new Set<number>();
          while (heard.size < count) {
            const answer = await world.call("Publish", {}, { id });
            if (notifiedIn(answer).length > 0) heard.add(answer.subscriptionId);
          }
          deepStrictEqual([...heard].sort(), made.sort());
        }),
    );
  }
  for (
    const [unit, count] of [["Subscription Publish Min 02", 2], ["Subscription Publish Min 05", 5], [
      "Subscription Publish Min 10",
      10,
    ]] as const
  ) {
    conformance(
      unit,
      `${count} Publish requests wait at once, and each is answered in turn`,
      (world) =>
        subscribed(world, async (subscription) => {
          await subscription.items(nodes.counter);
          const waiting = Array.from({ length: count }, () => subscription.call("Publish", {}));
          for (let i = 0; i < count; i++) {
            await waiting[i];
            world.set("counter", 50 + i);
          }
          const numbers = (await Promise.all(waiting)).map((answer) => ({
            number: number(answer),
            alive: isKeepAlive(answer),
          }));
          for (let i = 1; i < count; i++) ok((numbers[i]?.number ?? 0) >= (numbers[i - 1]?.number ?? 0));
          world.set("counter", 7);
        }),
    );
  }
  conformance(
    "Subscription Publish Discard Policy",
    "of too many waiting Publish requests the oldest is answered BadTooManyPublishRequests",
    (world) =>
      alone(world, async (id) => {
        await world.call("CreateSubscription", {
          requestedPublishingInterval: 1000,
          requestedLifetimeCount: 1000,
          requestedMaxKeepAliveCount: 30,
        }, { id });
        await world.call("Publish", {}, { id });
        const order: number[] = [];
        const waiting = Array.from({ length: 1200 }, (_, i) =>
          world.call("Publish", {}, { id }).then((answer) => {
            if (answer.responseHeader.serviceResult === "BadTooManyPublishRequests") order.push(i);
          }).catch(() => {}));
        await waitFor("a refusal", () => order.length > 0);
        strictEqual(order[0], 0);
        await world.call("DeleteSubscriptions", { subscriptionIds: [1] }, { id });
        void waiting;
      }),
  );

  const transfer = (world: World, to: number, id: number, sendInitialValues: boolean) =>
    world.call("TransferSubscriptions", { subscriptionIds: [id], sendInitialValues }, { id: to });
  for (const [initial, count] of [[true, 1], [false, 0]] as const) {
    conformance(
      "Subscription Transfer",
      `a subscription moves to another session ${initial ? "and sends its values anew" : "without its values"}`,
      (world) =>
        alone(world, (from) =>
          alone(world, (to) =>
            subscribed(
              world,
              async (subscription) => {
                await subscription.items(nodes.counter);
                await subscription.values(1);
                const { results } = await transfer(world, to, subscription.id, initial);
                strictEqual(results[0].statusCode, "Good");
                const answer = await world.call("Publish", {}, { id: to });
                deepStrictEqual([answer.subscriptionId, notifiedIn(answer).length], [subscription.id, count]);
                world.set("counter", 61);
                deepStrictEqual(
                  notifiedIn(await world.call("Publish", {}, { id: to })).map(({ value }) => value.value?.value),
                  [61],
                );
                await world.call("DeleteSubscriptions", { subscriptionIds: [subscription.id] }, { id: to });
                world.set("counter", 7);
              },
              {},
              from,
            ))),
    );
  }
  conformance(
    "Subscription Transfer",
    "the session that lost it is told GoodSubscriptionTransferred",
    (world) =>
      alone(world, (from) =>
        alone(world, (to) =>
          subscribed(
            world,
            async (subscription) => {
              await subscription.publish();
              const waiting = subscription.call("Publish", {});
              // answered behind the request that waits, which is there before the other connection's then
              await world.call("Read", { nodesToRead: [{ nodeId: nodes.counter, attributeId: 13 }] }, { id: from });
              strictEqual((await transfer(world, to, subscription.id, false)).results[0].statusCode, "Good");
              strictEqual(statusChange(await waiting), "GoodSubscriptionTransferred");
              await world.call("DeleteSubscriptions", { subscriptionIds: [subscription.id] }, { id: to });
            },
            // no keep-alive takes the request meanwhile
            { requestedMaxKeepAliveCount: 300 },
            from,
          ))),
  );
  conformance(
    "Subscription Transfer",
    "the session that lost it knows it no more",
    (world) =>
      alone(world, (from) =>
        alone(world, (to) =>
          subscribed(
            world,
            async (subscription) => {
              await transfer(world, to, subscription.id, false);
              strictEqual(await subscription.fault("ModifySubscription", {}), "BadSubscriptionIdInvalid");
              await world.call("DeleteSubscriptions", { subscriptionIds: [subscription.id] }, { id: to });
            },
            {},
            from,
          ))),
  );
  conformance(
    "Subscription Transfer",
    "notifications that wait for an acknowledgement move along",
    (world) =>
      alone(world, (from) =>
        alone(world, (to) =>
          subscribed(
            world,
            async (subscription) => {
              await subscription.items(nodes.counter);
              const first = await subscription.publish([]);
              const { results } = await transfer(world, to, subscription.id, false);
              deepStrictEqual(results[0].availableSequenceNumbers, [number(first)]);
              const again = await world.call("Republish", {
                subscriptionId: subscription.id,
                retransmitSequenceNumber: number(first),
              }, { id: to });
              deepStrictEqual(again.notificationMessage, first.notificationMessage);
              await world.call("DeleteSubscriptions", { subscriptionIds: [subscription.id] }, { id: to });
            },
            {},
            from,
          ))),
  );
  conformance(
    "Subscription Transfer",
    "a subscription of a session that was closed without it can be taken over",
    async (world) => {
      const from = await world.connect();
      const { subscriptionId } = await world.call("CreateSubscription", {
        requestedPublishingInterval: 50,
        requestedLifetimeCount: 1000,
        requestedMaxKeepAliveCount: 3,
        publishingEnabled: true,
      }, { id: from });
      await world.call("CreateMonitoredItems", {
        subscriptionId,
        timestampsToReturn: 2,
        itemsToCreate: [item(nodes.counter)],
      }, { id: from });
      await world.client.call("close", { id: from, deleteSubscriptions: false });
      await alone(world, async (to) => {
        const { results } = await transfer(world, to, subscriptionId, true);
        strictEqual(results[0].statusCode, "Good");
        const answer = await world.call("Publish", {}, { id: to });
        strictEqual(answer.subscriptionId, subscriptionId);
        await world.call("DeleteSubscriptions", { subscriptionIds: [subscriptionId] }, { id: to });
      });
    },
  );

  conformance(
    "Session Cancel",
    "a Publish that waits is cancelled by its handle, and says so",
    (world) =>
      alone(world, async (id) => {
        const { responseHeader } = await world.call("CreateSubscription", {
          requestedPublishingInterval: 5000,
          requestedLifetimeCount: 1000,
          requestedMaxKeepAliveCount: 30,
          publishingEnabled: true,
        }, { id });
        // the first Publish is answered by the first keep-alive; the client numbers its requests one after the other
        const waiting = world.fault("Publish", {}, { id });
        const requestHandle = responseHeader.requestHandle + 1;
        const { cancelCount } = await world.call("Cancel", { requestHandle }, { id });
        strictEqual(cancelCount, 1);
        strictEqual(await waiting, "BadRequestCancelledByClient");
      }),
  );
  conformance("Session Cancel", "a handle that nothing waits under cancels nothing", async (world) => {
    strictEqual((await world.call("Cancel", { requestHandle: 4_000_000_000 })).cancelCount, 0);
  });
  conformance(
    "Session Cancel",
    "what another session waits for is not cancelled",
    (world) =>
      alone(world, (mine) =>
        alone(world, async (other) => {
          const { responseHeader } = await world.call("CreateSubscription", {
            requestedPublishingInterval: 1000,
            requestedLifetimeCount: 1000,
            requestedMaxKeepAliveCount: 1,
            publishingEnabled: true,
          }, { id: mine });
          const waiting = world.call("Publish", {}, { id: mine });
          const { cancelCount } = await world.call("Cancel", { requestHandle: responseHeader.requestHandle + 1 }, {
            id: other,
          });
          strictEqual(cancelCount, 0);
          strictEqual((await waiting).responseHeader.serviceResult, "Good");
        })),
  );
  conformance(
    "Base Info Model Change",
    "a metric that is added and removed is told by GeneralModelChangeEvents",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await subscription.items({
          itemToMonitor: { nodeId: "i=2253", attributeId: 12 },
          monitoringMode: 2,
          requestedParameters: {
            samplingInterval: 0,
            queueSize: 100,
            filter: {
              $type: "EventFilter",
              selectClauses: ["EventType", "Changes"].map((name) => ({
                $type: "SimpleAttributeOperand",
                typeDefinitionId: name === "Changes" ? "i=2133" : "i=2041",
                browsePath: [{ name }],
                attributeId: 13,
              })),
              whereClause: { elements: [] },
            },
          },
        });
        strictEqual(created?.statusCode, "Good");
        const { tags } = world.server;
        const before = [...tags.list()].map(({ definition }) => definition);
        const heard = () =>
          waitFor("the change", async () => {
            const answer = await subscription.publish();
            type Events = { eventFields: { value: unknown }[] }[] | undefined;
            const events = answer.notificationMessage?.notificationData?.[0]?.events as Events;
            const change = events?.find(({ eventFields }) => eventFields[0]?.value === "ns=0;i=2133");
            return change === undefined ? null : JSON.stringify(change.eventFields[1]?.value);
          });
        tags.define([...before, testTag(DEV, "added")]);
        ok((await heard()).includes(`${DEV}/added`));
        tags.define(before);
        ok((await heard()).includes(DEV));
      }),
  );
});
