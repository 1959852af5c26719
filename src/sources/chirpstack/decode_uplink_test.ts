import assert from "node:assert/strict";
import fc from "fast-check";
import { formatValuePath } from "../../config/value_path.ts";
import { Quality } from "../../tags/quality.ts";
import { vendorDevices } from "../simulator/vendor_data.ts";
import { decodeStatus, decodeUplink, mapTag } from "./decode_uplink.ts";
import type { UplinkEvent } from "./device_event.ts";
import { fixture, type MetricSketch } from "./testing/fixture.ts";

const devEui = "0101010101010101";
const timeUs = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000;

function uplink(object: unknown): UplinkEvent {
  return {
    kind: "up",
    identity: "i",
    timeUs,
    object: object as UplinkEvent["object"],
    frameCounter: 41,
    dataRate: 5,
    port: 85,
    rssi: -61,
    snr: 7.25,
  };
}

/** name → value, or the quality's number when it was refused; absent tags are absent. */
function decoded(metrics: readonly MetricSketch[], object: unknown): Record<string, unknown> {
  const { tags } = fixture([{ devEui, metrics }]);
  const mappings = [...tags.list()].map(mapTag).filter(({ tag }) => !tag.definition.name.startsWith("$"));
  return Object.fromEntries(
    decodeUplink(mappings, uplink(object)).map((entry) => [
      entry.mapping.tag.definition.name,
      entry.ok ? entry.value : { refused: entry.quality },
    ]),
  );
}

const misfit = { refused: Quality.BadDecodingError };

/** Every leaf of an object with the path that leads there; an empty list or object is a leaf too. */
function* leaves(value: unknown, segments: (string | number)[] = []): Generator<[(string | number)[], unknown]> {
  const children = Array.isArray(value)
    ? value.map((child, index) => [index, child] as const)
    : typeof value === "object" && value !== null
    ? Object.entries(value)
    : [];
  if (children.length === 0) return yield [segments, value];
  for (const [key, child] of children) yield* leaves(child, [...segments, key]);
}

Deno.test("every value of every vendor's uplink is reached by its path and keeps its type", () => {
  let uplinks = 0;
  let count = 0;
  for (const device of vendorDevices) {
    for (const { object } of device.uplinks) {
      uplinks++;
      const found = [...leaves(object)].map(([segments, value], index) => ({
        name: `m${index}`,
        path: formatValuePath({ kind: "object", segments: segments as [string] }),
        value,
      }));
      count += found.length;
      const metrics = found.map(({ name, path, value }) => ({
        metric_name: name,
        chirpstack_metric_name: path,
        metric_type: typeof value === "number"
          ? Number.isInteger(value) ? "Int" : "Float"
          : typeof value === "boolean"
          ? "Bool"
          : "String",
      }));
      const values = decoded(metrics, object);
      for (const { name, path, value } of found) {
        if (value === null) assert.ok(!(name in values), `${device.device} ${path} is null and was taken`);
        else assert.strictEqual(values[name], value, `${device.device} ${path}`);
      }
    }
  }
  assert.equal(uplinks, 77);
  assert.equal(count, 765);
});

Deno.test("the vendors' awkward shapes are read as what they are", () => {
  const example = (device: string, path: string, type: string) => {
    const metric = { metric_name: "m", chirpstack_metric_name: path, metric_type: type };
    const seen = vendorDevices.find((candidate) => candidate.device === device)?.uplinks.map(({ object }) =>
      decoded([metric], object).m
    );
    assert.ok(seen !== undefined, device);
    return [...new Set(seen.filter((value) => value !== undefined).map((value) => JSON.stringify(value)))].map((text) =>
      JSON.parse(text)
    );
  };
  assert.deepEqual(example("lse01", "temp_SOIL", "Float"), [24.59]);
  assert.deepEqual(example("tic-cbe-linky-mono", "bytes.ADCO", "Int"), [misfit]);
  assert.deepEqual(example("tic-cbe-linky-mono", "bytes.ADCO", "String"), ["021728031819"]);
  assert.deepEqual(example("at101", "sn", "Float"), [misfit]);
  assert.deepEqual(example("lw001-bgpro", "ic_temperature", "Float"), [30, 31]);
  assert.deepEqual(example("uc300", "digital_output_2", "Bool"), [true]);
  assert.deepEqual(example("ws301", "install", "Bool"), [false]);
  assert.deepEqual(example("lgt92", "ALARM_status", "Bool"), [false]);
  assert.deepEqual(example("lt22222-l", "DI1_status", "Bool"), [misfit]);
  assert.deepEqual(example("motorized-valve", "Leak", "Bool"), [false]);
  assert.deepEqual(example("asset-tracker-3", "header.batteryLevel", "String").sort(), ["94", "CHARGING"]);
  assert.deepEqual(example("iq-dsmr-lrw", "deviceSerialNumber", "Int"), [2403050000]);
});

Deno.test("keys with blanks, accents, dots and quotes are reached", () => {
  const object = { "Battery Status": { "Niveau élevé": "on" }, "a.b": [{ 'q"': 3 }], "": { x: 1 }, "温度": 21.5 };
  assert.deepEqual(
    decoded([
      { metric_name: "level", chirpstack_metric_name: '["Battery Status"]["Niveau élevé"]', metric_type: "Bool" },
      { metric_name: "quoted", chirpstack_metric_name: '["a.b"][0]["q\\""]', metric_type: "Int" },
      { metric_name: "empty", chirpstack_metric_name: '[""].x', metric_type: "Int" },
      { metric_name: "temperature", chirpstack_metric_name: "温度" },
    ], object),
    { level: true, quoted: 3, empty: 1, temperature: 21.5 },
  );
});

Deno.test("a path that leads nowhere, and null, are no value and no error", () => {
  const metrics = ["gone", "a.b.c", "list[3]", "none", "list.length", "a.constructor"].map((path, index) => ({
    metric_name: `m${index}`,
    chirpstack_metric_name: path,
  }));
  assert.deepEqual(decoded(metrics, { a: {}, list: [1], none: null }), {});
  assert.deepEqual(decoded(metrics, null), {});
  assert.deepEqual(decoded(metrics, {}), {});
});

Deno.test("garbage in one metric leaves the others alone", () => {
  assert.deepEqual(
    decoded([
      { metric_name: "good" },
      { metric_name: "object" },
      { metric_name: "list", metric_type: "String" },
      { metric_name: "huge", metric_type: "Int" },
      { metric_name: "unit" },
    ], { good: 1.5, object: {}, list: [1], huge: 2 ** 60, unit: "30.11 °C" }),
    { good: 1.5, object: misfit, list: misfit, huge: { refused: Quality.BadOutOfRange }, unit: 30.11 },
  );
});

Deno.test("a path that cannot be read is a configuration error of that metric alone", () => {
  assert.deepEqual(
    decoded([{ metric_name: "wrong", chirpstack_metric_name: "a..b" }, { metric_name: "right" }], { right: 1 }),
    { wrong: { refused: Quality.BadConfigurationError }, right: 1 },
  );
});

Deno.test("radio diagnostics come from the frame, battery and margin from the status", () => {
  const { tags } = fixture([{ devEui, metrics: [{ metric_name: "signal", chirpstack_metric_name: "$rssi" }] }]);
  const mappings = [...tags.list()].map(mapTag);
  const values = (entries: ReturnType<typeof decodeUplink>) =>
    Object.fromEntries(entries.map((entry) => [entry.mapping.tag.definition.name, entry.ok ? entry.value : entry]));
  assert.deepEqual(values(decodeUplink(mappings, uplink(null))), {
    signal: -61,
    $rssi: -61,
    $snr: 7.25,
    $dr: 5,
    $fcnt: 41,
    $fport: 85,
    $lastSeen: "2026-01-02T03:04:05.000Z",
  });
  assert.deepEqual(values(decodeStatus(mappings, { kind: "status", identity: "i", timeUs, battery: 50, margin: -3 })), {
    $battery: 50,
    $margin: -3,
    $lastSeen: "2026-01-02T03:04:05.000Z",
  });
});

Deno.test("no JSON object and no path makes the decoder throw, and types hold", () => {
  const path = fc.oneof(fc.constantFrom("a", "a.b", "a[0]", "b", '["__proto__"].x', "constructor"), fc.string());
  const type = fc.constantFrom("Bool", "Int", "Float", "String");
  const metric = fc.record({ path: path.filter((text) => text.length > 0 && text.length <= 256), type });
  const object = fc.oneof(fc.dictionary(fc.constantFrom("a", "b", "constructor"), fc.jsonValue()), fc.jsonValue());
  fc.assert(fc.property(fc.array(metric, { maxLength: 6 }), object, (metrics, object) => {
    decoded(
      metrics.map(({ path, type }, index) => ({
        metric_name: `m${index}`,
        chirpstack_metric_name: path,
        metric_type: type,
      })),
      object,
    );
  }));
});
