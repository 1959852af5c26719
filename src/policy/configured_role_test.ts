import assert from "node:assert/strict";
import { configSchema } from "../config/schema.ts";
import { gatewaySections, roleOf, sectionsOf } from "./configured_role.ts";

Deno.test("a file with a hub is the hub's unless somebody says otherwise", () => {
  assert.equal(roleOf(configSchema.parse({ hub: {} })), "hub");
  assert.equal(roleOf(configSchema.parse({ agent: {} })), "gateway");
});

Deno.test("each role sees its own sections alone, and both see the agent's", () => {
  const config = configSchema.parse({ hub: {}, agent: {} });
  const gateway = sectionsOf(config, "gateway");
  const hub = sectionsOf(config, "hub");
  assert.equal(gateway.hub, undefined);
  for (const section of gatewaySections) assert.ok(!(section in hub), section);
  for (const seen of [gateway, hub]) assert.ok(seen.agent !== undefined && seen.runtime !== undefined);
});
