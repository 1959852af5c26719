import assert from "node:assert/strict";
import { alarmDefinitions } from "./alarm_definitions.ts";
import { configSchema } from "./schema.ts";

const metric = (metric_name: string, metric_type: string, more: Record<string, unknown> = {}) => ({
  metric_name,
  chirpstack_metric_name: metric_name,
  metric_type,
  ...more,
});

Deno.test("alarms are defined in file order, the device's own last, and nothing that is off has one", () => {
  const config = configSchema.parse({
    application: [{
      application_name: "A",
      application_id: "1",
      device: [
        {
          device_id: "00112233AABBCCDD",
          device_name: "Tank",
          read_metric: [
            metric("level", "Float", { alarm: { lo: 1, hihi: 9, deadband: 0.5, delay_seconds: 3 } }),
            metric("flow", "Float"),
            metric("door", "Bool", { alarm: { normal: false, severity: 900, message: "Door open" } }),
            metric("off", "Float", { enabled: false, alarm: { hi: 1 } }),
          ],
        },
        { device_id: "0000000000000002", device_name: "Off", enabled: false, read_metric: [metric("x", "Float")] },
      ],
    }],
  });
  const common = { delayMs: 3000, message: null };
  assert.deepEqual(alarmDefinitions(config), [
    {
      ...common,
      kind: "limit",
      id: "00112233aabbccdd/level/$alarm",
      tagId: "00112233aabbccdd/level",
      name: "Tank level",
      limits: { lolo: null, lo: 1, hi: null, hihi: 9 },
      deadband: 0.5,
      severities: { lolo: 800, lo: 500, hi: 500, hihi: 800 },
    },
    {
      kind: "off_normal",
      id: "00112233aabbccdd/door/$alarm",
      tagId: "00112233aabbccdd/door",
      name: "Tank door",
      delayMs: 0,
      message: "Door open",
      normal: false,
      severity: 900,
    },
    {
      kind: "stale_device",
      id: "00112233aabbccdd/$alarm",
      devEui: "00112233aabbccdd",
      deviceName: "Tank",
      severity: 500,
    },
  ]);
  const quiet = configSchema.parse({ ...config, alarms: { stale_devices: false } });
  assert.deepEqual(alarmDefinitions(quiet).map(({ kind }) => kind), ["limit", "off_normal"]);
});
