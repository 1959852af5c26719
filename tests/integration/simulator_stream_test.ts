// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { startSimulator } from "../../src/sources/simulator/start_simulator.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";
import { waitFor } from "../lib/wait_for.ts";

const token = "token-of-the-test";
const quiet = { hostname: "127.0.0.1", port: 0, apiToken: token, devices: 5, intervalMs: 0 };
const soilProbe = "02ed9ee000000001";
const valve = "02ed9ee000000003";
const flakySensor = "02ed9ee000000005";

Deno.test("a stream replays the last ten events, oldest first, and goes on with live ones", async () => {
  const simulator = await startSimulator(quiet);
  try {
    for (let n = 1; n <= 12; n++) simulator.sendUplink(soilProbe, { n });
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(soilProbe);
    await waitFor("the replay", () => stream.items.length >= 10);
    simulator.sendUplink(soilProbe, { n: 13 });
    await waitFor("the live event", () => stream.items.length >= 11);
    assert.deepEqual(stream.bodies("up").map(({ object }) => object.n), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    assert.deepEqual(stream.bodies("up").map(({ fCnt }) => fCnt), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const ids = stream.items.map((item) => item.getId().split("-").map(Number));
    for (const [ms, number] of ids) assert.ok(ms! > 1e12 && number! >= 0);
    assert.deepEqual(ids, ids.toSorted((left, right) => left[0]! - right[0]! || left[1]! - right[1]!));
  } finally {
    await simulator.stop();
  }
});

Deno.test("an uplink has the fields of ChirpStack's event and the device's own time", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(soilProbe);
    const timeUs = Date.UTC(2026, 5, 1, 12, 30, 15) * 1000 + 123_456;
    simulator.sendUplink(soilProbe, { temp_SOIL: "24.59", nested: { list: [1, null, true] } }, { timeUs, fPort: 7 });
    await waitFor("the event", () => stream.items.length === 1);
    const [item] = stream.items;
    const [body] = stream.bodies();
    assert.equal(item?.getDescription(), "up");
    assert.deepEqual(item?.getTime()?.toObject(), { seconds: Math.floor(timeUs / 1e6), nanos: 123_456_000 });
    assert.deepEqual(Object.fromEntries(item!.getPropertiesMap().toArray()), {
      DR: `${body.dr}`,
      FPort: "7",
      FCnt: "0",
      Data: "00",
    });
    const { deduplicationId, devAddr, dr, rxInfo, txInfo, deviceInfo, ...rest } = body;
    assert.match(deduplicationId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.match(devAddr, /^[0-9a-f]{8}$/);
    assert.deepEqual(rest, {
      time: "2026-06-01T12:30:15.123456+00:00",
      adr: true,
      fCnt: 0,
      fPort: 7,
      confirmed: false,
      data: "AA==",
      object: { temp_SOIL: "24.59", nested: { list: [1, null, true] } },
      regionConfigId: "eu868",
    });
    const [placed] = simulator.devices;
    const profile = await client.getDeviceProfile(deviceInfo.deviceProfileId);
    assert.deepEqual(deviceInfo, {
      tenantId: simulator.tenantId,
      tenantName: "Demo site",
      applicationId: placed!.applicationId,
      applicationName: placed!.applicationName,
      deviceProfileId: profile.getDeviceProfile()!.getId(),
      deviceProfileName: "Dragino LSE01",
      deviceName: "Soil probe 1",
      devEui: soilProbe,
      deviceClassEnabled: "CLASS_A",
      tags: {},
    });
    assert.ok(rxInfo.length === 1 || rxInfo.length === 2);
    for (const reception of rxInfo) {
      assert.match(reception.gatewayId, /^[0-9a-f]{16}$/);
      assert.ok(Number.isInteger(reception.uplinkId) && reception.uplinkId >= 0);
      assert.ok(reception.rssi >= -140 && reception.rssi <= -30, `rssi ${reception.rssi}`);
      assert.ok(reception.snr >= -20 && reception.snr <= 15, `snr ${reception.snr}`);
      assert.equal(reception.crcStatus, "CRC_OK");
    }
    assert.ok(dr >= 0 && dr <= 5);
    assert.deepEqual(txInfo.modulation, {
      lora: { bandwidth: 125_000, spreadingFactor: 12 - dr, codeRate: "CR_4_5" },
    });
    assert.ok(txInfo.frequency > 867e6 && txInfo.frequency < 869e6);
  } finally {
    await simulator.stop();
  }
});

Deno.test("status, join and codec errors reach the stream as events of their own", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(flakySensor);
    simulator.sendUplink(flakySensor, { BatV: 3 });
    simulator.sendStatus(flakySensor, { margin: 12, batteryPercent: 88.3, externalPower: false });
    simulator.sendJoin(flakySensor);
    simulator.sendUplink(flakySensor, null);
    await waitFor("the events", () => stream.items.length === 5);
    assert.deepEqual(stream.types(), ["up", "status", "join", "log", "up"]);
    const [before, state, join, log, after] = stream.bodies();
    assert.deepEqual([state.margin, state.batteryLevel, state.externalPowerSource], [12, 88.3, false]);
    assert.notEqual(join.devAddr, before.devAddr);
    assert.equal(after.devAddr, join.devAddr);
    assert.equal(after.fCnt, 0);
    assert.equal("object" in after, false);
    assert.deepEqual([log.level, log.code], ["ERROR", "UPLINK_CODEC"]);
    assert.equal(log.context.deduplication_id, after.deduplicationId);
    const device = await client.getDevice(flakySensor);
    assert.equal(device.getDeviceStatus()?.getMargin(), 12);
    assert.ok(Math.abs(device.getDeviceStatus()!.getBatteryLevel() - 88.3) < 1e-4);
  } finally {
    await simulator.stop();
  }
});

Deno.test("every reader of a device gets the same events, and only that device's", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using first = new ChirpStackClient(simulator.url, token);
    using second = new ChirpStackClient(simulator.url, token);
    const streams = [first.stream(soilProbe), second.stream(soilProbe)];
    const other = second.stream(valve);
    await waitFor("two connections", () => simulator.connections === 2);
    simulator.sendUplink(soilProbe, { n: 1 });
    simulator.sendUplink(valve, { n: 2 });
    await waitFor("the events", () => [...streams, other].every(({ items }) => items.length === 1));
    assert.deepEqual(streams.map((stream) => stream.bodies()[0].object), [{ n: 1 }, { n: 1 }]);
    assert.equal(other.bodies()[0].object.n, 2);
    streams[0]!.cancel();
    await waitFor("the end of the cancelled stream", () => streams[0]!.error?.code === status.CANCELLED);
    simulator.sendUplink(soilProbe, { n: 3 });
    await waitFor("the event at the stream that stays", () => streams[1]!.items.length === 2);
    assert.equal(streams[0]!.items.length, 1);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a stream of a device that does not exist opens and stays silent, as on the real server", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const nobody = client.stream("ffffffffffffffff");
    const known = client.stream(soilProbe);
    simulator.sendUplink(soilProbe, {});
    await waitFor("the event of another device on the same connection", () => known.items.length === 1);
    assert.equal(nobody.error, null);
    assert.equal(nobody.items.length, 0);
    await assert.rejects(client.getDevice("ffffffffffffffff"), { code: status.NOT_FOUND });
  } finally {
    await simulator.stop();
  }
});

Deno.test("calls without the right bearer token are unauthenticated", async () => {
  const simulator = await startSimulator(quiet);
  try {
    for (const wrong of [null, "another", `${token}x`, ""]) {
      using client = new ChirpStackClient(simulator.url, wrong);
      await assert.rejects(client.getDevice(soilProbe), { code: status.UNAUTHENTICATED });
      await assert.rejects(client.listTenants(), { code: status.UNAUTHENTICATED });
      const stream = client.stream(soilProbe);
      const error = await waitFor("the refusal", () => stream.error);
      assert.equal(error.code, status.UNAUTHENTICATED);
      assert.ok(!error.message.includes(token));
    }
    using client = new ChirpStackClient(simulator.url, null);
    client.metadata.set("authorization", token);
    await assert.rejects(client.getDevice(soilProbe), { code: status.UNAUTHENTICATED, details: /'Bearer <TOKEN>/ });
  } finally {
    await simulator.stop();
  }
});

Deno.test("beyond 200 open calls a connection hangs, and only that one", async () => {
  const simulator = await startSimulator(quiet);
  try {
    for (let n = 0; n < 2; n++) simulator.sendUplink(soilProbe, { n });
    using full = new ChirpStackClient(simulator.url, token);
    full.deadlineMs = 500;
    const streams = Array.from({ length: 201 }, () => full.stream(soilProbe));
    const served = () => streams.filter(({ items }) => items.length === 2).length;
    await waitFor("200 streams", () => served() >= 200);
    // the connection has no place left: a call gets neither an answer nor an error until its own deadline
    await assert.rejects(full.getDevice(soilProbe), { code: status.DEADLINE_EXCEEDED });
    assert.equal(served(), 200);
    using other = new ChirpStackClient(simulator.url, token);
    assert.equal((await other.getDevice(soilProbe)).getDevice()?.getName(), "Soil probe 1");
    streams.find(({ items }) => items.length === 2)!.cancel();
    await waitFor("the stream that waited for a place", () => served() === 201);
  } finally {
    await simulator.stop();
  }
});
