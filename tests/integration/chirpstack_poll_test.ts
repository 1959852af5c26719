import assert from "node:assert/strict";
import { type Fixture, fixture } from "../../src/sources/chirpstack/testing/fixture.ts";
import { quickPings, startQuietSimulator, startWorld } from "../../src/sources/chirpstack/testing/world.ts";
import { storageSchema } from "../../src/config/schema.ts";
import { openHistory } from "../../src/history/open_history.ts";
import { Quality } from "../../src/tags/quality.ts";
import { waitFor } from "../lib/wait_for.ts";

const probe = "02ed9ee000000001";
const meter = "02ed9ee000000002";
const start = Date.UTC(2026, 0, 2) * 1000;
const minute = 60_000_000;
const hour = 60 * minute;
const poll = { mode: "poll" as const };
const conductivity = { metric_name: "conductivity", chirpstack_metric_name: "conduct_SOIL" };
const moisture = { metric_name: "moisture", chirpstack_metric_name: "water_SOIL", metric_type: "String" };

/** A server and tags on one clock that only the test moves. */
async function clockedPair(devices: Parameters<typeof fixture>[0]) {
  let us = start;
  const simulator = await startQuietSimulator({ nowUs: () => us });
  const base = fixture(devices, poll, us);
  return {
    simulator,
    base,
    at: (minutes: number) => base.setNowUs(us = start + minutes * minute),
    send: (devEui: string, object: unknown, minutes: number) =>
      simulator.sendUplink(devEui, object, { timeUs: start + minutes * minute }),
  };
}

/** time (minutes), value, live and stored quality of each entry of a tag. */
function rows(world: Fixture, devEui: string, name: string) {
  const tag = world.tag(devEui, name);
  return world.batches.flat().filter((entry) => entry.tag === tag && entry.kind !== "status").map((entry) => [
    (entry.sourceTimeUs - start) / minute,
    entry.value,
    entry.quality,
    entry.storedQuality,
  ]);
}

Deno.test("an hour is taken once, when it is over, with its own time: Good live, calculated in history", async () => {
  const { simulator, base, at, send } = await clockedPair([{ devEui: probe, metrics: [conductivity] }]);
  try {
    send(probe, { conduct_SOIL: 100 }, 5);
    send(probe, { conduct_SOIL: 300 }, 25);
    send(probe, { conduct_SOIL: 700 }, 70);
    at(80);
    await using world = startWorld(simulator.url, [], { fixture: base, config: poll });
    await waitFor("the first hour", () => rows(world, probe, "conductivity").length > 0);
    assert.deepEqual(rows(world, probe, "conductivity"), [[0, 200, Quality.Good, Quality.GoodCalculated]]);
    assert.equal(world.tag(probe, "conductivity").quality, Quality.Good);

    // later in the same hour nothing new is over, however much arrives
    at(100);
    send(probe, { conduct_SOIL: 900 }, 99);
    const polled = world.source.status().lastEventUs;
    await waitFor("a reading", () => world.source.status().lastEventUs !== polled);
    assert.equal(rows(world, probe, "conductivity").length, 1);

    at(121);
    await waitFor("the second hour", () => rows(world, probe, "conductivity").length > 1);
    assert.deepEqual(rows(world, probe, "conductivity")[1], [60, 800, Quality.Good, Quality.GoodCalculated]);
    const status = world.source.status();
    assert.deepEqual([status.mode, status.state, status.devicesStreaming], ["poll", "connected", 1]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("zeros count in hours in which the device was received; a gap is filled in order", async () => {
  const { simulator, base, at, send } = await clockedPair([
    { devEui: probe, metrics: [conductivity, { metric_name: "battery", chirpstack_metric_name: "Bat" }] },
  ]);
  try {
    send(probe, { conduct_SOIL: 50, Bat: 3 }, 10);
    send(probe, { conduct_SOIL: 0, Bat: 3 }, 130);
    send(probe, { conduct_SOIL: 70, Bat: 3 }, 190);
    at(300);
    await using world = startWorld(simulator.url, [], { fixture: base, config: poll });
    await waitFor("the hours", () => rows(world, probe, "conductivity").length === 3);
    assert.deepEqual(rows(world, probe, "conductivity").map(([time, value]) => [time, value]), [[0, 50], [120, 0], [
      180,
      70,
    ]]);
    const times = world.batches[0]?.map(({ sourceTimeUs }) => sourceTimeUs) ?? [];
    assert.deepEqual(times, times.toSorted((a, b) => a - b));
    assert.equal(world.batches[0]?.every(({ kind }) => kind === "live"), true);
  } finally {
    await simulator.stop();
  }
});

Deno.test("after a restart no hour is stored a second time", async () => {
  const { simulator, base, at, send } = await clockedPair([{ devEui: probe, metrics: [conductivity] }]);
  try {
    send(probe, { conduct_SOIL: 10 }, 10);
    send(probe, { conduct_SOIL: 20 }, 70);
    send(probe, { conduct_SOIL: 30 }, 130);
    at(190);
    const tag = base.tag(probe, "conductivity");
    base.tags.restore([[tag.id, { value: 20, quality: 0, sourceTimeUs: start + hour, serverTimeUs: start }]]);
    await using world = startWorld(simulator.url, [], { fixture: base, config: poll });
    await waitFor("the third hour", () => rows(world, probe, "conductivity").length > 0);
    assert.deepEqual(rows(world, probe, "conductivity").map(([time, value]) => [time, value]), [[120, 30]]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("texts are states of the moment in which the device was heard last", async () => {
  const { simulator, base, at, send } = await clockedPair([
    { devEui: probe, metrics: [moisture, { ...moisture, metric_name: "number", metric_type: "Float" }] },
  ]);
  try {
    send(probe, { water_SOIL: "31.5" }, 10);
    at(11);
    await using world = startWorld(simulator.url, [], { fixture: base, config: poll });
    await waitFor("the state", () => rows(world, probe, "moisture").length > 0);
    assert.deepEqual(rows(world, probe, "moisture"), [[10, "31.5", Quality.Good, undefined]]);
    assert.deepEqual(rows(world, probe, "number"), [[10, 31.5, Quality.Good, undefined]]);
    assert.deepEqual(rows(world, probe, "$lastSeen"), [[10, "2026-01-02T00:10:00.000Z", Quality.Good, undefined]]);
    at(20);
    send(probe, { water_SOIL: "30.5" }, 20);
    await waitFor("the next state", () => rows(world, probe, "moisture").length > 1);
    assert.deepEqual(rows(world, probe, "moisture")[1], [20, "30.5", Quality.Good, undefined]);
    assert.equal(rows(world, probe, "moisture").length, 2);
  } finally {
    await simulator.stop();
  }
});

Deno.test("the radio's hourly means are diagnostics, battery and margin come with the list", async () => {
  const { simulator, base, at, send } = await clockedPair([{ devEui: probe }]);
  try {
    send(probe, { Bat: 3 }, 10);
    simulator.sendStatus(probe, { margin: 9, batteryPercent: 66, externalPower: false });
    at(70);
    await using world = startWorld(simulator.url, [], { fixture: base, config: poll });
    await waitFor("the diagnostics", () => rows(world, probe, "$rssi").length > 0);
    const [rssi] = rows(world, probe, "$rssi");
    assert.equal(rssi?.[0], 0);
    assert.ok(Number.isInteger(rssi?.[1]) && Number(rssi?.[1]) < 0);
    assert.equal(world.tag(probe, "$margin").value, 9);
    assert.equal(Math.round(Number(world.tag(probe, "$battery").value)), 66);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a measurement that ChirpStack does not keep, and a mean that is no Int, are told for that device alone", async () => {
  const { simulator, base, at, send } = await clockedPair([
    {
      devEui: probe,
      metrics: [conductivity, { metric_name: "gone" }, { ...conductivity, metric_name: "whole", metric_type: "Int" }],
    },
    {
      devEui: meter,
      metrics: [{ metric_name: "T1", chirpstack_metric_name: "activeEnergyImportL123T1.data", metric_type: "Int" }],
    },
    { devEui: "ffffffffffffffff", metrics: [conductivity] },
  ]);
  try {
    send(probe, { conduct_SOIL: 10 }, 10);
    send(probe, { conduct_SOIL: 11 }, 11);
    send(meter, { activeEnergyImportL123T1: { data: 5000, unit: "Wh" } }, 12);
    at(70);
    await using world = startWorld(simulator.url, [], { fixture: base, config: poll });
    await waitFor(
      "the hour",
      () => rows(world, probe, "conductivity").length > 0 && rows(world, meter, "T1").length > 0,
    );
    assert.deepEqual(rows(world, probe, "conductivity")[0]?.[1], 10.5);
    assert.equal(world.tag(probe, "whole").quality, Quality.BadDecodingError);
    assert.equal(rows(world, meter, "T1")[0]?.[1], 5000);
    const fault = await waitFor("the fault", () => world.fault("device_decoding", probe));
    assert.match(fault.detail, /'whole' as Int as it is not a whole number: current value is 10\.5/);
    assert.match(fault.detail, /no measurement for 'gone'/);
    assert.equal(world.fault("device_decoding", meter), undefined);
    assert.ok(await waitFor("the stranger", () => world.fault("source_device_unknown", "ffffffffffffffff")));
    assert.equal(world.source.status().state, "degraded");
  } finally {
    await simulator.stop();
  }
});

Deno.test("aggregates are 32-bit floats: no false digits, and no count that may be rounded", async () => {
  const T1 = { chirpstack_metric_name: "activeEnergyImportL123T1.data" };
  const { simulator, base, at, send } = await clockedPair([
    { devEui: probe, metrics: [{ metric_name: "battery", chirpstack_metric_name: "Bat" }] },
    {
      devEui: meter,
      metrics: [{ ...T1, metric_name: "count", metric_type: "Int" }, { ...T1, metric_name: "float" }],
    },
  ]);
  try {
    send(probe, { Bat: 3.301 }, 10);
    send(meter, { activeEnergyImportL123T1: { data: 2 ** 24 + 2, unit: "Wh" } }, 10);
    at(70);
    await using world = startWorld(simulator.url, [], { fixture: base, config: poll });
    await waitFor("the hour", () => rows(world, probe, "battery").length > 0 && rows(world, meter, "float").length > 0);
    assert.equal(world.tag(probe, "battery").value, 3.301);
    assert.equal(world.tag(meter, "float").value, 2 ** 24 + 2);
    assert.equal(world.tag(meter, "count").quality, Quality.BadOutOfRange);
    assert.match(world.fault("device_decoding", meter)?.detail ?? "", /exact up to 16777216/);
  } finally {
    await simulator.stop();
  }
});

Deno.test("history keeps an aggregate as calculated, and a restart shows it as Good again", async () => {
  const { simulator, base, at, send } = await clockedPair([{ devEui: probe, metrics: [conductivity] }]);
  const dataDir = await Deno.makeTempDir();
  const history = await openHistory({
    ...base,
    config: storageSchema.parse({ database_path: `${dataDir}/history.db`, backup_interval_hours: 0 }),
    dataDir,
    readerUrl: new URL("../../src/history/reader.ts", import.meta.url),
  });
  const leave = base.tags.subscribe((batch) => history.writer.write(batch));
  try {
    send(probe, { conduct_SOIL: 100 }, 5);
    at(70);
    await using world = startWorld(simulator.url, [], { fixture: base, config: poll });
    await waitFor("the hour", () => rows(world, probe, "conductivity").length > 0);
    history.writer.flush();
    const tagId = world.tag(probe, "conductivity").id;
    const query = { tagId, fromUs: null, toUs: null, direction: "forward", limit: 10 } as const;
    const { count, qualities, timesUs } = await history.queries.readRaw(query);
    assert.deepEqual([count, qualities[0], timesUs[0]], [1, Quality.GoodCalculated, start]);
    const restarted = fixture([{ devEui: probe, metrics: [conductivity] }], poll, start + 71 * minute);
    restarted.tags.restore([...history.writer.lastSamples()].map((sample) => [sample.tagId, sample] as const));
    assert.deepEqual([restarted.tag(probe, "conductivity").value, restarted.tag(probe, "conductivity").quality], [
      100,
      0,
    ]);
  } finally {
    leave();
    await history.stop();
    await simulator.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("an outage in poll mode: fault, backoff, and the missed hours after it", async () => {
  const { simulator, base, at, send } = await clockedPair([{ devEui: probe, metrics: [conductivity] }]);
  try {
    send(probe, { conduct_SOIL: 10 }, 10);
    at(70);
    await using world = startWorld(simulator.url, [], { fixture: base, config: poll, timing: quickPings });
    await waitFor("the first hour", () => rows(world, probe, "conductivity").length === 1);
    await simulator.inject.refuse();
    const fault = await waitFor("the fault", () => world.fault("source_unreachable"));
    assert.equal(fault.sinceUs, start + 70 * minute);
    await waitFor("the state", () => world.source.status().state === "disconnected");
    send(probe, { conduct_SOIL: 20 }, 70);
    send(probe, { conduct_SOIL: 30 }, 130);
    at(200);
    world.tags.sweep();
    assert.equal(world.tag(probe, "conductivity").quality, Quality.UncertainLastUsableValue);
    await simulator.inject.resume();
    await waitFor("the missed hours", () => rows(world, probe, "conductivity").length === 3);
    assert.deepEqual(rows(world, probe, "conductivity").map(([time, value]) => [time, value]), [[0, 10], [60, 20], [
      120,
      30,
    ]]);
    await waitFor("the state", () => world.source.status().state === "connected");
    assert.deepEqual(world.faults.list(), []);
    // a dead link is noticed too, and stopping does not wait for it
    simulator.inject.halfOpen = true;
    await waitFor("the fault", () => world.fault("source_unreachable"));
  } finally {
    await simulator.stop();
  }
});

Deno.test("a wrong token in poll mode is named and tried again", async () => {
  const { simulator, base } = await clockedPair([{ devEui: probe, metrics: [conductivity] }]);
  try {
    await using world = startWorld(simulator.url, [], { fixture: base, config: { ...poll, api_token: "wrong" } });
    await waitFor("the fault", () => world.fault("source_unauthorized"));
    await waitFor("the state", () => world.source.status().state === "disconnected");
    assert.equal(world.fault("source_device_unknown"), undefined);
  } finally {
    await simulator.stop();
  }
});
