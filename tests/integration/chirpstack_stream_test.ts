import assert from "node:assert/strict";
import { API_TOKEN, startQuietSimulator, startWorld } from "../../src/sources/chirpstack/testing/world.ts";
import { Quality } from "../../src/tags/quality.ts";
import { waitFor } from "../lib/wait_for.ts";

const probe = "02ed9ee000000001";
const meter = "02ed9ee000000002";
const temperature = { metric_name: "temperature" };

Deno.test("an uplink reaches the tags as one batch, with the event's own time and the radio figures", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, [{
      devEui: probe,
      metrics: [temperature, {
        metric_name: "level",
        chirpstack_metric_name: '["Fill level"][1].cm',
        metric_type: "Int",
      }],
    }]);
    await waitFor("the stream", () => world.source.status().devicesStreaming === 1);
    const timeUs = Date.now() * 1000 - 2_000_000;
    simulator.sendUplink(probe, { temperature: "21.5 °C", "Fill level": [{}, { cm: 42 }] }, { timeUs, fPort: 7 });
    const batch = await waitFor("the batch", () => world.batches[0]);
    const values = new Map(batch.map(({ tag, value }) => [tag.definition.name, value]));
    assert.equal(values.get("temperature"), 21.5);
    assert.equal(values.get("level"), 42);
    assert.equal(values.get("$fport"), 7);
    assert.equal(values.get("$fcnt"), 0);
    assert.equal(typeof values.get("$rssi"), "number");
    assert.equal(typeof values.get("$snr"), "number");
    assert.equal(typeof values.get("$dr"), "number");
    assert.equal(values.get("$lastSeen"), new Date(timeUs / 1000).toISOString());
    for (const entry of batch) assert.deepEqual([entry.kind, entry.quality, entry.sourceTimeUs], ["live", 0, timeUs]);
    assert.equal(world.batches.length, 1);

    const status = world.source.status();
    assert.equal(status.state, "connected");
    assert.equal(status.events, 1);
    assert.equal(status.decodingErrors, 0);
    assert.equal(status.lastError, null);
  } finally {
    await simulator.stop();
  }
});

Deno.test("retained events come oldest first and fill the history; a known one is not told twice", async () => {
  const simulator = await startQuietSimulator();
  try {
    const startUs = Date.now() * 1000 - 60_000_000;
    for (let n = 0; n < 3; n++) simulator.sendUplink(probe, { temperature: n }, { timeUs: startUs + n * 1_000_000 });
    await using world = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }]);
    await waitFor("the retained events", () => world.batches.length === 3);
    const values = () => world.batches.map((batch) => batch[0]?.value);
    assert.deepEqual(values(), [0, 1, 2]);
    for (const batch of world.batches) assert.equal(batch[0]?.kind, "live");

    simulator.inject.resetConnections();
    await waitFor("the reconnect", () => world.source.status().reconnects > 0);
    simulator.sendUplink(probe, { temperature: 3 });
    await waitFor("the next event", () => world.tag(probe, "temperature").value === 3);
    assert.deepEqual(values(), [0, 1, 2, 3]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a status sets battery and margin; joins go to the feed", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, [{ devEui: probe }]);
    simulator.sendStatus(probe, { margin: 12, batteryPercent: 75.5, externalPower: false });
    simulator.sendJoin(probe);
    await waitFor("the status", () => world.tag(probe, "$margin").value === 12);
    assert.equal(world.tag(probe, "$battery").value, 75.5);
    const join = await waitFor("the join", () => world.feed.since().find(({ event }) => event === "device_join"));
    assert.equal(join.subject, probe);
    assert.match(join.text, /^Joined the network with address [0-9a-f]{8}$/);
  } finally {
    await simulator.stop();
  }
});

Deno.test("what does not fit leaves value and neighbours alone, is told once, and heals with the next good uplink", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, [
      { devEui: probe, metrics: [temperature, { metric_name: "count", metric_type: "Int" }] },
      { devEui: meter, metrics: [temperature] },
    ]);
    await waitFor("the streams", () => world.source.status().devicesStreaming === 2);
    let timeUs = Date.now() * 1000 - 60_000_000;
    const send = (devEui: string, object: unknown) => simulator.sendUplink(devEui, object, { timeUs: timeUs += 1000 });
    send(probe, { temperature: 20, count: 1 });
    send(probe, { temperature: "CHARGING", count: 2 ** 60 });
    send(probe, { temperature: [1], count: 2 });
    send(meter, { temperature: 5 });
    await waitFor(
      "the last uplink",
      () => world.tag(probe, "count").value === 2 && world.tag(meter, "temperature").value,
    );
    const tag = world.tag(probe, "temperature");
    assert.deepEqual([tag.value, tag.quality], [20, Quality.BadDecodingError]);
    const second = world.batches.flat().filter(({ tag }) => tag.definition.name === "count")[1];
    assert.deepEqual([second?.value, second?.quality], [1, Quality.BadOutOfRange]);
    assert.equal(world.tag(meter, "temperature").quality, Quality.Good);
    assert.equal(world.source.status().decodingErrors, 3);
    const lines = world.feed.since().filter(({ event }) => event === "decoding_error");
    assert.deepEqual(lines.map(({ subject }) => subject), [probe, probe]);
    assert.match(lines[0]?.text ?? "", /'temperature' as Float as the text is no number: current value is "CHARGING"/);
    assert.match(world.fault("device_decoding", probe)?.detail ?? "", /'temperature'/);
    assert.equal(world.fault("device_decoding", meter), undefined);

    send(probe, { temperature: 21, count: 3 });
    await waitFor("the good value", () => world.tag(probe, "temperature").value === 21);
    assert.equal(world.tag(probe, "temperature").quality, Quality.Good);
    assert.equal(world.fault("device_decoding"), undefined);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a metric that no uplink ever holds is reported once, one that comes on another port is not", async () => {
  const simulator = await startQuietSimulator({ retainedEvents: 64 });
  try {
    await using world = startWorld(simulator.url, [{
      devEui: probe,
      metrics: [temperature, { metric_name: "rare" }, { metric_name: "typo", chirpstack_metric_name: "temperatur" }],
    }]);
    let timeUs = Date.now() * 1000 - 60_000_000;
    simulator.sendUplink(probe, { rare: 1 }, { timeUs: timeUs += 1000 });
    for (let n = 0; n < 20; n++) simulator.sendUplink(probe, { temperature: n }, { timeUs: timeUs += 1000 });
    const fault = await waitFor("the fault", () => world.fault("device_decoding", probe));
    assert.match(fault.detail, /nothing at the path of 'typo'/);
    assert.doesNotMatch(fault.detail, /'rare'|'temperature'/);
    assert.equal(world.tag(probe, "typo").quality, Quality.BadWaitingForInitialData);
    assert.equal(world.tag(probe, "typo").value, null);
  } finally {
    await simulator.stop();
  }
});

Deno.test("bodies that are no JSON and objects of other types harm nothing", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }]);
    await waitFor("the stream", () => world.source.status().devicesStreaming === 1);
    simulator.inject.garbageBody = true;
    simulator.sendUplink(probe, { temperature: 1 });
    simulator.inject.garbageBody = false;
    for (const object of [null, [], {}, { temperature: {} }, { temperature: null }]) {
      simulator.sendUplink(probe, object);
    }
    simulator.sendUplink(probe, { temperature: 2 });
    await waitFor("the last uplink", () => world.tag(probe, "temperature").value === 2);
    await waitFor("the state", () => world.source.status().state === "connected");
  } finally {
    await simulator.stop();
  }
});

Deno.test("a device that ChirpStack does not know is a fault of that device alone, until it is there", async () => {
  const simulator = await startQuietSimulator();
  try {
    const stranger = "ffffffffffffffff";
    await using world = startWorld(simulator.url, [
      { devEui: probe, metrics: [temperature], applicationId: simulator.devices[0]?.applicationId },
      { devEui: stranger, metrics: [temperature], applicationId: simulator.devices[0]?.applicationId },
    ]);
    const fault = await waitFor("the fault", () => world.fault("source_device_unknown"));
    assert.equal(fault.subject, stranger);
    simulator.sendUplink(probe, { temperature: 4 });
    await waitFor("the other device", () => world.tag(probe, "temperature").value === 4);
    assert.equal(world.source.status().state, "degraded");
    assert.equal(world.source.status().devicesStreaming, 1);
    assert.equal(world.fault("source_unauthorized"), undefined);
  } finally {
    await simulator.stop();
  }
});

Deno.test("look-ups find the few devices of a large application, one by one or in its list", async () => {
  const simulator = await startQuietSimulator({ devices: 30 });
  try {
    const { applicationId, devEui } = simulator.devices[0] ?? {};
    assert.ok(applicationId !== undefined && devEui !== undefined);
    for (const list_page_size of [1, 3, 100]) {
      await using world = startWorld(simulator.url, [
        { devEui, metrics: [temperature], applicationId },
        { devEui: "ffffffffffffffff", applicationId },
      ], { config: { list_page_size } });
      // the second look-up knows how long the list is, and may ask in another way than the first
      await waitFor("the stranger", () => world.fault("source_device_unknown", "ffffffffffffffff"));
      simulator.inject.eventLogOff = true;
      await waitFor("the silence", () => {
        simulator.sendUplink(devEui, { temperature: 1 });
        return world.fault("stream_silent", devEui);
      });
      simulator.inject.eventLogOff = false;
      assert.equal(world.fault("source_device_unknown", devEui), undefined);
      assert.ok(world.fault("source_device_unknown", "ffffffffffffffff"));
    }
  } finally {
    await simulator.stop();
  }
});

Deno.test("a disabled device is not streamed", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, [
      { devEui: probe, metrics: [temperature], more: { enabled: false } },
      { devEui: meter, metrics: [temperature] },
    ]);
    await waitFor("the stream", () => world.source.status().state === "connected");
    simulator.sendUplink(probe, { temperature: 4 });
    simulator.sendUplink(meter, { temperature: 5 });
    await waitFor("the other device", () => world.tag(meter, "temperature").value === 5);
    assert.equal(world.source.status().devices, 1);
    assert.equal(world.tag(probe, "temperature").quality, Quality.BadOutOfService);
    assert.equal(world.batches.flat().some(({ tag }) => tag.definition.group === probe), false);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a wrong token is named, never shown, and tried again", async () => {
  const simulator = await startQuietSimulator();
  try {
    for (const token of ["wrong-token-of-the-test", "two words", "line\nbreak"]) {
      await using world = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }], {
        config: { api_token: token },
      });
      const fault = await waitFor("the fault", () => world.fault("source_unauthorized"));
      assert.equal(fault.subject, simulator.url);
      await waitFor("the state", () => world.source.status().state === "disconnected");
      assert.equal(world.fault("source_device_unknown"), undefined);
      assert.equal(world.tag(probe, "temperature").quality, Quality.BadWaitingForInitialData);
      const told = JSON.stringify([world.faults.list(), world.feed.since(), world.source.status()]);
      assert.equal(told.includes(token) || told.includes(JSON.stringify(token).slice(1, -1)), false);
    }
  } finally {
    await simulator.stop();
  }
});

Deno.test("a token that becomes valid clears the fault", async () => {
  // the same port, first with a server that knows another token
  const other = await startQuietSimulator({ apiToken: "another" });
  const port = Number(new URL(other.url).port);
  await using world = startWorld(other.url, [{ devEui: probe, metrics: [temperature] }]);
  await waitFor("the refusal", () => world.fault("source_unauthorized"));
  await other.stop();
  const simulator = await startQuietSimulator({ port, apiToken: API_TOKEN });
  try {
    await waitFor("the connection", () => world.source.status().state === "connected");
    assert.deepEqual(world.faults.list(), []);
    simulator.sendUplink(probe, { temperature: 4 });
    await waitFor("the value", () => world.tag(probe, "temperature").value === 4);
  } finally {
    await simulator.stop();
  }
});

Deno.test("streams are spread over connections of at most 80, beside one for the calls", async () => {
  const simulator = await startQuietSimulator({ devices: 170, streamsPerConnection: 80 });
  try {
    const devices = simulator.devices.map(({ devEui, applicationId }) => ({
      devEui,
      applicationId,
      metrics: [temperature],
    }));
    await using world = startWorld(simulator.url, devices);
    await waitFor("all streams", () => world.source.status().devicesStreaming === 170);
    assert.equal(simulator.connections, 4);
    for (const { devEui } of devices) simulator.sendUplink(devEui, { temperature: 7 });
    await waitFor("all values", () => devices.every(({ devEui }) => world.tag(devEui, "temperature").value === 7));
    assert.equal(world.source.status().state, "connected");
  } finally {
    await simulator.stop();
  }
});

Deno.test("a device that is heard while its stream delivers nothing has a silent stream, until an event comes", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }]);
    await waitFor("the stream", () => world.source.status().devicesStreaming === 1);
    simulator.inject.eventLogOff = true;
    await waitFor("the fault", () => {
      simulator.sendUplink(probe, { temperature: 1 });
      return world.fault("stream_silent", probe);
    });
    assert.equal(world.source.status().state, "degraded");
    simulator.inject.eventLogOff = false;
    simulator.sendUplink(probe, { temperature: 2 });
    await waitFor("the event", () => world.tag(probe, "temperature").value === 2);
    await waitFor("the state", () => world.source.status().state === "connected");
    assert.equal(world.fault("stream_silent"), undefined);
  } finally {
    await simulator.stop();
  }
});

Deno.test("stopping takes the source's faults back and is harmless twice", async () => {
  const world = startWorld("http://127.0.0.1:1", [{ devEui: probe, metrics: [temperature] }]);
  await waitFor("the fault", () => world.fault("source_unreachable"));
  await Promise.all([world.source.stop(), world.source.stop()]);
  await world.source.stop();
  assert.deepEqual(world.faults.list(), []);
  assert.equal(world.source.status().state, "stopped");
  await assert.rejects(world.source.inventory());
});

Deno.test("without devices the source still tries address and token", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, []);
    await waitFor("the connection", () => world.source.status().state === "connected");
    await using refused = startWorld(simulator.url, [], { config: { api_token: "wrong" } });
    await waitFor("the refusal", () => refused.fault("source_unauthorized"));
  } finally {
    await simulator.stop();
  }
});
