import assert from "node:assert/strict";
import { configSchema } from "../../config/schema.ts";
import { topologyOf } from "../../config/topology.ts";
import { diagnosticWords } from "./diagnostic_words.ts";

Deno.test("every diagnostic of a device has words", () => {
  const device = { device_id: "0102030405060708", device_name: "Probe" };
  const config = configSchema.parse({
    application: [{ application_name: "Plant", application_id: "plant", device: [device] }],
  });
  assert.deepEqual(topologyOf(config).tags.map(({ name }) => name), Object.keys(diagnosticWords));
});
