import assert from "node:assert/strict";
import type { AlarmRequest } from "./alarms.ts";
import { AlarmWorld, DEVICE, limitAlarm, operator } from "../../tests/lib/alarm_world.ts";
import { tagDefinition } from "../../tests/lib/tag_definition.ts";
import { tagId } from "../tags/tag.ts";
import type { StaleDeviceAlarmDefinition } from "../config/alarm_definition.ts";
import { Quality } from "../tags/quality.ts";

const DAY = 86_400;
const SILENT = `${DEVICE}/$alarm`;

function request(): AlarmRequest {
  return { id: `${DEVICE}/level/$alarm`, by: operator };
}

function silentAlarm(): StaleDeviceAlarmDefinition {
  return { kind: "stale_device", id: SILENT, devEui: DEVICE, deviceName: "Tank", severity: 500 };
}

Deno.test("a clock that is set back a day does not shelve an alarm for a day more", async () => {
  await using world = new AlarmWorld();
  world.set({ level: 35 });
  assert.ok(world.alarms.shelve(request(), 3_600_000).ok);
  await world.pass(10);
  await world.pass(-DAY);
  const { shelving } = world.alarm();
  assert.ok(shelving.kind === "timed" && shelving.untilUs <= world.nowUs + 3_600_000_000, JSON.stringify(shelving));
  assert.equal(world.events.at(-1)?.cause, "shelved", "whoever shows the end hears of it");
  await world.pass(3_601);
  assert.equal(world.alarm().shelving.kind, "unshelved");
});

Deno.test("a clock that is set back while the gateway is down shelves no longer than was asked for, at most a week", async () => {
  await using world = new AlarmWorld();
  assert.ok(world.alarms.shelve(request(), 3_600_000).ok);
  world.nowUs -= 30 * DAY * 1e6;
  await world.restart();
  await world.pass(7 * DAY + 1);
  assert.equal(world.alarm().shelving.kind, "unshelved");
});

Deno.test("a delay that runs while the clock is set back a day ends when it would have", async () => {
  await using world = new AlarmWorld({ definitions: [limitAlarm({ delayMs: 60_000 })] });
  world.set({ level: 35 });
  await world.pass(30);
  await world.pass(-DAY);
  await world.pass(40);
  assert.ok(world.alarm().active);
});

Deno.test("a clock that is set back a day blinds nobody to a device that falls silent", async () => {
  await using world = new AlarmWorld({
    definitions: [silentAlarm()],
    tags: [tagDefinition({ group: DEVICE, name: "level", staleAfterMs: 60_000, badAfterMs: 600_000 })],
  });
  await world.pass(120);
  await world.pass(-DAY);
  world.set({ level: 1 });
  await world.pass(200);
  assert.ok(world.alarm(SILENT).active);
});

Deno.test("a clock that was a day ahead leaves no device behind as silent", async () => {
  await using world = new AlarmWorld({
    definitions: [silentAlarm()],
    tags: [tagDefinition({ group: DEVICE, name: "level", staleAfterMs: 3_600_000, badAfterMs: 7_200_000 })],
  });
  world.set({ level: 1 });
  await world.pass(100);
  await world.pass(DAY);
  assert.ok(world.alarm(SILENT).active);
  await world.pass(-DAY);
  assert.ok(!world.alarm(SILENT).active);
});

Deno.test("a fault that goes while the clock is set back ends its alarm", async () => {
  await using world = new AlarmWorld();
  world.faults.raise("source_unreachable", "gone");
  world.faults.clear("source_unreachable");
  await world.pass(-DAY);
  await world.pass(40);
  assert.ok(!world.alarm("Gateway/$alarm/SourceOutage").active);
});

Deno.test("what is no number neither raises nor clears an alarm; what is infinite is beyond every limit", async () => {
  await using world = new AlarmWorld();
  const set = (value: number | string | boolean) => {
    world.nowUs += 1000;
    world.set({ level: value });
    return world.alarm().limitState;
  };
  assert.equal(set(NaN), null);
  assert.equal(set(Infinity), "HighHigh");
  assert.equal(set(NaN), "HighHigh", "nobody knows whether it is over");
  assert.equal(set("35"), "HighHigh");
  assert.equal(set(true), "HighHigh");
  assert.equal(set(-Infinity), "Low");
  assert.equal(set(-0), "Low", "the limit is reached at its value");
  assert.equal(set(2), "Low", "the deadband holds at its edge");
  assert.equal(set(2.001), null);
  assert.equal(set(-0), "Low");
  assert.equal(set(40), "HighHigh", "from one side to the other in one sample");
  assert.equal(set(38), "HighHigh");
  assert.equal(set(37.999), "High");
  assert.equal(set(28), "High");
  assert.equal(set(27.999), null);
  await world.told();
  await world.restart();
  assert.equal(world.alarm().limitState, null);
});

Deno.test("who takes all tags of a silent device out of use does not hear that it was heard", async () => {
  await using world = new AlarmWorld({
    definitions: [silentAlarm()],
    tags: [tagDefinition({ group: DEVICE, name: "level", staleAfterMs: 60_000, badAfterMs: 600_000 })],
  });
  world.set({ level: 1 });
  await world.pass(700);
  assert.ok(world.alarm(SILENT).active);
  world.tags.define([tagDefinition({ group: DEVICE, name: "level", enabled: false })]);
  world.alarms.define(world.definitions);
  await world.told();
  assert.ok(!world.alarm(SILENT).active);
  assert.doesNotMatch(world.alarm(SILENT).message, /heard/);
});

Deno.test("a delay that is made shorter while it runs counts from when the value became so", async () => {
  await using world = new AlarmWorld({ definitions: [limitAlarm({ delayMs: 3_600_000 })] });
  world.set({ level: 35 });
  await world.pass(30);
  world.alarms.define([limitAlarm({ delayMs: 10_000 })]);
  await world.pass(5);
  assert.ok(world.alarm().active);
});

Deno.test("limits that are widened while a delay runs raise no alarm of the old ones", async () => {
  await using world = new AlarmWorld({ definitions: [limitAlarm({ delayMs: 60_000 })] });
  world.set({ level: 35 });
  await world.pass(30);
  world.alarms.define([limitAlarm({ delayMs: 0, limits: { lolo: null, lo: 0, hi: 50, hihi: 60 } })]);
  await world.pass(60);
  assert.deepEqual(await world.causes(), []);
});

Deno.test("a forced value moves an alarm, and its end moves it back; backfill meanwhile moves nothing", async () => {
  await using world = new AlarmWorld();
  const id = tagId(DEVICE, "level");
  world.set({ level: 10 });
  world.nowUs += 1000;
  world.tags.force(id, 45, "anna");
  assert.equal(world.alarm().limitState, "HighHigh");
  world.set({ level: 99 }, Quality.Good, world.nowUs - 5_000_000);
  assert.equal(world.alarm().limitState, "HighHigh");
  world.nowUs += 1000;
  world.tags.unforce(id);
  assert.equal(world.alarm().limitState, null);
  assert.deepEqual(await world.causes(), ["active", "inactive"]);
});

Deno.test("two acknowledges at once: one counts, and an id of before a restart still does", async () => {
  await using world = new AlarmWorld();
  world.set({ level: 35 });
  const { eventId } = world.alarm();
  await world.restart();
  assert.ok(world.alarms.acknowledge({ ...request(), eventId }).ok);
  const again = world.alarms.acknowledge({ ...request(), eventId });
  assert.ok(!again.ok && again.reason === "already_acknowledged");
  await world.told();
  const ids = world.journal().map(({ alarm }) => alarm.eventId);
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("a fault that flaps makes one event", async () => {
  await using world = new AlarmWorld();
  for (let turn = 0; turn < 200; turn++) {
    world.faults.raise("source_unreachable", `attempt ${turn}`);
    await world.pass(1);
    world.faults.clear("source_unreachable");
    await world.pass(1);
  }
  assert.deepEqual(await world.causes(), ["active"]);
});
