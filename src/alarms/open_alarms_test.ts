import assert from "node:assert/strict";
import fc from "fast-check";
import { AlarmWorld, DEVICE, limitAlarm, operator } from "../../tests/lib/alarm_world.ts";
import { tagDefinition } from "../../tests/lib/tag_definition.ts";
import type { AlarmDefinition } from "../config/alarm_definition.ts";
import { Quality } from "../tags/quality.ts";
import { tagId } from "../tags/tag.ts";
import type { AlarmCause, LimitState } from "./alarms.ts";
import { limitStateOf } from "./limit_state.ts";

const LEVEL = `${DEVICE}/level/$alarm`;
const request = (more: { eventId?: string; comment?: string } = {}) => ({ id: LEVEL, by: operator, ...more });
const staleDevice: AlarmDefinition = {
  kind: "stale_device",
  id: `${DEVICE}/$alarm`,
  devEui: DEVICE,
  deviceName: "Tank",
  severity: 500,
};

Deno.test("a value beyond a limit is told, acknowledged, confirmed, and over", async () => {
  await using world = new AlarmWorld();
  world.set({ level: 31 });
  assert.deepEqual(await world.causes(), ["active"]);
  const raised = world.alarm();
  assert.deepEqual(
    [raised.active, raised.limitState, raised.severity, raised.value, raised.timeUs],
    [true, "High", 500, 31, world.nowUs],
  );
  assert.equal(raised.message, "Tank level is 31 cm: high limit 30 cm");
  await world.pass(5);
  const answer = world.alarms.acknowledge(request({ eventId: raised.eventId, comment: " on my\u0007 way\n" }));
  assert.ok(answer.ok);
  assert.deepEqual(answer.alarm.comment, { text: "on my way", by: "anna", timeUs: world.nowUs });
  world.set({ level: 20 });
  assert.equal(world.alarm().message, "Tank level is back within its limits: 20 cm");
  assert.ok(world.alarms.confirm(request()).ok);
  assert.deepEqual(await world.causes(), ["acknowledged", "inactive", "confirmed"]);
  assert.equal(world.alarm().retain, false);
  assert.deepEqual(world.journal().map(({ cause, by, sequence }) => [sequence, cause, by]), [
    [1, "active", null],
    [2, "acknowledged", "anna"],
    [3, "inactive", null],
    [4, "confirmed", "anna"],
  ]);
  assert.equal(new Set(world.journal().map(({ alarm }) => alarm.eventId)).size, 4);
  const lines = world.feed.since().map(({ event, level, subject }) => [event, level, subject]);
  assert.deepEqual(lines, [["alarm_active", "warning", DEVICE], ["alarm_inactive", "info", DEVICE]]);
});

Deno.test("an event can be acknowledged until the alarm wants it anew, whatever was written to it meanwhile", async () => {
  await using world = new AlarmWorld();
  world.set({ level: 31 });
  const first = world.alarm().eventId;
  assert.ok(world.alarms.addComment(request({ comment: "looking" })).ok);
  world.nowUs++;
  world.set({ level: 45 });
  const second = world.alarm().eventId;
  const old = world.alarms.acknowledge(request({ eventId: first }));
  assert.ok(!old.ok && old.reason === "unknown_event", JSON.stringify(old));
  const invented = world.alarms.acknowledge(request({ eventId: "ab".repeat(16) }));
  assert.ok(!invented.ok && invented.reason === "unknown_event");
  assert.ok(world.alarms.addComment(request({ comment: "still" })).ok);
  assert.ok(world.alarms.acknowledge(request({ eventId: second })).ok);
  const unknown = world.alarms.acknowledge({ id: "nothing", by: operator });
  assert.ok(!unknown.ok && unknown.reason === "unknown_alarm");
});

Deno.test("late samples go to history alone and never move an alarm", async () => {
  await using world = new AlarmWorld();
  world.set({ level: 20 });
  world.set({ level: 99 }, Quality.Good, world.nowUs - 60_000_000);
  assert.deepEqual(await world.causes(), []);
});

Deno.test("a bad value neither raises nor clears an alarm, an uncertain one counts", async () => {
  await using world = new AlarmWorld();
  world.set({ level: 99 }, Quality.BadSensorFailure);
  assert.deepEqual(await world.causes(), []);
  world.nowUs++;
  world.set({ level: 31 }, Quality.UncertainEngineeringUnitsExceeded);
  assert.deepEqual(await world.causes(), ["active"]);
  world.nowUs++;
  world.set({ level: 20 }, Quality.BadSensorFailure);
  assert.deepEqual(await world.causes(), ["quality"]);
  assert.deepEqual([world.alarm().active, world.alarm().quality], [true, Quality.BadSensorFailure]);
  world.nowUs++;
  world.set({ level: 20 });
  assert.deepEqual(await world.causes(), ["inactive"]);
});

Deno.test("age alone changes what is known of an active alarm, and nothing of one that nobody looks at", async () => {
  await using world = new AlarmWorld({
    tags: [tagDefinition({ group: DEVICE, name: "level", staleAfterMs: 60_000, badAfterMs: 3_600_000 })],
  });
  world.set({ level: 20 });
  await world.pass(7200);
  assert.deepEqual(await world.causes(), []);
  world.set({ level: 50 });
  await world.pass(61);
  await world.pass(3600);
  assert.deepEqual(await world.causes(), ["active", "quality", "quality"]);
  assert.deepEqual([world.alarm().active, world.alarm().quality], [true, Quality.BadNoCommunication]);
});

Deno.test("a delay waits for the condition to last, by the samples' times and by the clock", async () => {
  await using world = new AlarmWorld({ definitions: [limitAlarm({ delayMs: 60_000 })] });
  world.set({ level: 31 });
  await world.pass(59);
  world.set({ level: 20 });
  await world.pass(120);
  assert.deepEqual(await world.causes(), [], "it was over before it lasted");
  world.set({ level: 31 });
  const sinceUs = world.nowUs;
  await world.pass(30);
  world.set({ level: 45 });
  await world.pass(29);
  assert.deepEqual(await world.causes(), []);
  await world.pass(1);
  assert.deepEqual(await world.causes(), ["active"]);
  assert.deepEqual([world.alarm().limitState, world.alarm().timeUs], ["HighHigh", sinceUs + 60_000_000]);
  world.set({ level: 20 }, Quality.Good, world.nowUs + 1);
  assert.deepEqual(await world.causes(), ["inactive"], "going back does not wait");
  await world.pass(100);
  world.set({ level: 31 });
  const [beforeUs] = [world.nowUs];
  world.nowUs += 300_000_000;
  world.set({ level: 20 });
  assert.deepEqual(await world.causes(), ["active", "inactive"], "the value lasted until the next one came");
  assert.equal(world.journal().at(-2)?.alarm.timeUs, beforeUs + 60_000_000);
  world.nowUs++;
  world.set({ level: 31 });
  world.nowUs++;
  world.set({ level: 31 }, Quality.BadSensorFailure);
  await world.pass(3600);
  assert.deepEqual(await world.causes(), ["quality"], "what is not known does not last");
});

Deno.test("a two-state tag outside its normal state is an alarm", async () => {
  const id = `${DEVICE}/open/$alarm`;
  const definition = { kind: "off_normal", id, tagId: tagId(DEVICE, "open"), name: "Door" } as const;
  await using world = new AlarmWorld({
    tags: [tagDefinition({ group: DEVICE, name: "open", type: "Bool", dataType: "Boolean" })],
    definitions: [{ ...definition, delayMs: 0, message: "The door is open", normal: false, severity: 700 }],
  });
  world.set({ open: false });
  assert.deepEqual(await world.causes(), []);
  world.nowUs++;
  world.set({ open: true });
  assert.deepEqual(await world.causes(), ["active"]);
  const { message, severity, value, limitState } = world.alarm(id);
  assert.deepEqual([message, severity, value, limitState], ["The door is open", 700, true, null]);
  world.nowUs++;
  world.set({ open: false });
  assert.deepEqual(await world.causes(), ["inactive"]);
});

Deno.test("shelving ends with its time, with the alarm, or by hand", async () => {
  await using world = new AlarmWorld();
  assert.ok(world.alarms.shelve(request({ comment: "being cleaned" }), 60_000).ok);
  assert.equal(world.alarms.counts().shelved, 1);
  await world.pass(59);
  assert.deepEqual(await world.causes(), ["shelved"]);
  await world.pass(1);
  assert.deepEqual(await world.causes(), ["unshelved"]);
  assert.ok(world.alarms.shelve(request(), null).ok);
  world.set({ level: 50 });
  await world.pass(86_400);
  assert.equal(world.alarm().shelving.kind, "one_shot");
  world.set({ level: 10 });
  assert.deepEqual((await world.causes()).filter((cause) => cause !== "quality"), [
    "shelved",
    "active",
    "inactive",
    "unshelved",
  ]);
  assert.equal(world.feed.since().length, 0, "nobody wants to hear of a shelved alarm");
  const tooLong = world.alarms.shelve(request(), 8 * 86_400_000);
  assert.ok(!tooLong.ok && tooLong.reason === "shelving_time");
  assert.ok(world.alarms.shelve(request(), 60_000).ok);
  await world.restart();
  await world.pass(61);
  assert.deepEqual(await world.causes(), ["shelved", "unshelved"], "the time goes on over a restart");
});

Deno.test("a disabled alarm follows nothing, and what holds when it is enabled is told", async () => {
  await using world = new AlarmWorld();
  assert.ok(world.alarms.disable(request()).ok);
  world.set({ level: 50 });
  assert.deepEqual(await world.causes(), ["disabled"]);
  await world.restart();
  assert.deepEqual([world.alarm().enabled, world.alarm().active, world.alarms.counts().active], [false, false, 0]);
  const answer = world.alarms.enable(request());
  assert.ok(answer.ok && answer.alarm.active);
  assert.deepEqual(await world.causes(), ["enabled", "active"]);
});

Deno.test("after a restart state and ids are the same, and nothing is told that did not change", async () => {
  await using world = new AlarmWorld();
  world.set({ level: 50 });
  assert.ok(world.alarms.addComment(request({ comment: "seen" })).ok);
  const firstEvent = world.journal()[0]?.alarm.eventId ?? "";
  await world.causes();
  const before = world.alarm();
  for (let i = 0; i < 3; i++) {
    await world.restart();
    assert.deepEqual(world.alarm(), before);
  }
  assert.deepEqual(await world.causes(), []);
  assert.ok(world.alarms.acknowledge(request({ eventId: firstEvent })).ok, "the event before the restart counts");
  assert.deepEqual(world.journal().map(({ sequence }) => sequence), [1, 2, 3]);
});

Deno.test("what changed while the gateway was down is told once", async () => {
  await using world = new AlarmWorld();
  world.set({ level: 35 });
  await world.causes();
  await world.restart([limitAlarm({ limits: { lolo: null, lo: 0, hi: 50, hihi: 60 } })]);
  assert.deepEqual(await world.causes(), ["inactive"]);
  await world.restart([limitAlarm({ limits: { lolo: null, lo: 40, hi: 50, hihi: 60 } })]);
  assert.deepEqual(await world.causes(), ["active"]);
  await world.restart([]);
  assert.deepEqual(await world.causes(), ["removed"]);
  await world.restart([]);
  assert.deepEqual(await world.causes(), []);
  await world.restart([limitAlarm()]);
  assert.deepEqual(await world.causes(), ["active"], "an alarm that comes back begins anew");
});

Deno.test("a changed configuration keeps what stays, begins what is new and removes what is gone", async () => {
  const other = limitAlarm({ id: `${DEVICE}/flow/$alarm`, tagId: tagId(DEVICE, "flow"), name: "Flow" });
  await using world = new AlarmWorld({
    tags: ["level", "flow"].map((name) => tagDefinition({ group: DEVICE, name })),
  });
  let told = 0;
  world.alarms.onDefinitions(() => told++);
  world.set({ level: 35, flow: 35 });
  assert.ok(world.alarms.acknowledge(request()).ok);
  await world.causes();
  const before = world.alarm();
  world.alarms.define([other, limitAlarm({ name: "Level of the tank" })]);
  assert.deepEqual(await world.causes(), ["active"]);
  assert.deepEqual(world.alarm(), { ...before, name: "Level of the tank" });
  assert.deepEqual(world.alarms.list().slice(0, 2).map(({ id }) => id), [other.id, LEVEL]);
  assert.equal(world.alarms.definition(LEVEL)?.kind, "limit");
  const loud = { lolo: 900, lo: 900, hi: 900, hihi: 900 };
  world.alarms.define([limitAlarm({ severities: loud })]);
  assert.deepEqual(await world.causes(), ["removed", "severity"]);
  assert.deepEqual([world.alarm().severity, world.alarm().acknowledged], [900, false]);
  assert.equal(world.alarms.get(other.id), undefined);
  assert.equal(told, 2);
});

Deno.test("a device is silent when all its values are stale, and heard with the next sample", async () => {
  const tags = ["level", "flow"].map((name, n) =>
    tagDefinition({ group: DEVICE, name, staleAfterMs: (n + 1) * 100_000 })
  );
  await using world = new AlarmWorld({ tags, definitions: [staleDevice] });
  await world.pass(3600);
  assert.deepEqual(await world.causes(), [], "a device that was never heard has until its values would be bad");
  world.set({ level: 1, flow: 1 });
  const heardUs = world.nowUs;
  await world.pass(150);
  assert.deepEqual(await world.causes(), [], "one of the values is still good");
  await world.pass(51);
  assert.deepEqual(await world.causes(), ["active"]);
  const silent = world.alarm(staleDevice.id);
  assert.deepEqual([silent.source, silent.timeUs, silent.value], [DEVICE, heardUs + 200_000_000, null]);
  await world.restart();
  await world.pass(120);
  assert.deepEqual(await world.causes(), [], "it is silent as before");
  assert.deepEqual(world.alarm(staleDevice.id), silent);
  world.set({ level: 1 }, Quality.Good, world.nowUs - 150_000_000);
  assert.deepEqual(await world.causes(), [], "a replayed sample that is stale itself is no sign of life");
  world.set({ level: 1 });
  assert.deepEqual(await world.causes(), ["inactive"]);
  await world.restart();
  await world.pass(30);
  assert.deepEqual(await world.causes(), []);
});

Deno.test("a device that was never heard is silent after its values would have become bad", async () => {
  const tags = [tagDefinition({ group: DEVICE, name: "level", badAfterMs: 3_600_000 })];
  await using world = new AlarmWorld({ tags, definitions: [staleDevice] });
  await world.pass(3600);
  assert.deepEqual(await world.causes(), []);
  await world.pass(1);
  assert.deepEqual(await world.causes(), ["active"]);
  await world.restart();
  await world.pass(100);
  assert.deepEqual(await world.causes(), []);
});

Deno.test("after a start a device has a minute to be heard before it counts as silent", async () => {
  const tags = [tagDefinition({ group: DEVICE, name: "level", staleAfterMs: 1000 })];
  await using world = new AlarmWorld({ tags, definitions: [staleDevice] });
  world.set({ level: 1 });
  await world.restart();
  await world.pass(59);
  assert.deepEqual(await world.causes(), []);
  await world.pass(2);
  assert.deepEqual(await world.causes(), ["active"]);
});

Deno.test("the gateway's alarms follow its faults, but not the moments in which a part restarts", async () => {
  await using world = new AlarmWorld({ definitions: [] });
  const id = "Gateway/$alarm/SourceOutage";
  world.faults.raise("source_unreachable", "no route", "http://10.0.0.1");
  assert.deepEqual(await world.causes(), ["active"]);
  const down = world.alarm(id);
  assert.deepEqual([down.kind, down.source, down.severity], ["source_outage", "gateway", 800]);
  assert.match(down.message, /ChirpStack cannot be reached: no route/);
  world.faults.clear("source_unreachable", "http://10.0.0.1");
  await world.pass(9);
  world.faults.raise("source_unreachable", "no route still", "http://10.0.0.1");
  await world.pass(100);
  assert.deepEqual(await world.causes(), []);
  await world.restart();
  await world.pass(29);
  assert.deepEqual([world.alarm(id), await world.causes()], [down, []]);
  await world.pass(2);
  assert.deepEqual(await world.causes(), ["inactive"], "nobody raised it again");
  world.faults.raise("tls_certificate_expiring", "in 30 days", "cert.pem");
  assert.equal(world.alarm("Gateway/$alarm/WebCertificate").severity, 500);
  world.faults.raise("tls_certificate_expired", "yesterday", "cert.pem");
  assert.deepEqual(await world.causes(), ["active", "severity"]);
  assert.equal(world.feed.since().length, 0, "faults have lines of their own");
});

Deno.test("over any values and restarts the state is what the values say, and each event is one change", async () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.double({ min: -20, max: 60, noNaN: true }) },
    { weight: 1, arbitrary: fc.constantFrom("restart", "bad", "acknowledge") },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await using world = new AlarmWorld();
      const { alarms } = world;
      let expected: LimitState | null = null;
      const causes: AlarmCause[] = [];
      let bad = false;
      for (const one of steps) {
        world.nowUs += 1000;
        if (one === "restart") await world.restart();
        else if (one === "acknowledge") {
          if (world.alarms.acknowledge(request()).ok) causes.push("acknowledged");
        } else if (one === "bad") {
          world.set({ level: null }, Quality.BadSensorFailure);
          if (!bad && world.alarm().retain) causes.push("quality");
          bad = true;
        } else {
          world.set({ level: one as number });
          const next = limitStateOf(limitAlarm(), one as number, expected);
          if (next !== expected) causes.push(expected === null ? "active" : next === null ? "inactive" : "limit");
          else if (bad && world.alarm().retain) causes.push("quality");
          bad = false;
          expected = next;
        }
        assert.deepEqual([world.alarm().limitState, world.alarm().active], [expected, expected !== null]);
      }
      assert.deepEqual(await world.causes(), causes);
      assert.deepEqual(world.journal().map(({ sequence }) => sequence), causes.map((_, index) => index + 1));
      assert.ok(alarms !== undefined);
    }),
    { numRuns: 40 },
  );
});
