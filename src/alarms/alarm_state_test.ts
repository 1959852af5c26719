import assert from "node:assert/strict";
import fc from "fast-check";
import { Quality } from "../tags/quality.ts";
import * as state from "./alarm_state.ts";
import type { Alarm, AlarmRefusal } from "./alarms.ts";

const fresh = state.newAlarm({
  id: "0011223344556677/level/$alarm",
  kind: "limit",
  source: "0011223344556677/level",
  name: "Tank level",
  severity: 500,
  message: "",
  quality: Quality.Good,
});

const seen = (changes: Partial<state.Seen> = {}): state.Seen => ({
  active: true,
  limitState: "High",
  severity: 500,
  message: "high",
  value: 31,
  quality: Quality.Good,
  timeUs: 1,
  ...changes,
});
const normal = seen({ active: false, limitState: null, message: "back", value: 20 });

/** The alarm after a step that has to be taken. */
function after(alarm: Alarm, step: state.Step | AlarmRefusal | null, timeUs = 1): Alarm {
  assert.ok(step !== null && typeof step !== "string", `refused: ${step}`);
  return state.take(alarm, step, timeUs, `${timeUs}`.padStart(32, "0"));
}

Deno.test("the life of an alarm is that of OPC 10000-9 annex B.1", () => {
  const flags = ({ active, acknowledged, confirmed, retain }: Alarm) => [active, acknowledged, confirmed, retain];
  assert.deepEqual(flags(fresh), [false, true, true, false]);
  const raised = after(fresh, state.follow(fresh, seen()));
  assert.deepEqual(flags(raised), [true, false, false, true]);
  const acknowledged = after(raised, state.acknowledge(raised, 5));
  assert.deepEqual(flags(acknowledged), [true, true, false, true]);
  const gone = after(acknowledged, state.follow(acknowledged, normal));
  assert.deepEqual(flags(gone), [false, true, false, true]);
  const confirmed = after(gone, state.confirm(gone, 6));
  assert.deepEqual(flags(confirmed), [false, true, true, false]);
  const again = after(confirmed, state.follow(confirmed, seen()));
  assert.deepEqual(flags(again), [true, false, false, true]);
  assert.deepEqual([again.acknowledgedUs, again.confirmedUs], [null, null]);
});

Deno.test("getting worse wants acknowledging anew, getting better does not", () => {
  const raised = after(fresh, state.follow(fresh, seen()));
  const acknowledged = after(raised, state.acknowledge(raised, 2));
  const worse = after(acknowledged, state.follow(acknowledged, seen({ limitState: "HighHigh", severity: 500 })));
  assert.deepEqual([worse.acknowledged, worse.limitState], [false, "HighHigh"]);
  const answered = after(worse, state.acknowledge(worse, 3));
  const better = after(answered, state.follow(answered, seen({ limitState: "High" })));
  assert.deepEqual([better.acknowledged, better.limitState, better.active], [true, "High", true]);
  const other = after(better, state.follow(better, seen({ limitState: "Low" })));
  assert.equal(other.acknowledged, false);
});

Deno.test("what cannot be done is refused with its reason", () => {
  const raised = after(fresh, state.follow(fresh, seen()));
  const off = after(raised, state.disable(raised));
  assert.equal(off.retain, false);
  for (const step of [state.acknowledge(off, 1), state.confirm(off, 1), state.comment(off), state.shelve(off, 1, 1)]) {
    assert.equal(step, "disabled");
  }
  assert.equal(state.follow(off, normal), null);
  assert.equal(state.disable(off), "already_disabled");
  assert.equal(state.enable(raised), "already_enabled");
  assert.equal(state.acknowledge(fresh, 1), "already_acknowledged");
  assert.equal(state.confirm(fresh, 1), "already_confirmed");
  assert.equal(state.confirm(raised, 1), "not_acknowledged");
  assert.equal(state.unshelve(raised), "not_shelved");
  for (const time of [0, -1, NaN, Infinity, state.MAX_SHELVED_MS + 1]) {
    assert.equal(state.shelve(raised, time, 1), "shelving_time", String(time));
  }
  const timed = after(raised, state.shelve(raised, 1000, 10));
  assert.deepEqual(timed.shelving, { kind: "timed", untilUs: 1_000_010 });
  assert.equal(state.shelve(timed, 2000, 1), "already_shelved");
  const once = after(timed, state.shelve(timed, null, 1));
  assert.deepEqual(once.shelving, { kind: "one_shot" });
  assert.equal(state.shelve(once, null, 1), "already_shelved");
  assert.deepEqual([state.isShelvingOver(timed, 1_000_009), state.isShelvingOver(timed, 1_000_010)], [false, true]);
});

type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

const action = fc.oneof(
  fc.record({
    do: fc.constant("see" as const),
    limitState: fc.constantFrom("HighHigh", "High", "Low", "LowLow", null),
    severity: fc.constantFrom(500, 800),
    quality: fc.constantFrom(Quality.Good, Quality.UncertainLastUsableValue),
  }),
  fc.record({
    do: fc.constantFrom("acknowledge", "confirm", "comment", "shelve", "once", "unshelve", "enable", "disable"),
  }),
  fc.record({ do: fc.constant("bad" as const) }),
);

Deno.test("whatever happens: retain says what it should, no event without a change, nothing moves while disabled", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      let alarm = fresh;
      // what an operator owes the alarm, kept apart from the code
      let owes: "acknowledge" | "confirm" | null = null;
      for (const [index, one] of actions.entries()) {
        const before = alarm;
        const timeUs = index + 1;
        const step = stepOf(alarm, one, timeUs);
        if (step === null || typeof step === "string") {
          if (one.do === "acknowledge") assert.ok(owes !== "acknowledge" || !alarm.enabled);
          if (one.do === "confirm") assert.ok(owes !== "confirm" || !alarm.enabled);
          continue;
        }
        alarm = after(alarm, step, timeUs);
        if (step.cause === "acknowledged") owes = "confirm";
        if (step.cause === "confirmed") owes = null;
        if (alarm.active && (!before.active || outward(before, alarm))) owes = "acknowledge";
        assert.equal(alarm.acknowledged, owes !== "acknowledge");
        assert.equal(alarm.confirmed, owes === null);
        assert.equal(alarm.retain, alarm.enabled && (alarm.active || owes !== null));
        assert.equal(alarm.active, alarm.limitState !== null);
        assert.equal(alarm.activeSinceUs !== null, alarm.active);
        if (!before.enabled) assert.equal(step.cause, "enabled");
        if (step.cause !== "commented") {
          const still = { ...alarm, eventId: before.eventId, timeUs: before.timeUs };
          assert.notDeepEqual(still, before, `${step.cause} changed nothing`);
        }
        if (one.do === "see") assert.equal(stepOf(alarm, one, timeUs + 1), null, "the same again makes no event");
      }
    }),
    { numRuns: 500 },
  );
});

function outward(before: Alarm, now: Alarm): boolean {
  const place = { LowLow: -2, Low: -1, High: 1, HighHigh: 2 };
  const [from, to] = [place[before.limitState ?? "High"], place[now.limitState ?? "High"]];
  if (from === to) return now.severity > before.severity;
  return Math.sign(from) !== Math.sign(to) || Math.abs(to) > Math.abs(from);
}

function stepOf(alarm: Alarm, one: Action, timeUs: number): state.Step | AlarmRefusal | null {
  switch (one.do) {
    case "see": {
      const { limitState, severity, quality } = one as Extract<typeof one, { limitState: unknown }>;
      const active = limitState !== null;
      return state.follow(alarm, seen({ active, limitState, severity, quality, timeUs, value: timeUs }));
    }
    case "bad":
      return state.seenAs(alarm, Quality.BadNoCommunication, 1);
    case "acknowledge":
      return state.acknowledge(alarm, timeUs);
    case "confirm":
      return state.confirm(alarm, timeUs);
    case "comment":
      return state.comment(alarm);
    case "shelve":
      return state.shelve(alarm, 1000, timeUs);
    case "once":
      return state.shelve(alarm, null, timeUs);
    case "unshelve":
      return state.unshelve(alarm);
    case "enable":
      return state.enable(alarm);
    default:
      return state.disable(alarm);
  }
}
