import assert from "node:assert/strict";
import fc from "fast-check";
import { salvage } from "./salvage.ts";
import { configSchema } from "./schema.ts";

Deno.test("salvage gives a valid configuration as the schema does", () => {
  const document = { opcua: { host_port: 4841 }, application: [{ application_name: "A", application_id: "1" }] };
  assert.deepEqual(salvage(configSchema, document), configSchema.parse(document));
});

Deno.test("salvage leaves out what is invalid and keeps every list entry in its place", () => {
  const draft = salvage(configSchema, {
    nope: 1,
    opcua: { host_port: "x", user_name: "a" },
    chirpstack: { api_token: "t" },
    application: [3, { application_id: "1", device: [{ device_id: "00000000000000AA" }, { read_metric: "x" }] }],
  });
  assert.equal(draft.opcua?.host_port, undefined);
  assert.equal(draft.opcua?.user_name, "a");
  assert.equal(draft.opcua?.max_connections, 100);
  assert.deepEqual([draft.chirpstack?.api_token, draft.chirpstack?.server_address], ["t", undefined]);
  assert.equal(draft.application?.length, 2);
  assert.deepEqual(draft.application?.[0], {});
  assert.equal(draft.application?.[1]?.device?.[0]?.device_id, "00000000000000aa");
  assert.equal(draft.application?.[1]?.device?.[1]?.read_metric, undefined);
});

Deno.test("salvage takes any document", () => {
  fc.assert(
    fc.property(fc.object(), fc.constantFrom("opcua", "application", "runtime", "chirpstack"), (object, key) => {
      assert.equal(typeof salvage(configSchema, { ...object, [key]: object }), "object");
      assert.equal(typeof salvage(configSchema, object[key]), "object");
    }),
  );
});
