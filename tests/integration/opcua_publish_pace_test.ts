import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { item, notifiedIn, type Subscribed, subscribed } from "../conformance/subscribed.ts";
import type { World } from "../conformance/world.ts";
import { tagId, tagUpdate } from "../../src/tags/tag.ts";
import { limitAlarm } from "../lib/opcua_alarm_world.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";
import { type ServiceAnswer, startOpcUaClient } from "../lib/opcua_client_process.ts";

const DEV = "0102030405060708";
const ALARMS = 450;
const NAMES = Array.from({ length: ALARMS }, (_, n) => `m${n}`);
/** With these an event costs as much as five data changes, so that 200 fit into a message. */
const FIELDS = [
  "SourceName",
  ...Array.from({ length: 19 }, (_, n) => ["EventId", "Time", "Message", "Severity", "Retain"][n % 5] ?? ""),
];

/** A server with many alarms and a client that publishes by hand. */
async function withAlarms(
  test: (parts: { world: World; connect: () => Promise<number>; raise: () => Promise<void> }) => Promise<void>,
): Promise<void> {
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: NAMES.map((name) => testTag(DEV, name)),
    alarms: { definitions: NAMES.map((name) => limitAlarm(DEV, name)) },
  });
  await using client = await startOpcUaClient();
  const connect = () => client.connect(server.url);
  const id = await connect();
  const call = async (service: string, fields: Record<string, unknown>, options: { id?: number } = {}) =>
    await client.call<ServiceAnswer>("service", { id: options.id ?? id, service, fields });
  const world = { session: () => Promise.resolve(id), call } as unknown as World;
  await test({
    world,
    connect,
    raise: async () => {
      await subscribed(
        world,
        async (witness) => {
          await witness.items(eventItem());
          const timeUs = Date.now() * 1000;
          server.tags.update(NAMES.map((name) => {
            const tag = server.tags.get(tagId(DEV, name));
            ok(tag);
            return tagUpdate(tag, 85, timeUs);
          }));
          // what one item was told, every other one was told in the same breath
          await publishEvents(witness, ALARMS);
        },
        {},
        await connect(),
      );
    },
  });
}

/** An item on all events. */
function eventItem(queueSize = 2000) {
  return item("i=2253", {
    queueSize,
    filter: {
      $type: "EventFilter",
      selectClauses: FIELDS.map((name) => ({
        typeDefinitionId: "i=2041",
        browsePath: [{ namespaceIndex: 0, name }],
        attributeId: 13,
      })),
      whereClause: { elements: [] },
    },
  }, { attributeId: 12 });
}

/** The names of the sources of the events in a Publish response. */
function sourcesIn(answer: ServiceAnswer): string[] {
  const data = (answer.notificationMessage?.notificationData ?? []) as {
    $type: string;
    events?: { eventFields: { value: unknown }[] }[];
  }[];
  return data.flatMap(({ events }) => (events ?? []).map(({ eventFields }) => String(eventFields[0]?.value)));
}

const sequence = (answer: ServiceAnswer) => answer.notificationMessage.sequenceNumber as number;
const isKeepAlive = (answer: ServiceAnswer) => (answer.notificationMessage.notificationData ?? []).length === 0;

/** Publishes until `count` events came, two requests at a time; the messages in the order of their numbers. */
async function publishEvents(subscription: Subscribed, count: number): Promise<ServiceAnswer[]> {
  const answers: ServiceAnswer[] = [];
  let events = 0;
  while (events < count) {
    const came = await Promise.all([subscription.publish([]), subscription.publish([])]);
    answers.push(...came.filter((answer) => !isKeepAlive(answer)));
    for (const answer of came) events += sourcesIn(answer).length;
  }
  return answers.toSorted((a, b) => sequence(a) - sequence(b));
}

const inOrder = NAMES.map((name) => `Device 08/${name}`);
const sizes = (messages: readonly ServiceAnswer[]) => messages.map((message) => sourcesIn(message).length);

Deno.test("a storm of events comes in messages of a bounded size, complete and in order", async () => {
  await withAlarms(async ({ world, connect, raise }) => {
    const other = await connect();
    await subscribed(world, async (one) => {
      await subscribed(
        world,
        async (two) => {
          await one.items(eventItem());
          await two.items(eventItem(), ...NAMES.slice(0, 5).map((name) => `ns=2;s=${DEV}/${name}`));
          await raise();
          const [ofOne, ofTwo] = await Promise.all([publishEvents(one, ALARMS), publishEvents(two, ALARMS)]);
          for (const messages of [ofOne, ofTwo]) {
            deepStrictEqual(messages.flatMap(sourcesIn), inOrder);
            deepStrictEqual(sizes(messages), [200, 200, 50]);
            deepStrictEqual(messages.map(sequence), [1, 2, 3]);
            deepStrictEqual(messages.map(({ moreNotifications }) => moreNotifications), [true, true, false]);
          }
          strictEqual(notifiedIn(ofTwo[2] as ServiceAnswer).length, 10, "data changes come behind them");
          const quiet = await one.publish([]);
          ok(isKeepAlive(quiet));
          strictEqual(sequence(quiet), 4, "a keep-alive tells the number to come");
        },
        {},
        other,
      );
    });
  });
});

Deno.test("a client that asks for less in a message gets less", async () => {
  await withAlarms(async ({ world, raise }) => {
    await subscribed(world, async (subscription) => {
      await subscription.items(eventItem());
      await raise();
      const messages = await publishEvents(subscription, ALARMS);
      deepStrictEqual(sizes(messages), [150, 150, 150]);
      deepStrictEqual(messages.flatMap(sourcesIn), inOrder);
    }, { maxNotificationsPerPublish: 150 });
  });
});

Deno.test("what a subscription has for its client waits for Publish requests that come late", async () => {
  await withAlarms(async ({ world, raise }) => {
    await subscribed(world, async (subscription) => {
      await subscription.items(eventItem());
      await raise();
      const first = await subscription.publish([]);
      // some cycles without a request
      await new Promise((resolve) => setTimeout(resolve, 200));
      const messages = [first, await subscription.publish([]), await subscription.publish([])];
      deepStrictEqual(messages.flatMap(sourcesIn), inOrder);
      deepStrictEqual(messages.map(sequence), [1, 2, 3]);
      const again = await subscription.call("Republish", { retransmitSequenceNumber: 2 });
      deepStrictEqual(sourcesIn(again), sourcesIn(messages[1] as ServiceAnswer));
    });
  });
});
