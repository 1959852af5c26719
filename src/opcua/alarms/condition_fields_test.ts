import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { NodeId } from "node-opcua";
import type { Alarm, AlarmKind } from "../../alarms/alarms.ts";
import { newAlarm } from "../../alarms/alarm_state.ts";
import { Quality } from "../../tags/quality.ts";
import { conditionField, type ConditionView } from "./condition_fields.ts";

function view(kind: AlarmKind, differences: Partial<Alarm> = {}): ConditionView {
  const alarm = newAlarm({
    id: "d/t/$alarm",
    kind,
    source: "d/t",
    name: "t",
    severity: 500,
    message: "m",
    quality: Quality.Good,
  });
  return {
    alarm: { ...alarm, ...differences },
    definition: undefined,
    place: {
      sourceNode: NodeId.nullNodeId,
      sourceName: "Device/t",
      inputNode: null,
      conditionName: "Limit",
      normalNode: null,
    },
    lastSeverity: null,
    receiveTimeUs: 5_000_001,
    nowUs: 10_000_000,
    certificate: null,
  };
}

const value = (path: string, of: ConditionView) => conditionField(path, of)?.value;
const text = (path: string, of: ConditionView) => value(path, of)?.text ?? null;

Deno.test("conditionField() says how an alarm stands in one line", () => {
  const line = (differences: Partial<Alarm>) => text("EnabledState/EffectiveDisplayName", view("limit", differences));
  strictEqual(line({}), "Inactive");
  strictEqual(line({ active: true, limitState: "LowLow", acknowledged: false }), "Active | LowLow | Unacknowledged");
  strictEqual(line({ confirmed: false }), "Inactive | Unconfirmed");
  strictEqual(line({ enabled: false, active: true }), "Disabled");
});

Deno.test("conditionField() has no answer for what a disabled alarm would be", () => {
  const disabled = view("limit", { enabled: false, active: true, limitState: "High" });
  for (const path of ["ActiveState", "ActiveState/Id", "LimitState/CurrentState", "AckedState/Id", "Quality"]) {
    strictEqual(value(path, disabled).name, "BadConditionDisabled", path);
  }
  deepStrictEqual([value("EnabledState/Id", disabled), value("Severity", disabled)], [false, 500]);
});

Deno.test("conditionField() gives each type its own fields alone", () => {
  const has = (path: string, kind: AlarmKind) => conditionField(path, view(kind)) !== null;
  deepStrictEqual([has("LimitState/CurrentState", "limit"), has("LimitState/CurrentState", "storage")], [true, false]);
  deepStrictEqual([has("NormalState", "limit"), has("NormalState", "source_outage")], [false, true]);
  deepStrictEqual([has("Certificate", "certificate_expiry"), has("Certificate", "storage")], [true, false]);
  strictEqual(conditionField("HighLimit", view("limit")), null, "no definition, no limit");
  strictEqual(conditionField("Nothing", view("limit")), null);
});

Deno.test("conditionField() counts down what is left of a shelving", () => {
  const left = (shelving: Alarm["shelving"]) => value("ShelvingState/UnshelveTime", view("limit", { shelving }));
  strictEqual(left({ kind: "unshelved" }), 0);
  strictEqual(left({ kind: "timed", untilUs: 10_500_000 }), 500);
  strictEqual(left({ kind: "timed", untilUs: 9_000_000 }), 0);
  strictEqual(left({ kind: "one_shot" }), 604_800_000);
});

Deno.test("conditionField() keeps microseconds, and has no time before the first event", () => {
  const { value: received } = conditionField("ReceiveTime", view("limit")) ?? {};
  deepStrictEqual([received.getTime(), received.picoseconds], [5000, 1_000_000]);
  strictEqual(value("Time", view("limit")).getTime(), Date.UTC(1601, 0, 1));
});
