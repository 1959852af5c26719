import assert from "node:assert/strict";
import { singleUser } from "./single_user.ts";

Deno.test("the configured user gets in with the configured password alone", async () => {
  const authenticate = singleUser({ userName: "scada", userPassword: "pässword" });
  assert.equal(await authenticate("scada", "pässword"), true);
  for (
    const [name, password] of [["scada", "passwort"], ["SCADA", "pässword"], ["", ""], ["pässword", "scada"]] as const
  ) {
    assert.equal(await authenticate(name, password), false);
  }
});

Deno.test("without a configured user nobody gets in", async () => {
  assert.equal(await singleUser({ userName: undefined, userPassword: undefined })("", ""), false);
  assert.equal(await singleUser({ userName: "scada", userPassword: undefined })("scada", ""), false);
});
