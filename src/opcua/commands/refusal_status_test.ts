import assert from "node:assert/strict";
import type { OperationRefusal } from "../../operations/operation.ts";
import { isAboutArguments, refusalStatus } from "./refusal_status.ts";

function refusal(code: OperationRefusal["code"], reason?: string): OperationRefusal {
  return { ok: false, code, message: "", ...(reason === undefined ? {} : { details: { reason } }) };
}

Deno.test("the reason decides before the code, and what is not known is an internal error", () => {
  const status = (...given: Parameters<typeof refusal>) => refusalStatus(refusal(...given)).name;
  assert.equal(status("bad_params", "out_of_range"), "BadOutOfRange");
  assert.equal(status("bad_params", "wrong_type"), "BadTypeMismatch");
  assert.equal(status("conflict", "disabled"), "BadOutOfService");
  assert.equal(status("conflict", "key_reused"), "BadEntryExists");
  assert.equal(status("conflict", "too_late"), "BadInvalidState");
  assert.equal(status("too_many", "too_many"), "BadTooManyOperations");
  assert.equal(status("unavailable", "unavailable"), "BadResourceUnavailable");
  assert.equal(status("target_unreachable", "unreachable"), "BadNoCommunication");
  assert.equal(status("permission_denied"), "BadUserAccessDenied");
  assert.equal(status("unauthenticated"), "BadUserAccessDenied");
  assert.equal(status("internal"), "BadInternalError");
  assert.equal(status("internal", "constructor"), "BadInternalError");
});

Deno.test("only what was given for arguments is about arguments", () => {
  assert.ok(isAboutArguments(refusal("bad_params", "not_in_values")));
  assert.ok(isAboutArguments(refusal("bad_params")));
  assert.ok(!isAboutArguments(refusal("too_many", "too_many")));
  assert.ok(!isAboutArguments(refusal("not_found", "unknown_device")));
});
