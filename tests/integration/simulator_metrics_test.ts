// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import commonPb from "@chirpstack/chirpstack-api/common/common_pb.js";
import type { Metric } from "@chirpstack/chirpstack-api/common/common_pb.js";
import { startSimulator } from "../../src/sources/simulator/start_simulator.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";

const token = "token-of-the-test";
const soilProbe = "02ed9ee000000001";
const energyMeter = "02ed9ee000000002";
const doorContact = "02ed9ee000000004";
const noonMs = Date.UTC(2026, 2, 10, 12);
const hourMs = 3_600_000;
const quiet = { hostname: "127.0.0.1", port: 0, apiToken: token, devices: 45, intervalMs: 0 };
const atNoon = { ...quiet, nowUs: () => noonMs * 1000 };

/** The one dataset of a metric, as [start of the bucket, value]. */
function rows(metric: Metric | undefined): [string, number][] {
  assert.ok(metric);
  const [dataset, ...others] = metric.getDatasetsList();
  assert.equal(others.length, 0);
  return metric.getTimestampsList().map((time, index) => [time.toDate().toISOString(), dataset!.getDataList()[index]!]);
}

/** Minutes before noon, as the time of a frame. */
const before = (minutes: number) => ({ timeUs: (noonMs - minutes * 60_000) * 1000 });

Deno.test("a gauge is the mean of the hour, an empty hour reads as a real zero does", async () => {
  const simulator = await startSimulator(atNoon);
  try {
    simulator.sendUplink(soilProbe, { conduct_SOIL: 100 }, before(170));
    simulator.sendUplink(soilProbe, { conduct_SOIL: 200 }, before(130));
    simulator.sendUplink(soilProbe, { conduct_SOIL: 0 }, before(50));
    simulator.sendUplink(soilProbe, { conduct_SOIL: 300 }, before(0));
    using client = new ChirpStackClient(simulator.url, token);
    const span = { start: new Date(noonMs - 3 * hourMs + 1), end: new Date(noonMs) };
    const response = await client.getMetrics(soilProbe, span);
    const metric = response.getMetricsMap().get("conduct_SOIL");
    assert.equal(metric?.getName(), "Soil conductivity");
    assert.equal(metric?.getKind(), commonPb.MetricKind.GAUGE);
    assert.equal(metric?.getDatasetsList()[0]?.getLabel(), "conduct_SOIL");
    assert.deepEqual(rows(metric), [
      ["2026-03-10T09:00:00.000Z", 150],
      ["2026-03-10T10:00:00.000Z", 0],
      ["2026-03-10T11:00:00.000Z", 0],
      ["2026-03-10T12:00:00.000Z", 300],
    ]);
    // only the frames tell the two zeros apart
    const link = await client.getLinkMetrics(soilProbe, span);
    assert.deepEqual(rows(link.getRxPackets()).map(([, count]) => count), [2, 0, 1, 1]);
    const rssi = rows(link.getGwRssi()).map(([, value]) => value);
    assert.deepEqual(rssi.map((value) => value !== 0), [true, false, true, true]);
    assert.ok(rssi.every((value) => value <= 0 && value > -140));
    assert.equal(rows(link.getGwSnr()).length, 4);
  } finally {
    await simulator.stop();
  }
});

Deno.test("an absolute adds up and a counter keeps the last reading of its bucket, as 32-bit floats", async () => {
  const simulator = await startSimulator(atNoon);
  try {
    const { devEui: deskSensor } = simulator.devices.find(({ name }) => name === "Desk sensor 1")!;
    for (const motion of [3, 4]) simulator.sendUplink(deskSensor, { motion }, before(10));
    const energy = (data: number) => ({ activeEnergyImportL123T1: { data, unit: "Wh" } });
    simulator.sendUplink(energyMeter, energy(1000), before(70));
    simulator.sendUplink(energyMeter, energy(1500), before(20));
    simulator.sendUplink(energyMeter, energy(50_859_781), before(10));
    using client = new ChirpStackClient(simulator.url, token);
    const span = { start: new Date(noonMs - 2 * hourMs), end: new Date(noonMs) };
    const motion = (await client.getMetrics(deskSensor, span)).getMetricsMap().get("motion");
    assert.equal(motion?.getKind(), commonPb.MetricKind.ABSOLUTE);
    assert.deepEqual(rows(motion).map(([, value]) => value), [0, 7, 0]);
    const counter = (await client.getMetrics(energyMeter, span)).getMetricsMap().get("activeEnergyImportL123T1_data");
    assert.equal(counter?.getKind(), commonPb.MetricKind.COUNTER);
    assert.deepEqual(rows(counter).map(([, value]) => value), [1000, Math.fround(50_859_781), 0]);
    assert.notEqual(Math.fround(50_859_781), 50_859_781);
  } finally {
    await simulator.stop();
  }
});

Deno.test("days and months aggregate the same frames, and each forgets at its own age", async () => {
  let nowMs = noonMs;
  const simulator = await startSimulator({ ...quiet, nowUs: () => nowMs * 1000 });
  try {
    using client = new ChirpStackClient(simulator.url, token);
    for (const [minutes, value] of [[26 * 60, 10], [25 * 60, 30], [5, 7]] as const) {
      simulator.sendUplink(soilProbe, { conduct_SOIL: value }, before(minutes));
    }
    const read = async (aggregation: "HOUR" | "DAY" | "MONTH", days: number) => {
      const span = { start: new Date(noonMs - days * 24 * hourMs), end: new Date(noonMs), aggregation };
      const response = await client.getMetrics(soilProbe, span);
      return rows(response.getMetricsMap().get("conduct_SOIL"));
    };
    assert.deepEqual(await read("DAY", 2), [
      ["2026-03-08T00:00:00.000Z", 0],
      ["2026-03-09T00:00:00.000Z", 20],
      ["2026-03-10T00:00:00.000Z", 7],
    ]);
    const months = await read("MONTH", 40);
    assert.deepEqual(months.map(([start]) => start.slice(0, 7)), ["2026-01", "2026-02", "2026-03"]);
    assert.equal(months[2]![1], Math.fround(47 / 3));
    assert.equal((await read("HOUR", 2)).filter(([, value]) => value !== 0).length, 3);
    nowMs += 3 * 24 * hourMs;
    assert.equal((await read("HOUR", 2)).filter(([, value]) => value !== 0).length, 0);
    assert.equal((await read("DAY", 2)).filter(([, value]) => value !== 0).length, 2);
  } finally {
    await simulator.stop();
  }
});

Deno.test("texts and flags are states: the last one, empty before the first", async () => {
  const simulator = await startSimulator(atNoon);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const span = { start: new Date(noonMs), end: new Date(noonMs) };
    const states = async (devEui: string) =>
      new Map(
        [...(await client.getMetrics(devEui, span)).getStatesMap().entries()].map((
          [key, state],
        ) => [key, [state.getName(), state.getValue()]]),
      );
    assert.deepEqual((await states(doorContact)).get("door"), ["Door", ""]);
    simulator.sendUplink(doorContact, { door: "open" });
    simulator.sendUplink(doorContact, { door: "close" });
    simulator.sendUplink(soilProbe, { temp_SOIL: "24.59", water_SOIL: 12, unheard_of: "x" });
    assert.deepEqual((await states(doorContact)).get("door"), ["Door", "close"]);
    const soil = await states(soilProbe);
    assert.deepEqual(soil.get("temp_SOIL"), ["Soil temperature", "24.59"]);
    // a number where the profile expects text is not kept at all, nor is a key that the profile does not have
    assert.deepEqual(soil.get("water_SOIL"), ["Soil moisture", ""]);
    assert.equal(soil.has("unheard_of"), false);
    const { devEui: thermostat } = simulator.devices.find(({ name }) => name === "Thermostat 1")!;
    simulator.sendUplink(thermostat, { childLock: true });
    assert.equal((await states(thermostat)).get("childLock")?.[1], "true");
  } finally {
    await simulator.stop();
  }
});

Deno.test("link metrics split the frames by frequency and by data rate", async () => {
  const simulator = await startSimulator(atNoon);
  try {
    for (let n = 0; n < 40; n++) simulator.sendUplink(soilProbe, {}, before(30));
    using client = new ChirpStackClient(simulator.url, token);
    const link = await client.getLinkMetrics(soilProbe, { start: new Date(noonMs - hourMs), end: new Date(noonMs) });
    const sums = (metric: Metric | undefined) =>
      Object.fromEntries(metric!.getDatasetsList().map((set) => [set.getLabel(), set.getDataList()[0]!]));
    const byFrequency = sums(link.getRxPacketsPerFreq());
    assert.ok(Object.keys(byFrequency).length > 2);
    assert.ok(Object.keys(byFrequency).every((label) => /^86[78]\d00000$/.test(label)));
    assert.equal(Object.values(byFrequency).reduce((sum, count) => sum + count), 40);
    assert.deepEqual(Object.values(sums(link.getRxPacketsPerDr())), [40]);
    assert.deepEqual(sums(link.getErrors()), {});
  } finally {
    await simulator.stop();
  }
});

Deno.test("metrics without a span, or in minutes, are refused", async () => {
  const simulator = await startSimulator(atNoon);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const span = { start: new Date(noonMs), end: new Date(noonMs), aggregation: "MINUTE" } as const;
    await assert.rejects(client.getMetrics(soilProbe, span), { code: status.UNIMPLEMENTED });
    await assert.rejects(client.getLinkMetrics(soilProbe, span), { code: status.UNIMPLEMENTED });
  } finally {
    await simulator.stop();
  }
});
