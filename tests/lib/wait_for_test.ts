import assert from "node:assert/strict";
import { waitFor } from "./wait_for.ts";

Deno.test("waiting ends with the first value, errors and empty answers count as not yet", async () => {
  let calls = 0;
  const value = await waitFor("the third call", () => {
    calls++;
    if (calls === 1) throw new Error("not yet");
    return calls === 2 ? null : calls;
  }, { everyMs: 1 });
  assert.equal(value, 3);
});

Deno.test("waiting in vain names what was waited for and the last error", async () => {
  const wait = waitFor("nothing", () => {
    throw new Error("never");
  }, { deadlineMs: 5, everyMs: 1 });
  await assert.rejects(
    wait,
    (error: Error) => /in vain for nothing/.test(error.message) && /never/.test(String(error.cause)),
  );
});
