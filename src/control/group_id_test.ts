import assert from "node:assert/strict";
import { groupId } from "./group_id.ts";

Deno.test("a group's number is found by its whole name", () => {
  const text = "root:x:0:\nscada-ops:x:1001:ann,bo\nscada:x:1000:\n# comment\nbroken:x:abc:\n";
  assert.equal(groupId(text, "scada"), 1000);
  assert.equal(groupId(text, "root"), 0);
  for (const name of ["ann", "broken", "none", "", "scada-"]) assert.equal(groupId(text, name), null);
});
