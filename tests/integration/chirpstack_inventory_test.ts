import assert from "node:assert/strict";
import type { ObservedKey } from "../../src/sources/chirpstack/observed_keys.ts";
import { startQuietSimulator, startWorld } from "../../src/sources/chirpstack/testing/world.ts";
import { waitFor } from "../lib/wait_for.ts";

const probe = "02ed9ee000000001";
const meter = "02ed9ee000000002";

Deno.test("the inventory holds every application, device and measurement, whatever the page size", async () => {
  const simulator = await startQuietSimulator({ devices: 23 });
  try {
    for (const list_page_size of [1, 7, 100]) {
      for (const tenant_id of ["", simulator.tenantId]) {
        await using world = startWorld(simulator.url, [{
          devEui: probe,
          applicationId: simulator.devices[0]?.applicationId,
          metrics: [{ metric_name: "Bat" }],
        }], { config: { list_page_size, tenant_id } });
        const { applications, problems } = await world.source.inventory();
        assert.deepEqual(problems, []);
        const devices = applications.flatMap((application) =>
          application.devices.map((device) => `${application.id} ${device.devEui} ${device.name}`)
        );
        const expected = simulator.devices.map(({ applicationId, devEui, name }) =>
          `${applicationId} ${devEui} ${name}`
        );
        assert.deepEqual(devices.toSorted(), expected.toSorted());
        assert.equal(applications.every(({ tenantId }) => tenantId === simulator.tenantId), true);
        const all = applications.flatMap((application) => application.devices);
        assert.deepEqual(all.filter(({ configured }) => configured).map(({ devEui }) => devEui), [probe]);
        const known = all.find(({ devEui }) => devEui === probe);
        const conductivity = known?.measurements.find(({ key }) => key === "conduct_SOIL");
        assert.equal(conductivity?.kind, "gauge");
        assert.equal(known?.measurements.find(({ key }) => key === "temp_SOIL")?.kind, "string");
        assert.equal(known?.profileName, simulator.devices[0]?.profileName);
      }
    }
  } finally {
    await simulator.stop();
  }
});

Deno.test("keys of received uplinks are part of it, and can be asked for of a device that is not configured", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, [{
      devEui: probe,
      applicationId: simulator.devices[0]?.applicationId,
    }]);
    simulator.sendUplink(probe, { temperature: "21 °C", "Fill level": [{ cm: 4, ok: true, probe: null }] });
    await waitFor("the uplink", () => world.source.status().events === 1);
    const { applications } = await world.source.inventory();
    const device = applications.flatMap(({ devices }) => devices).find(({ devEui }) => devEui === probe);
    const expected = [
      ["temperature", "string", '"21 °C"'],
      ['["Fill level"][0].cm', "number", "4"],
      ['["Fill level"][0].ok', "boolean", "true"],
      ['["Fill level"][0].probe', "null", "null"],
    ];
    const shown = (keys: readonly ObservedKey[]) => keys.map(({ path, type, example }) => [path, type, example]);
    assert.ok(device !== undefined);
    assert.deepEqual(shown(device.observedKeys), expected);
    assert.deepEqual(shown(await world.source.observedKeys(probe.toUpperCase())), expected);

    for (let n = 0; n < 3; n++) simulator.sendUplink(meter, { power: n });
    assert.deepEqual(shown(await world.source.observedKeys(meter)), [["power", "number", "2"]]);
    assert.deepEqual(await world.source.observedKeys("ffffffffffffffff"), []);
    simulator.inject.halfOpen = true;
    const asked = world.source.observedKeys("02ed9ee000000003");
    await assert.rejects(asked, { name: "CallError" });
  } finally {
    await simulator.stop();
  }
});

Deno.test("what was asked for is kept for a minute, unless somebody wants it fresh", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, [{ devEui: probe }]);
    // the application that the configuration names does not exist: the one problem, told each time
    const [first, same] = await Promise.all([world.source.inventory(), world.source.inventory()]);
    assert.equal(first, same);
    assert.equal(first.problems.length, 1);
    assert.match(first.problems[0] ?? "", /^Cannot list the devices of application application-1: /);
    await using tidy = startWorld(simulator.url, [{
      devEui: probe,
      applicationId: simulator.devices[0]?.applicationId,
    }]);
    const kept = await tidy.source.inventory();
    assert.equal(await tidy.source.inventory(), kept);
    assert.notEqual(await tidy.source.inventory({ fresh: true }), kept);
  } finally {
    await simulator.stop();
  }
});

Deno.test("an inventory with holes names them, and is not kept", async () => {
  const simulator = await startQuietSimulator();
  try {
    const devices = [{ devEui: probe, applicationId: simulator.devices[0]?.applicationId }];
    await using refused = startWorld(simulator.url, devices, { config: { api_token: "wrong" } });
    const empty = await refused.source.inventory();
    assert.equal(empty.applications.flatMap((application) => application.devices).length, 0);
    assert.match(empty.problems.join("\n"), /Cannot list the tenants: UNAUTHENTICATED/);

    await using world = startWorld(simulator.url, devices);
    await simulator.inject.refuse();
    const down = await world.source.inventory();
    assert.ok(down.problems.length > 0);
    await simulator.inject.resume();
    const up = await waitFor("a whole inventory", async () => {
      const inventory = await world.source.inventory();
      return inventory.problems.length === 0 && inventory;
    });
    assert.equal(up.applications.flatMap((application) => application.devices).length, simulator.devices.length);
  } finally {
    await simulator.stop();
  }
});

Deno.test("an inventory under way ends when the source stops", async () => {
  const simulator = await startQuietSimulator();
  try {
    const world = startWorld(simulator.url, [{ devEui: probe }], { config: { timeout: 3600 } });
    await waitFor("the stream", () => world.source.status().state === "connected");
    simulator.inject.latencyMs = 3_600_000;
    const asked = assert.rejects(world.source.inventory(), { name: "AbortError" });
    await world.source.stop();
    await asked;
  } finally {
    await simulator.stop();
  }
});
