import assert from "node:assert/strict";
import { parseValuePath, readValuePath } from "../../config/value_path.ts";
import { metricSchema } from "../../config/schema.ts";
import { fleet, templateAt } from "./fleet.ts";
import { seededRandom } from "./seeded_random.ts";
import { templates } from "./templates/all.ts";
import { vendorDevices } from "./vendor_data.ts";

Deno.test("the fleet begins with the five field devices and takes every vendor's device once before any twice", () => {
  assert.deepEqual(fleet(5).map(({ name }) => name), [
    "Soil probe 1",
    "Energy meter 1",
    "Valve 1",
    "Door contact 1",
    "Flaky sensor 1",
  ]);
  assert.equal(templates.length, vendorDevices.length);
  assert.deepEqual(new Set(templates.map(({ id }) => id)).size, templates.length);
  assert.equal(fleet(templates.length + 1).at(-1)?.name, "Soil probe 2");
});

Deno.test("names, DevEUIs and ids are the same every time, and no two devices share one", () => {
  const devices = fleet(5000);
  assert.deepEqual(devices.slice(0, 100), fleet(100));
  assert.equal(new Set(devices.map(({ devEui }) => devEui)).size, 5000);
  assert.equal(new Set(devices.map(({ name }) => name)).size, 5000);
  assert.ok(devices.every(({ devEui }) => /^02ed9ee0[0-9a-f]{8}$/.test(devEui)));
  const ids = new Map(devices.map(({ applicationName, applicationId }) => [applicationName, applicationId]));
  assert.equal(new Set(ids.values()).size, 4);
  assert.ok(devices.every((device) => ids.get(device.applicationName) === device.applicationId));
});

Deno.test("every metric of the fleet is a valid line of a configuration", () => {
  for (const { name, metrics } of fleet(templates.length)) {
    assert.ok(metrics.length > 0, `${name} has no metric`);
    assert.equal(new Set(metrics.map((metric) => metric.name)).size, metrics.length, `${name} repeats a name`);
    for (const metric of metrics) {
      const checked = metricSchema.safeParse({
        metric_name: metric.name,
        chirpstack_metric_name: metric.path,
        metric_type: metric.type,
        metric_unit: metric.unit,
        range: metric.range,
      });
      assert.ok(checked.success, `${name} ${metric.name}: ${checked.error?.message}`);
    }
  }
});

Deno.test("every path leads to values of its type and range in what the device sends", () => {
  const startUs = Date.UTC(2026, 2, 10) * 1000;
  for (const [position, { name, metrics }] of fleet(templates.length).entries()) {
    const template = templateAt(position);
    const random = seededRandom(name);
    const memory = new Map<string, number>();
    const objects = Array.from({ length: 100 }, (_none, count) => {
      return template.frame({ timeUs: startUs + count * 900e6, count, random, memory })?.object ?? {};
    });
    for (const { path, type, range } of metrics) {
      const parsed = parseValuePath(path);
      assert.equal(parsed.kind, "object");
      const seen = objects.map((object) => parsed.kind === "object" ? readValuePath(parsed, object) : undefined)
        .filter((value) => value !== undefined);
      assert.ok(seen.length >= 2, `${name} ${path} is never sent`);
      if (template.label === "Flaky sensor") continue;
      for (const value of seen) {
        if (type === "String" || type === "Bool") {
          assert.equal(typeof value, type === "Bool" ? "boolean" : "string", `${name} ${path}: ${value}`);
          continue;
        }
        const number = Number(value);
        assert.ok(Number.isFinite(number) && value !== "", `${name} ${path}: ${value}`);
        if (type === "Int") assert.ok(Number.isSafeInteger(number), `${name} ${path}: ${value}`);
        if (range !== undefined) assert.ok(number >= range[0] && number <= range[1], `${name} ${path}: ${value}`);
      }
    }
  }
});

Deno.test("the vendors' own objects are sent with all their keys", () => {
  const startUs = Date.UTC(2026, 2, 10) * 1000;
  for (const template of templates.filter(({ label }) => label !== "Flaky sensor")) {
    const random = seededRandom(template.id);
    const memory = new Map<string, number>();
    const keys = new Set<string>();
    for (let count = 0; count < 100; count++) {
      const frame = template.frame({ timeUs: startUs + count * 900e6, count, random, memory });
      for (const key of Object.keys(frame?.object ?? {})) keys.add(key);
      assert.ok(frame !== null && frame.fPort > 0 && frame.data.length > 0);
    }
    for (const example of template.examples) {
      for (const key of Object.keys(example)) assert.ok(keys.has(key), `${template.id} never sends ${key}`);
    }
  }
});
