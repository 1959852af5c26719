import assert from "node:assert/strict";
import { configSchema } from "./schema.ts";
import { topologyOf } from "./topology.ts";
import { parseValuePath, reservedNames } from "./value_path.ts";

function topology(metric: Record<string, unknown>, more: Record<string, unknown> = {}, device = {}) {
  const read_metric = [{ metric_name: "M", chirpstack_metric_name: "m", metric_type: "Float", ...metric }];
  const devices = [{ device_id: "00112233AABBCCDD", device_name: "D", read_metric, ...device }];
  const application = [{ application_id: "7", application_name: "A", device: devices }];
  const { tags, devices: placed } = topologyOf(configSchema.parse({ ...more, application }));
  const [tag] = tags;
  assert.ok(tag);
  return { tag, tags, devices: placed };
}

Deno.test("topologyOf places devices in their application, with the DevEUI in lower case", () => {
  assert.deepEqual(topology({}).devices, [
    { devEui: "00112233aabbccdd", name: "D", applicationId: "7", applicationName: "A", enabled: true },
  ]);
});

Deno.test("topologyOf gives every metric a tag, and every device one for each reserved name", () => {
  const { tags } = topology({});
  assert.deepEqual(tags.map(({ name }) => name), ["M", ...reservedNames]);
  for (const tag of tags) assert.equal(tag.id, `00112233aabbccdd/${tag.name}`);
  for (const { name, sourcePath, retentionDays } of tags.slice(1)) {
    assert.deepEqual(parseValuePath(sourcePath), { kind: "reserved", name });
    assert.equal(retentionDays, null);
  }
});

Deno.test("topologyOf chooses the data type by the metric's type unless it is configured", () => {
  const typeOf = (metric_type: string) => topology({ metric_type }).tag.dataType;
  assert.deepEqual(["Bool", "Int", "Float", "String"].map(typeOf), ["Boolean", "Int64", "Double", "String"]);
  assert.equal(topology({ metric_type: "Int", data_type: "UInt16" }).tag.dataType, "UInt16");
});

Deno.test("topologyOf turns a metric's keys into the tag's units", () => {
  const { tag } = topology(
    {
      metric_unit: "CEL",
      range: [-40, 85],
      stale_after_seconds: 60,
      bad_after_seconds: 120,
      max_interval_seconds: 30,
      retention_days: 9,
      scale: 2,
      offset: -1,
      deadband: 0.5,
      change_only: true,
    },
    {},
    { source_timestamp_server: true },
  );
  const { unit, range, staleAfterMs, badAfterMs, maxIntervalMs, retentionDays, scale, offset, deadband } = tag;
  assert.deepEqual([unit, range], ["CEL", { low: -40, high: 85 }]);
  assert.deepEqual([staleAfterMs, badAfterMs, maxIntervalMs], [60_000, 120_000, 30_000]);
  assert.deepEqual([retentionDays, scale, offset, deadband], [9, 2, -1, 0.5]);
  assert.deepEqual([tag.changeOnly, tag.stampArrival], [true, true]);
});

Deno.test("topologyOf takes from other sections what a metric leaves open", () => {
  const { tag } = topology({}, { storage: { retention_days: 30 }, opcua: { stale_threshold_seconds: 5 } });
  assert.deepEqual([tag.unit, tag.range, tag.staleAfterMs], ["", null, null]);
  assert.deepEqual([tag.retentionDays, tag.minStaleAfterMs, tag.badAfterMs], [30, 5_000, 86_400_000]);
  const poll = { chirpstack: { server_address: "http://h", api_token: "t", mode: "poll" } };
  assert.equal(topology({}, poll).tag.minStaleAfterMs, 10_800_000);
});

Deno.test("topologyOf switches a tag off with its metric or with its device", () => {
  assert.equal(topology({}).tag.enabled, true);
  assert.equal(topology({ enabled: false }).tag.enabled, false);
  assert.deepEqual(topology({}, {}, { enabled: false }).tags.map(({ enabled }) => enabled), Array(9).fill(false));
});
