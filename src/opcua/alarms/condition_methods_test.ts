import { strictEqual } from "node:assert/strict";
import type { AlarmRefusal } from "../../alarms/alarms.ts";
import type { OperationErrorCode } from "../../operations/operation.ts";
import { statusOf } from "./condition_methods.ts";

Deno.test("statusOf() has the standard's code for every refusal of an alarm", () => {
  const codes: Record<AlarmRefusal, string> = {
    unknown_alarm: "BadNodeIdUnknown",
    unknown_event: "BadEventIdUnknown",
    already_acknowledged: "BadConditionBranchAlreadyAcked",
    already_confirmed: "BadConditionBranchAlreadyConfirmed",
    not_acknowledged: "BadInvalidState",
    already_enabled: "BadConditionAlreadyEnabled",
    already_disabled: "BadConditionAlreadyDisabled",
    disabled: "BadConditionDisabled",
    already_shelved: "BadConditionAlreadyShelved",
    not_shelved: "BadConditionNotShelved",
    shelving_time: "BadShelvingTimeOutOfRange",
  };
  for (const [reason, name] of Object.entries(codes)) {
    strictEqual(statusOf({ ok: false, code: "conflict", message: "", details: { reason } }).name, name);
  }
});

Deno.test("statusOf() tells who may not from what failed", () => {
  const of = (code: OperationErrorCode) => statusOf({ ok: false, code, message: "" }).name;
  strictEqual(of("permission_denied"), "BadUserAccessDenied");
  strictEqual(of("unauthenticated"), "BadUserAccessDenied");
  strictEqual(of("unavailable"), "BadResourceUnavailable");
  strictEqual(of("internal"), "BadInternalError");
  strictEqual(statusOf({ ok: true, result: null }).name, "Good");
});
