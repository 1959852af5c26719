import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { A, AlarmWorld, bytes, LEVEL, node, Scada, someFields, text } from "../lib/opcua_alarm_world.ts";
import { startOpcUaClient } from "../lib/opcua_client_process.ts";

const ACKNOWLEDGE = "i=9111";
const CONFIRM = "i=9113";
const ADD_COMMENT = "i=9029";
const ENABLE = "i=9027";
const DISABLE = "i=9028";
const TIMED_SHELVE = "i=9213";
const ONE_SHOT_SHELVE = "i=9212";
const UNSHELVE = "i=9211";

Deno.test("people answer alarms through OPC UA", async (t) => {
  await using world = await AlarmWorld.open();
  await using client = await startOpcUaClient();
  const operator = await Scada.open(client, world.server.url, "operator");
  const viewer = await Scada.open(client, world.server.url, "viewer");
  const engineer = await Scada.open(client, world.server.url, "engineer");
  const fields = [...someFields, "ConfirmedState/Id", "Comment", "ClientUserId", "ShelvingState/CurrentState"];
  const events = await operator.listen("i=2253", fields);
  const others = await viewer.listen("i=2253", fields);
  const both = async () => {
    const event = await events.next();
    deepStrictEqual(await others.next(), event, "every client sees the same event");
    return event;
  };
  world.value(A, "level", 50);
  world.value(A, "level", 85);
  const first = await both();
  const level = node(LEVEL);

  await t.step("a viewer is refused, and the audit knows who and from where", async () => {
    strictEqual(await viewer.call(level, ACKNOWLEDGE, bytes(first.EventId), text("no")), "BadUserAccessDenied");
    strictEqual(world.server.alarms.get(LEVEL)?.acknowledged, false);
    const { records } = await world.operations.result("audit.tail", {});
    const record = records.find((one: unknown) => JSON.stringify(one).includes("alarms.ack"));
    ok(JSON.stringify(record).includes("viewer"), JSON.stringify(record));
    ok(JSON.stringify(record).includes("127.0.0.1"), JSON.stringify(record));
    ok(JSON.stringify(record).includes(LEVEL), JSON.stringify(record));
  });

  await t.step("confirm before acknowledge, and events that nobody sent", async () => {
    strictEqual(await operator.call(level, CONFIRM, bytes(first.EventId), text(null)), "BadInvalidState");
    for (const id of ["00".repeat(16), "ab", ""]) {
      strictEqual(await operator.call(level, ACKNOWLEDGE, bytes(id), text("x")), "BadEventIdUnknown");
    }
  });

  await t.step("arguments are judged before anything happens", async () => {
    strictEqual(await operator.call(level, ACKNOWLEDGE, bytes(first.EventId)), "BadArgumentsMissing");
    strictEqual(
      await operator.call(level, ACKNOWLEDGE, bytes(first.EventId), text("x"), text("y")),
      "BadTooManyArguments",
    );
    strictEqual(
      await operator.call(level, ACKNOWLEDGE, ["String", "x"], text("x")),
      "BadInvalidArgument",
    );
    strictEqual(await operator.call(node(`${A}/none/$alarm`), ACKNOWLEDGE, bytes("00"), text("x")), "BadNodeIdUnknown");
    strictEqual(await operator.call("i=2881", ACKNOWLEDGE, bytes("00".repeat(16)), text("x")), "BadNodeIdInvalid");
    strictEqual(await operator.call(level, "i=2949", ["Int32", 1]), "BadInvalidArgument");
  });

  await t.step("acknowledge, then confirm, each once", async () => {
    strictEqual(await operator.call(level, ACKNOWLEDGE, bytes(first.EventId), text("on my way")), "Good");
    const acked = await both();
    deepStrictEqual(
      [acked["AckedState/Id"], acked["ConfirmedState/Id"], acked.Comment, acked.ClientUserId, acked.Retain],
      [true, false, "on my way", "operator", true],
    );
    ok(acked.EventId !== first.EventId);
    strictEqual(
      await operator.call(level, ACKNOWLEDGE, bytes(acked.EventId), text("again")),
      "BadConditionBranchAlreadyAcked",
    );
    strictEqual(await operator.call(level, `ns=2;s=${LEVEL}/Confirm`, bytes(acked.EventId), text(null)), "Good");
    const confirmed = await both();
    deepStrictEqual([confirmed["ConfirmedState/Id"], confirmed.Comment], [true, "on my way"]);
    strictEqual(
      await operator.call(level, CONFIRM, bytes(confirmed.EventId), text(null)),
      "BadConditionBranchAlreadyConfirmed",
    );
    world.value(A, "level", 50);
    const over = await both();
    deepStrictEqual([over.Retain, over["ActiveState/Id"]], [false, false]);
  });

  await t.step("comments", async () => {
    const { eventId } = world.server.alarms.get(LEVEL) ?? {};
    strictEqual(await operator.call(level, ADD_COMMENT, bytes(eventId), text("sensor cleaned")), "Good");
    const event = await both();
    deepStrictEqual([event.Comment, event.ClientUserId], ["sensor cleaned", "operator"]);
  });

  await t.step("shelving for a time, once, and back", async () => {
    const shelving = node(`${LEVEL}/ShelvingState`);
    strictEqual(await operator.call(level, UNSHELVE), "BadConditionNotShelved");
    for (const ms of [0, -1, 604_800_001]) {
      strictEqual(await operator.call(level, TIMED_SHELVE, ["Double", ms]), "BadShelvingTimeOutOfRange");
    }
    // by ConditionId and the type's method, and by the state machine's own node
    strictEqual(await operator.call(shelving, "i=2949", ["Double", 3_600_000]), "Good");
    strictEqual((await both())["ShelvingState/CurrentState"], "Timed Shelved");
    const [time] = await operator.read([node(`${LEVEL}/ShelvingState/UnshelveTime`)]);
    ok(Number(time?.value) > 3_500_000 && Number(time?.value) <= 3_600_000, String(time?.value));
    strictEqual(await operator.call(level, TIMED_SHELVE, ["Double", 1000]), "BadConditionAlreadyShelved");
    strictEqual(await operator.call(level, UNSHELVE), "Good");
    strictEqual((await both())["ShelvingState/CurrentState"], "Unshelved");
    strictEqual(await operator.call(level, ONE_SHOT_SHELVE), "Good");
    strictEqual((await both())["ShelvingState/CurrentState"], "One Shot Shelved");
    strictEqual(await operator.call(level, ONE_SHOT_SHELVE), "BadConditionAlreadyShelved");
    strictEqual(await operator.call(level, "i=2947"), "Good");
    await both();
  });

  await t.step("enable and disable are an engineer's", async () => {
    strictEqual(await operator.call(level, DISABLE), "BadUserAccessDenied");
    strictEqual(await engineer.call(level, ENABLE), "BadConditionAlreadyEnabled");
    strictEqual(await engineer.call(level, DISABLE), "Good");
    const event = await both();
    deepStrictEqual([event.Retain, event["ActiveState/Id"]], [false, "status:BadConditionDisabled"]);
    const [active, enabled] = await operator.read(
      ["ActiveState", "EnabledState/Id"].map((of) => node(`${LEVEL}/${of}`)),
    );
    deepStrictEqual([active?.statusName, enabled?.value], ["BadConditionDisabled", false]);
    strictEqual(await engineer.call(level, DISABLE), "BadConditionAlreadyDisabled");
    strictEqual(await operator.call(level, ACKNOWLEDGE, bytes(event.EventId), text("x")), "BadConditionDisabled");
    strictEqual(await operator.call(level, TIMED_SHELVE, ["Double", 1000]), "BadConditionDisabled");
    strictEqual(await engineer.call(level, ENABLE), "Good");
    strictEqual((await both())["ActiveState/Id"], false);
  });
});
