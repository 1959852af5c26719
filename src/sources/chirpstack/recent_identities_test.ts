import assert from "node:assert/strict";
import { RecentIdentities } from "./recent_identities.ts";

Deno.test("an event is news once, for as long as it is among the newest", () => {
  const recent = new RecentIdentities();
  assert.equal(recent.add("a"), true);
  assert.equal(recent.add("a"), false);
  for (let n = 0; n < 127; n++) assert.equal(recent.add(`${n}`), true);
  assert.equal(recent.add("a"), false);
  assert.equal(recent.add("one more"), true);
  assert.equal(recent.add("a"), true);
});
