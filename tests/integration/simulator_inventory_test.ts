// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import profilePb from "@chirpstack/chirpstack-api/api/device_profile_pb.js";
import { fleet } from "../../src/sources/simulator/fleet.ts";
import { startSimulator } from "../../src/sources/simulator/start_simulator.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";

const token = "token-of-the-test";
const quiet = { hostname: "127.0.0.1", port: 0, apiToken: token, devices: 100, intervalMs: 0 };
const soilProbe = "02ed9ee000000001";
const noUuid = { code: status.INVALID_ARGUMENT };

Deno.test("tenant, applications and devices can be walked down, and are the fleet", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const tenants = await client.listTenants();
    assert.equal(tenants.getTotalCount(), 1);
    const [tenant] = tenants.getResultList();
    assert.equal(tenant!.getId(), simulator.tenantId);
    const applications = (await client.listApplications(tenant!.getId())).getResultList();
    assert.deepEqual(applications.map((entry) => entry.getName()), ["Assets", "Building", "Irrigation", "Metering"]);
    const found: [string, string, string][] = [];
    for (const application of applications) {
      for (const device of (await client.listDevices(application.getId(), { limit: 1000 })).getResultList()) {
        found.push([device.getDevEui(), device.getName(), application.getName()]);
      }
    }
    const expected = fleet(100).map(({ devEui, name, applicationName }) => [devEui, name, applicationName]);
    assert.deepEqual(found.toSorted(), expected.toSorted());
  } finally {
    await simulator.stop();
  }
});

Deno.test("lists are paged, searched and ordered as the database does it", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const { applicationId } = simulator.devices.find(({ applicationName }) => applicationName === "Building")!;
    const names = simulator.devices.filter((device) => device.applicationId === applicationId).map(({ name }) => name)
      .toSorted();
    assert.ok(names.length > 25);
    const paged: string[] = [];
    for (let offset = 0; offset < names.length + 10; offset += 10) {
      const page = await client.listDevices(applicationId, { limit: 10, offset });
      assert.equal(page.getTotalCount(), names.length);
      paged.push(...page.getResultList().map((device) => device.getName()));
    }
    assert.deepEqual(paged, names);
    const none = await client.listDevices(applicationId, { limit: 0 });
    assert.deepEqual([none.getTotalCount(), none.getResultList().length], [names.length, 0]);
    const search = await client.listDevices(applicationId, { search: "DOOR CONTACT" });
    assert.deepEqual(search.getResultList().map((device) => device.getName()), [
      "Door contact 1",
      "Door contact 2",
      "Door contact 3",
    ]);
    assert.equal((await client.listDevices(crypto.randomUUID())).getTotalCount(), 0);
    assert.equal((await client.listApplications(crypto.randomUUID())).getTotalCount(), 0);
    assert.equal((await client.listTenants({ offset: 1 })).getResultList().length, 0);
    assert.equal((await client.listTenants({ search: "nothing" })).getTotalCount(), 0);
  } finally {
    await simulator.stop();
  }
});

Deno.test("what is no id is refused, and what does not exist is not found", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const unknown = "00000000000000ff";
    const span = { start: new Date(), end: new Date() };
    await assert.rejects(client.listDevices("1"), noUuid);
    await assert.rejects(client.listApplications("demo"), noUuid);
    await assert.rejects(client.getDeviceProfile(""), noUuid);
    await assert.rejects(client.getDeviceProfile(crypto.randomUUID()), { code: status.NOT_FOUND });
    await assert.rejects(client.getDevice("no-eui"), { code: status.INTERNAL });
    for (
      const call of [
        client.getDevice(unknown),
        client.getMetrics(unknown, span),
        client.getLinkMetrics(unknown, span),
        client.enqueue(unknown, { data: Uint8Array.of(1) }),
        client.getQueue(unknown),
        client.flushQueue(unknown),
      ]
    ) await assert.rejects(call, { code: status.NOT_FOUND });
  } finally {
    await simulator.stop();
  }
});

Deno.test("a device tells when it was last seen, and its status once it answered a request", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const before = await client.getDevice(soilProbe.toUpperCase());
    assert.equal(before.getDevice()?.getDevEui(), soilProbe);
    assert.equal(before.hasLastSeenAt(), false);
    assert.equal(before.hasDeviceStatus(), false);
    const timeUs = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000;
    simulator.sendUplink(soilProbe, { Bat: 3.5 }, { timeUs });
    // a frame of the past, which a gateway kept back, does not make the device younger
    simulator.sendUplink(soilProbe, { Bat: 3.4 }, { timeUs: timeUs - 1e9 });
    simulator.sendStatus(soilProbe, { margin: -3, batteryPercent: 50, externalPower: false });
    const after = await client.getDevice(soilProbe);
    assert.equal(after.getLastSeenAt()?.getSeconds(), timeUs / 1e6);
    assert.deepEqual(after.getDeviceStatus()?.toObject(), {
      margin: -3,
      externalPowerSource: false,
      batteryLevel: 50,
    });
    const { applicationId } = simulator.devices[0]!;
    const [listed] = (await client.listDevices(applicationId, { search: soilProbe })).getResultList();
    assert.equal(listed?.getLastSeenAt()?.getSeconds(), timeUs / 1e6);
    assert.equal(listed?.getDeviceProfileName(), "Dragino LSE01");
  } finally {
    await simulator.stop();
  }
});

Deno.test("a device profile names the measurements and how each is aggregated", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const { MeasurementKind } = profilePb;
    const measurementsOf = async (devEui: string) => {
      const device = (await client.getDevice(devEui)).getDevice()!;
      const profile = (await client.getDeviceProfile(device.getDeviceProfileId())).getDeviceProfile()!;
      return new Map(
        [...profile.getMeasurementsMap().entries()].map(([key, it]) => [key, [it.getName(), it.getKind()]]),
      );
    };
    const soil = await measurementsOf(soilProbe);
    assert.deepEqual(soil.get("conduct_SOIL"), ["Soil conductivity", MeasurementKind.GAUGE]);
    // the codec gives these as text, and text is never aggregated
    assert.deepEqual(soil.get("temp_SOIL"), ["Soil temperature", MeasurementKind.STRING]);
    const meter = await measurementsOf("02ed9ee000000002");
    assert.deepEqual(meter.get("activeEnergyImportL123T1_data"), ["Energy T1", MeasurementKind.COUNTER]);
    assert.deepEqual(meter.get("activeEnergyImportL123T1_unit")?.[1], MeasurementKind.STRING);
    const { devEui } = simulator.devices.find(({ name }) => name === "Desk sensor 1")!;
    assert.deepEqual((await measurementsOf(devEui)).get("motion"), ["Motion", MeasurementKind.ABSOLUTE]);
  } finally {
    await simulator.stop();
  }
});
