import assert from "node:assert/strict";
import { hubKey, nodeKey } from "../../tests/lib/mesh_keys.ts";
import { hubIdOf, isHubId, isNodeId, nodeIdOf, noNode } from "./ids.ts";

Deno.test("ids follow from keys", () => {
  assert.equal(hubIdOf(hubKey.publicKey), "h_34750f98bd59fcfc946da45aaabe933b");
  assert.equal(nodeIdOf(nodeKey.publicKey), "n_6a3803d5f059902a1c6dafbc9ba47292");
});

Deno.test("ids have one spelling", () => {
  assert.ok(isNodeId(noNode) && isHubId("h_34750f98bd59fcfc946da45aaabe933b"));
  const digits = "34750f98bd59fcfc946da45aaabe933b";
  for (
    const text of [`h_${digits}`, digits, `n_${digits}0`, `n_${digits.toUpperCase()}`, `n_${digits}\n`, `N_${digits}`]
  ) {
    assert.equal(isNodeId(text), false, text);
  }
  assert.equal(isHubId(`n_${digits}`), false);
});
