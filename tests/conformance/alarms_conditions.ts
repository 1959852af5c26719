import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { AlarmWorld } from "../lib/opcua_alarm_world.ts";
import { PASSWORD } from "../lib/operations_world.ts";
import type { ServiceAnswer } from "../lib/opcua_client_process.ts";
import { waitFor } from "../lib/wait_for.ts";
import { suite } from "./suite.ts";
import { type Subscribed, subscribed } from "./subscribed.ts";
import { DEV, type World } from "./world.ts";

const LEVEL = `ns=2;s=${DEV}/level/$alarm`;
const METHODS = {
  acknowledge: "i=9111",
  confirm: "i=9113",
  comment: "i=9029",
  enable: "i=9027",
  disable: "i=9028",
  timedShelve: "i=9213",
  oneShotShelve: "i=9212",
  unshelve: "i=9211",
  refresh: "i=3875",
  refresh2: "i=12912",
} as const;
const paths = [
  "EventId",
  "EventType",
  "ConditionName",
  "Retain",
  "ActiveState/Id",
  "AckedState/Id",
  "ConfirmedState/Id",
  "EnabledState/Id",
  "Severity",
  "Comment",
  "SourceNode",
] as const;
type Row = Readonly<Record<typeof paths[number] | "ConditionId", unknown>>;

const stages = new WeakMap<object, AlarmWorld>();
const stageOf = (world: World): AlarmWorld => {
  const found = stages.get(world.server);
  ok(found);
  return found;
};

/** A select clause of an event's field; the condition's id is its node (OPC 10000-9 §5.5.2.13). */
function operand(path: string): Record<string, unknown> {
  return path === "ConditionId"
    ? { $type: "SimpleAttributeOperand", typeDefinitionId: "i=2782", browsePath: [], attributeId: 1 }
    : {
      $type: "SimpleAttributeOperand",
      typeDefinitionId: "i=2041",
      browsePath: path.split("/").map((name) => ({ namespaceIndex: 0, name })),
      attributeId: 13,
    };
}

function eventItem(nodeId: string, fields: readonly string[], elements: readonly Record<string, unknown>[] = []) {
  return {
    itemToMonitor: { nodeId, attributeId: 12 },
    monitoringMode: 2,
    requestedParameters: {
      samplingInterval: 0,
      queueSize: 100,
      discardOldest: true,
      filter: { $type: "EventFilter", selectClauses: fields.map(operand), whereClause: { elements } },
    },
  };
}

function rowsIn(answer: ServiceAnswer): Row[] {
  type Data = { $type: string; events?: { eventFields: { value: unknown }[] }[] };
  return ((answer.notificationMessage?.notificationData ?? []) as Data[]).flatMap(({ events }) =>
    (events ?? []).map(({ eventFields }) =>
      Object.fromEntries(["ConditionId", ...paths].map((path, i) => [path, eventFields[i]?.value])) as Row
    )
  );
}

/** Runs a test with a subscription to all events of the server. */
async function listening(
  world: World,
  run: (listener: { until(done: (row: Row) => boolean): Promise<Row>; subscription: Subscribed }) => Promise<void>,
) {
  await subscribed(world, async (subscription) => {
    const [created] = await subscription.items(eventItem("i=2253", ["ConditionId", ...paths]));
    strictEqual(created?.statusCode, "Good");
    const kept: Row[] = [];
    await run({
      subscription,
      until: (done) =>
        waitFor("the event", async () => {
          const at = kept.findIndex(done);
          if (at >= 0) return kept.splice(0, at + 1).at(-1) ?? null;
          kept.push(...rowsIn(await subscription.publish()));
          return null;
        }),
    });
  });
}

async function callMethod(
  world: World,
  objectId: string,
  methodId: string,
  inputArguments: readonly unknown[] = [],
  id?: number,
): Promise<string> {
  const { results } = await world.call(
    "Call",
    { methodsToCall: [{ objectId, methodId, inputArguments }] },
    id === undefined ? {} : { id },
  );
  return results[0].statusCode as string;
}

const bytes = (value: unknown) => ({ dataType: 15, value });
const words = (text: string) => ({ dataType: 21, value: { $type: "LocalizedText", text } });
const isLevel = (row: Row) => row.ConditionId === LEVEL;

/** Brings the level to rest, up over its limit, and answers the event. */
async function raised(world: World, until: (done: (row: Row) => boolean) => Promise<Row>): Promise<Row> {
  const stage = stageOf(world);
  stage.value(DEV, "level", 50);
  stage.value(DEV, "level", 85);
  return await until((row) => isLevel(row) && row["ActiveState/Id"] === true && row["AckedState/Id"] === false);
}

/** Events, conditions and their methods (OPC 10000-9). */
export const alarmsConditions = suite("Alarms and Conditions", {
  stage: async () => {
    const alarms = await AlarmWorld.open();
    stages.set(alarms.server, alarms);
    return Object.assign({ server: alarms.server, user: "operator", password: PASSWORD }, {
      [Symbol.asyncDispose]: () => alarms[Symbol.asyncDispose](),
    });
  },
}, (conformance) => {
  conformance(
    "Monitor Events",
    "an alarm that goes off is an event of the server, with all its fields",
    (world) =>
      listening(world, async ({ until }) => {
        const row = await raised(world, until);
        deepStrictEqual([row.Retain, row["EnabledState/Id"], row.Severity, row.SourceNode], [
          true,
          true,
          500,
          `ns=2;s=${DEV}/level`,
        ]);
        ok((row.EventId as { $bytes: string }).$bytes.length > 0);
      }),
  );
  conformance(
    "A & C Basic",
    "a condition is told by its own node, and so is every event of it",
    (world) =>
      listening(world, async ({ until }) => {
        const first = await raised(world, until);
        stageOf(world).value(DEV, "level", 50);
        const second = await until((row) => isLevel(row) && row["ActiveState/Id"] === false);
        strictEqual(first.ConditionId, second.ConditionId);
        ok(JSON.stringify(first.EventId) !== JSON.stringify(second.EventId));
      }),
  );
  conformance("A & C Instances", "the condition stands in the address space under its id", async (world) => {
    const { results } = await world.call("Read", {
      nodesToRead: [{ nodeId: LEVEL, attributeId: 2 }, { nodeId: LEVEL, attributeId: 3 }],
    });
    strictEqual(results[0].value.value, 1);
    strictEqual(results[1].status, "Good");
  });
  conformance(
    "A & C Alarm",
    "an alarm that is over becomes inactive, and stays of interest until it is dealt with",
    (world) =>
      listening(world, async ({ until }) => {
        await raised(world, until);
        stageOf(world).value(DEV, "level", 50);
        const row = await until((one) => isLevel(one) && one["ActiveState/Id"] === false);
        strictEqual(row.Retain, true);
      }),
  );
  conformance(
    "A & C Exclusive Limit",
    "a worse limit is another event of the same condition",
    (world) =>
      listening(world, async ({ until }) => {
        await raised(world, until);
        stageOf(world).value(DEV, "level", 95);
        const row = await until((one) => isLevel(one) && one.Severity === 800);
        strictEqual(row["ActiveState/Id"], true);
      }),
  );
  conformance(
    "A & C Exclusive Level",
    "the type of a limit alarm is ExclusiveLevelAlarmType",
    (world) =>
      listening(world, async ({ until }) => strictEqual((await raised(world, until)).EventType, "ns=0;i=9482")),
  );
  conformance(
    "A & C OffNormal",
    "a state that is not the normal one is an event of OffNormalAlarmType",
    (world) =>
      listening(world, async ({ until }) => {
        stageOf(world).value(DEV, "door", false);
        stageOf(world).value(DEV, "door", true);
        const row = await until((one) =>
          one.ConditionId === `ns=2;s=${DEV}/door/$alarm` && one["ActiveState/Id"] === true
        );
        strictEqual(row.EventType, "ns=0;i=10637");
      }),
  );
  conformance(
    "A & C Acknowledge",
    "who acknowledges an event is heard, and everybody sees it",
    (world) =>
      listening(world, async ({ until }) => {
        const { EventId } = await raised(world, until);
        strictEqual(await callMethod(world, LEVEL, METHODS.acknowledge, [bytes(EventId), words("seen")]), "Good");
        await until((row) => isLevel(row) && row["AckedState/Id"] === true);
      }),
  );
  conformance(
    "A & C Acknowledge",
    "acknowledging twice is BadConditionBranchAlreadyAcked",
    (world) =>
      listening(world, async ({ until }) => {
        const { EventId } = await raised(world, until);
        await callMethod(world, LEVEL, METHODS.acknowledge, [bytes(EventId), words("")]);
        strictEqual(
          await callMethod(world, LEVEL, METHODS.acknowledge, [bytes(EventId), words("")]),
          "BadConditionBranchAlreadyAcked",
        );
      }),
  );
  for (
    const [name, method] of [["acknowledge", METHODS.acknowledge], ["confirm", METHODS.confirm], [
      "comment",
      METHODS.comment,
    ]] as const
  ) {
    const unit = { acknowledge: "A & C Acknowledge", confirm: "A & C Confirm", comment: "A & C Comment" } as const;
    conformance(
      unit[name],
      `an event that never was is BadEventIdUnknown (${name})`,
      (world) =>
        listening(world, async ({ until }) => {
          const { EventId } = await raised(world, until);
          if (name === "confirm") await callMethod(world, LEVEL, METHODS.acknowledge, [bytes(EventId), words("")]);
          strictEqual(
            await callMethod(world, LEVEL, method, [bytes({ $bytes: "00".repeat(16) }), words("x")]),
            "BadEventIdUnknown",
          );
        }),
    );
    conformance(unit[name], `too few arguments are BadArgumentsMissing (${name})`, async (world) => {
      strictEqual(await callMethod(world, LEVEL, method, [bytes({ $bytes: "00" })]), "BadArgumentsMissing");
    });
    conformance(
      unit[name],
      `who may only read is refused: BadUserAccessDenied (${name})`,
      (world) =>
        listening(world, async ({ until }) => {
          const { EventId } = await raised(world, until);
          const id = await world.connect({ user: "viewer", password: PASSWORD });
          strictEqual(await callMethod(world, LEVEL, method, [bytes(EventId), words("x")], id), "BadUserAccessDenied");
          await world.client.call("close", { id });
        }),
    );
  }
  conformance("A & C Confirm", "an acknowledged event is confirmed", (world) =>
    listening(world, async ({ until }) => {
      const { EventId } = await raised(world, until);
      await callMethod(world, LEVEL, METHODS.acknowledge, [bytes(EventId), words("")]);
      const acked = await until((row) => isLevel(row) && row["AckedState/Id"] === true);
      strictEqual(await callMethod(world, LEVEL, METHODS.confirm, [bytes(acked.EventId), words("")]), "Good");
      await until((row) => isLevel(row) && row["ConfirmedState/Id"] === true);
    }));
  conformance("A & C Comment", "a comment reaches everybody", (world) =>
    listening(world, async ({ until }) => {
      const { EventId } = await raised(world, until);
      strictEqual(await callMethod(world, LEVEL, METHODS.comment, [bytes(EventId), words("pump is out")]), "Good");
      await until((row) => isLevel(row) && JSON.stringify(row.Comment).includes("pump is out"));
    }));
  conformance("A & C Enable", "a disabled condition tells nothing but that, until it is enabled", async (world) => {
    const id = await world.connect({ user: "engineer", password: PASSWORD });
    await listening(world, async ({ until }) => {
      await raised(world, until);
      strictEqual(await callMethod(world, LEVEL, METHODS.disable, [], id), "Good");
      await until((row) => isLevel(row) && row["EnabledState/Id"] === false);
      strictEqual(await callMethod(world, LEVEL, METHODS.disable, [], id), "BadConditionAlreadyDisabled");
      strictEqual(await callMethod(world, LEVEL, METHODS.enable, [], id), "Good");
      await until((row) => isLevel(row) && row["EnabledState/Id"] === true);
      strictEqual(await callMethod(world, LEVEL, METHODS.enable, [], id), "BadConditionAlreadyEnabled");
    });
    await world.client.call("close", { id });
  });
  conformance(
    "A & C Shelving",
    "an alarm is shelved for a time and taken off again",
    (world) =>
      listening(world, async ({ until }) => {
        await raised(world, until);
        const shelving = `${LEVEL}/ShelvingState`;
        const { results } = await world.call("TranslateBrowsePathsToNodeIds", {
          browsePaths: [{
            startingNode: LEVEL,
            relativePath: {
              elements: [{ referenceTypeId: "i=33", includeSubtypes: true, targetName: { name: "ShelvingState" } }],
            },
          }],
        });
        const state = results[0].targets?.[0]?.targetId ?? shelving;
        strictEqual(await callMethod(world, state, METHODS.timedShelve, [{ dataType: 11, value: 60_000 }]), "Good");
        strictEqual(
          await callMethod(world, state, METHODS.timedShelve, [{ dataType: 11, value: 1e15 }]),
          "BadShelvingTimeOutOfRange",
        );
        strictEqual(await callMethod(world, state, METHODS.unshelve), "Good");
        strictEqual(await callMethod(world, state, METHODS.unshelve), "BadConditionNotShelved");
        strictEqual(await callMethod(world, state, METHODS.oneShotShelve), "Good");
        strictEqual(await callMethod(world, state, METHODS.unshelve), "Good");
      }),
  );
  conformance(
    "A & C Refresh",
    "a refresh is framed by its two events and repeats what is of interest, under the same ids",
    (world) =>
      listening(world, async ({ until, subscription }) => {
        const event = await raised(world, until);
        strictEqual(
          await callMethod(world, "i=2782", METHODS.refresh, [{ dataType: 7, value: subscription.id }]),
          "Good",
        );
        await until((row) => row.EventType === "ns=0;i=2787");
        const again = await until(isLevel);
        deepStrictEqual(again.EventId, event.EventId);
        await until((row) => row.EventType === "ns=0;i=2788");
      }),
  );
  conformance("A & C Refresh", "an unknown subscription is BadSubscriptionIdInvalid", async (world) => {
    strictEqual(
      await callMethod(world, "i=2782", METHODS.refresh, [{ dataType: 7, value: 999_999 }]),
      "BadSubscriptionIdInvalid",
    );
  });
  conformance(
    "A & C Refresh2",
    "one item alone is refreshed",
    (world) =>
      listening(world, async ({ until, subscription }) => {
        await raised(world, until);
        const [other] = await subscription.items(eventItem("i=2253", ["ConditionId", ...paths]));
        const args = [subscription.id, other?.monitoredItemId].map((value) => ({ dataType: 7, value }));
        strictEqual(await callMethod(world, "i=2782", METHODS.refresh2, args), "Good");
        await until((row) => row.EventType === "ns=0;i=2787");
        await until((row) => row.EventType === "ns=0;i=2788");
      }),
  );
  conformance(
    "A & C Refresh2",
    "an unknown item is BadMonitoredItemIdInvalid",
    (world) =>
      listening(world, async ({ subscription }) => {
        const args = [subscription.id, 999_999].map((value) => ({ dataType: 7, value }));
        strictEqual(await callMethod(world, "i=2782", METHODS.refresh2, args), "BadMonitoredItemIdInvalid");
      }),
  );
  conformance("Address Space Events", "the server object and devices say that they have events", async (world) => {
    const { results } = await world.call("Read", {
      nodesToRead: ["i=2253", `ns=2;s=${DEV}`].map((nodeId) => ({ nodeId, attributeId: 12 })),
    });
    for (const { value } of results) strictEqual(value.value & 1, 1);
  });
  conformance(
    "Monitor Basic Event Filter",
    "an event item without a filter is refused or has one of its own",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await subscription.items({
          ...eventItem("i=2253", []),
          requestedParameters: { samplingInterval: 0, queueSize: 10 },
        });
        ok(
          ["Good", "BadEventFilterInvalid", "BadFilterNotAllowed"].includes(created?.statusCode ?? ""),
          created?.statusCode,
        );
      }),
  );
  conformance(
    "Monitor Basic Event Filter",
    "a node without events is no place to listen",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await subscription.items(eventItem(`ns=2;s=${DEV}/level`, ["EventId"]));
        strictEqual(created?.statusCode, "BadAttributeIdInvalid");
      }),
  );
  conformance(
    "Monitor Basic Event Filter",
    "fields come in the order in which they were asked for",
    (world) =>
      subscribed(world, async (subscription) => {
        const [created] = await subscription.items(eventItem("i=2253", ["Severity", "ConditionName", "NoSuchField"]));
        strictEqual(created?.statusCode, "Good");
        const stage = stageOf(world);
        stage.value(DEV, "level", 50);
        stage.value(DEV, "level", 85);
        const fields = await waitFor("an event", async () => {
          const answer = await subscription.publish();
          const data = answer.notificationMessage?.notificationData?.[0];
          return data?.events?.find(({ eventFields }: { eventFields: { value: unknown }[] }) =>
            eventFields[0]?.value === 500
          )?.eventFields;
        });
        deepStrictEqual([fields.length, fields[1].value, fields[2].dataType], [3, "Limit", 0]);
      }),
  );
  conformance(
    "Monitor Complex Event Filter",
    "a condition on a field leaves other events out",
    (world) =>
      subscribed(world, async (subscription) => {
        const where = [{
          filterOperator: 2,
          filterOperands: [operand("Severity"), { $type: "LiteralOperand", value: { dataType: 5, value: 700 } }],
        }];
        const [created] = await subscription.items(eventItem("i=2253", ["Severity"], where));
        strictEqual(created?.statusCode, "Good");
        const stage = stageOf(world);
        for (const level of [50, 85, 50, 95]) stage.value(DEV, "level", level);
        const severities = await waitFor("an event", async () => {
          const answer = await subscription.publish();
          const events = answer.notificationMessage?.notificationData?.[0]?.events as {
            eventFields: { value: number }[];
          }[] | undefined;
          return events?.map(({ eventFields }) => eventFields[0]?.value);
        });
        ok(severities.length > 0 && severities.every((severity) => Number(severity) > 700), String(severities));
      }),
  );
  conformance(
    "Base Info EventQueueOverflow EventType",
    "an event queue that runs over says so with an event",
    (world) =>
      subscribed(world, async (subscription) => {
        const overflowing = eventItem("i=2253", ["EventType"]);
        Object.assign(overflowing.requestedParameters, { queueSize: 1 });
        await subscription.items(overflowing);
        // with a request that waits, nothing is told between the cycles
        let waiting: Promise<ServiceAnswer> | null = subscription.publish();
        const stage = stageOf(world);
        // the shortest queue of events holds a hundred, and a storm is told in slices: a cycle may end in the midst of it
        for (let i = 0; i < 200; i++) {
          stage.value(DEV, "door", true);
          stage.value(DEV, "door", false);
        }
        await waitFor("the overflow", async () => {
          const answer = await (waiting ?? subscription.publish());
          waiting = null;
          const events = answer.notificationMessage?.notificationData?.[0]?.events as {
            eventFields: { value: unknown }[];
          }[] | undefined;
          return events?.some(({ eventFields }) => eventFields[0]?.value === "ns=0;i=3035") ? true : null;
        });
      }, { requestedPublishingInterval: 500 }),
  );
});
