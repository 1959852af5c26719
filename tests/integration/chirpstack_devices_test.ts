import assert from "node:assert/strict";
import { startQuietSimulator, startWorld } from "../../src/sources/chirpstack/testing/world.ts";
import { waitFor } from "../lib/wait_for.ts";

const temperature = { metric_name: "temperature" };

Deno.test("streams of devices that come and go are opened and ended, those of the others go on", async () => {
  const simulator = await startQuietSimulator({ devices: 90 });
  const all = simulator.devices.map(({ devEui }) => devEui);
  const [first = "", second = ""] = all;
  const last = all[89] ?? "";
  try {
    await using world = startWorld(simulator.url, all.map((devEui) => ({ devEui, metrics: [temperature] })));
    const { source, devices } = world;
    const streaming = (count: number) =>
      waitFor(`${count} streams`, () => source.status().devicesStreaming === count, { deadlineMs: 20_000 });
    await streaming(90);
    const values = () =>
      world.batches.flat().filter(({ tag }) => tag.id === `${first}/temperature`).map((v) => v.value);
    let n = 0;
    const sending = setInterval(() => simulator.sendUplink(first, { temperature: ++n }), 5);
    try {
      // ten streams had a connection of their own: it goes with them
      source.setDevices(devices.slice(0, 80));
      await streaming(80);
      simulator.sendUplink(last, { temperature: 1 });
      source.setDevices([...devices.slice(0, 1), ...devices.slice(2, 80)]);
      await streaming(79);
      assert.equal(source.status().state, "connected");

      // a place that got free is taken, the others need a connection again
      source.setDevices(devices);
      await streaming(90);
      simulator.sendUplink(second, { temperature: 22 });
      await waitFor("a value of a device that is back", () => world.tag(second, "temperature").value === 22);
      await waitFor(
        "what was sent meanwhile, which ChirpStack keeps",
        () => world.tag(last, "temperature").value === 1,
      );
    } finally {
      clearInterval(sending);
    }
    await waitFor("the last value", () => values().at(-1) === n);
    assert.deepEqual(values(), Array.from({ length: n }, (_none, i) => i + 1));
    const { reconnects, state, lastError } = source.status();
    assert.deepEqual([reconnects, state, lastError], [0, "connected", null]);

    // quick changes there and back leave one stream
    for (let i = 0; i < 20; i++) source.setDevices(i % 2 === 0 ? [] : devices.slice(0, 3));
    await streaming(3);
    simulator.sendUplink(second, { temperature: 23 });
    await waitFor("its value", () => world.tag(second, "temperature").value === 23);
    const told = world.batches.flat().filter(({ tag, value }) => tag.id === `${second}/temperature` && value === 23);
    assert.equal(told.length, 1);
  } finally {
    await simulator.stop();
  }
});

Deno.test("the faults of a device go with it", async () => {
  const simulator = await startQuietSimulator();
  const known = simulator.devices[0]?.devEui ?? "";
  const unknown = "00000000000000ff";
  try {
    await using world = startWorld(simulator.url, [
      { devEui: known, metrics: [temperature] },
      { devEui: unknown, metrics: [temperature] },
    ]);
    await waitFor("the fault", () => world.fault("source_device_unknown", unknown) !== undefined);
    assert.equal(world.source.status().state, "degraded");
    world.source.setDevices(world.devices.filter(({ devEui }) => devEui === known));
    await waitFor("a sound state", () => world.source.status().state === "connected");
    assert.equal(world.fault("source_device_unknown"), undefined);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a metric that is added shows what the device's last message held; in mode poll a device is read from then on", async () => {
  const simulator = await startQuietSimulator();
  const devEui = simulator.devices[0]?.devEui ?? "";
  try {
    const sketch = (names: readonly string[]) => [{ devEui, metrics: names.map((metric_name) => ({ metric_name })) }];
    await using world = startWorld(simulator.url, sketch(["temperature"]));
    simulator.sendUplink(devEui, { temperature: 20, humidity: 55 });
    await waitFor("the value", () => world.tag(devEui, "temperature").value === 20);
    await using wider = startWorld(simulator.url, sketch(["temperature", "humidity"]));
    const definitions = [...wider.tags.list()].map(({ definition }) => definition);
    world.tags.define(definitions);
    assert.equal(world.tag(devEui, "humidity").value, 55);
    assert.equal(world.tag(devEui, "humidity").sourceTimeUs, world.tag(devEui, "temperature").sourceTimeUs);

    await using polled = startWorld(simulator.url, sketch(["temperature"]), { config: { mode: "poll" } });
    polled.source.setDevices([]);
    assert.equal(polled.source.status().devices, 0);
    polled.source.setDevices(polled.devices);
    await waitFor("a reading", () => polled.tag(devEui, "$lastSeen").value !== null);
  } finally {
    await simulator.stop();
  }
});
