// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { type Simulator, startSimulator } from "../../src/sources/simulator/start_simulator.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";
import { waitFor } from "../lib/wait_for.ts";

const token = "token-of-the-test";
const quiet = { hostname: "127.0.0.1", port: 0, apiToken: token, devices: 5, intervalMs: 0 };
const soilProbe = "02ed9ee000000001";
const door = "02ed9ee000000004";

/** Runs with a simulator and a client that have met. */
async function withPair(
  run: (simulator: Simulator, client: ChirpStackClient) => Promise<void>,
  options: object = {},
): Promise<void> {
  const simulator = await startSimulator({ ...quiet, ...options });
  try {
    using client = new ChirpStackClient(simulator.url, token);
    await client.getDevice(soilProbe);
    await run(simulator, client);
  } finally {
    await simulator.stop();
  }
}

Deno.test("a server that refuses ends every call, and comes back on the same port with its events", () =>
  withPair(async (simulator, client) => {
    const stream = client.stream(soilProbe);
    simulator.sendUplink(soilProbe, { n: 1 });
    await waitFor("the first event", () => stream.items.length === 1);
    await simulator.inject.refuse();
    assert.equal((await waitFor("the end of the stream", () => stream.error)).code, status.UNAVAILABLE);
    assert.equal(simulator.connections, 0);
    const { hostname, port } = new URL(simulator.url);
    await assert.rejects(Deno.connect({ hostname, port: Number(port) }), Deno.errors.ConnectionRefused);
    await assert.rejects(client.getDevice(soilProbe), { code: status.UNAVAILABLE });
    simulator.sendUplink(soilProbe, { n: 2 });
    await simulator.inject.resume();
    await waitFor("the reconnection", () => client.getDevice(soilProbe));
    const again = client.stream(soilProbe);
    await waitFor("what was missed", () => again.items.length === 2);
    assert.deepEqual(again.bodies().map(({ object }) => object.n), [1, 2]);
  }));

Deno.test("a half-open server accepts connections and never answers, until the link is back", () =>
  withPair(async (simulator, client) => {
    client.deadlineMs = 300;
    simulator.inject.halfOpen = true;
    assert.equal(simulator.inject.halfOpen, true);
    await assert.rejects(client.getDevice(soilProbe), { code: status.DEADLINE_EXCEEDED });
    using late = new ChirpStackClient(simulator.url, token);
    late.deadlineMs = 300;
    await assert.rejects(late.getDevice(soilProbe));
    // TCP itself is well
    const { hostname, port } = new URL(simulator.url);
    using raw = await Deno.connect({ hostname, port: Number(port) });
    assert.equal(raw.remoteAddr.transport, "tcp");
    simulator.inject.halfOpen = false;
    for (const one of [client, late]) {
      one.deadlineMs = 10_000;
      const device = await waitFor("an answer", () => one.getDevice(soilProbe));
      assert.equal(device.getDevice()?.getDevEui(), soilProbe);
    }
  }));

Deno.test("a reader that does not read loses events, and the server does not keep them for it", () =>
  withPair(async (simulator, client) => {
    const stream = client.stream(soilProbe);
    simulator.sendUplink(soilProbe, { n: 0 });
    await waitFor("the stream", () => stream.items.length === 1);
    simulator.inject.halfOpen = true;
    for (let n = 1; n <= 13_000; n++) simulator.sendUplink(soilProbe, { n });
    simulator.inject.halfOpen = false;
    // its place in the order of the connection shows that everything before has arrived
    await waitFor("an answer", () => client.getDevice(soilProbe));
    await waitFor("what was kept", () => stream.items.length > 10_000);
    simulator.sendUplink(soilProbe, { n: "last" });
    await waitFor("the events after it", () => stream.bodies().at(-1).object.n === "last");
    const numbers = stream.bodies().slice(0, -1).map(({ object }) => object.n);
    assert.ok(numbers.length < 11_500, `${numbers.length} events`);
    assert.deepEqual(numbers, numbers.map((_n, index) => index));
  }));

Deno.test("keepalive notices a half-open server", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token, {
      "grpc.keepalive_time_ms": 100,
      "grpc.keepalive_timeout_ms": 3000,
    });
    const stream = client.stream(soilProbe);
    simulator.sendUplink(soilProbe, {});
    await waitFor("the stream", () => stream.items.length === 1);
    simulator.inject.halfOpen = true;
    assert.equal((await waitFor("the end of the stream", () => stream.error)).code, status.UNAVAILABLE);
  } finally {
    await simulator.stop();
  }
});

Deno.test("reset connections break what is open, and new ones work at once", () =>
  withPair(async (simulator, client) => {
    const stream = client.stream(soilProbe);
    simulator.sendUplink(soilProbe, {});
    await waitFor("the stream", () => stream.items.length === 1);
    simulator.inject.resetConnections();
    const error = await waitFor("the end of the stream", () => stream.error);
    assert.equal(error.code, status.UNAVAILABLE);
    assert.match(error.details, /reset/i);
    await waitFor("an answer", () => client.getDevice(soilProbe));
  }));

Deno.test("latency delays answers and events and keeps their order", () =>
  withPair(async (simulator, client) => {
    const stream = client.stream(soilProbe);
    simulator.inject.latencyMs = 200;
    const began = performance.now();
    await client.getDevice(soilProbe);
    assert.ok(performance.now() - began >= 199);
    for (let n = 1; n <= 5; n++) simulator.sendUplink(soilProbe, { n });
    simulator.inject.latencyMs = 0;
    simulator.sendUplink(soilProbe, { n: 6 });
    await waitFor("six events", () => stream.items.length === 6);
    assert.deepEqual(stream.bodies().map(({ object }) => object.n), [1, 2, 3, 4, 5, 6]);
    client.deadlineMs = 100;
    simulator.inject.latencyMs = 60_000;
    await assert.rejects(client.getDevice(soilProbe), { code: status.DEADLINE_EXCEEDED });
  }));

Deno.test("wrong types reach streams and metrics alike", () =>
  withPair(async (simulator, client) => {
    const stream = client.stream(soilProbe);
    simulator.inject.wrongTypes = true;
    simulator.sendUplink(soilProbe, { conduct_SOIL: 900, flag: true, temp_SOIL: "24.5", deep: [{ x: 1 }, null] });
    simulator.inject.wrongTypes = false;
    simulator.sendUplink(soilProbe, { conduct_SOIL: 900 });
    await waitFor("both events", () => stream.items.length === 2);
    assert.deepEqual(stream.bodies().map(({ object }) => object), [
      { conduct_SOIL: "not a number", flag: "maybe", temp_SOIL: ["24.5"], deep: [{ x: "not a number" }, null] },
      { conduct_SOIL: 900 },
    ]);
    const now = new Date();
    const metrics = await client.getMetrics(soilProbe, { start: new Date(+now - 3_600_000), end: now });
    const [dataset] = metrics.getMetricsMap().get("conduct_SOIL")!.getDatasetsList();
    assert.equal(dataset!.getDataList().reduce((sum: number, value: number) => sum + value), 900);
  }));

Deno.test("a garbage body is no JSON, and the same event is whole again when the fault is over", () =>
  withPair(async (simulator, client) => {
    simulator.inject.garbageBody = true;
    simulator.sendUplink(soilProbe, { n: 1 });
    const broken = client.stream(soilProbe);
    await waitFor("the broken event", () => broken.items.length === 1);
    assert.throws(() => JSON.parse(broken.items[0]!.getBody()), SyntaxError);
    assert.equal(broken.items[0]!.getDescription(), "up");
    simulator.inject.garbageBody = false;
    const whole = client.stream(soilProbe);
    await waitFor("the whole event", () => whole.items.length === 1);
    assert.equal(whole.bodies()[0].object.n, 1);
  }));

Deno.test("dropped events never reach the open stream, but the log has them for the next one", () =>
  withPair(async (simulator, client) => {
    const stream = client.stream(soilProbe);
    const witness = client.stream(door);
    simulator.sendUplink(door, { n: 0 });
    await waitFor("both streams", () => witness.items.length === 1);
    simulator.inject.dropEvents = true;
    simulator.sendUplink(soilProbe, { n: 1 });
    simulator.inject.dropEvents = false;
    simulator.sendUplink(soilProbe, { n: 2 });
    await waitFor("the event after the fault", () => stream.items.length === 1);
    assert.equal(stream.bodies()[0].object.n, 2);
    const again = client.stream(soilProbe);
    await waitFor("the replay", () => again.items.length === 2);
    assert.deepEqual(again.bodies().map(({ object }) => object.n), [1, 2]);
  }));

Deno.test("with the event log off streams stay silent while the device is still seen", () =>
  withPair(async (simulator, client) => {
    simulator.inject.eventLogOff = true;
    const stream = client.stream(soilProbe);
    const firstUs = Date.now() * 1000;
    simulator.sendUplink(soilProbe, { conduct_SOIL: 5 }, { timeUs: firstUs });
    simulator.sendUplink(soilProbe, { conduct_SOIL: 5 }, { timeUs: firstUs + 60_000_000 });
    const device = await client.getDevice(soilProbe);
    assert.equal(device.getLastSeenAt()?.toDate().getTime(), Math.floor(firstUs / 1000) + 60_000);
    simulator.inject.eventLogOff = false;
    simulator.sendUplink(soilProbe, { n: 3 });
    await waitFor("an event after the log is on again", () => stream.items.length === 1);
    assert.equal(stream.bodies()[0].object.n, 3);
  }));

Deno.test("an event log that keeps nothing is off from the start", () =>
  withPair(async (simulator, client) => {
    const stream = client.stream(soilProbe);
    simulator.sendUplink(soilProbe, {});
    assert.equal((await client.getDevice(soilProbe)).hasLastSeenAt(), true);
    assert.equal(stream.error, null);
    assert.equal(stream.items.length, 0);
  }, { retainedEvents: 0 }));

Deno.test("a server whose clock is wrong stamps everything with its own time", () => {
  const nowMs = Date.UTC(2026, 4, 5, 6, 7, 8);
  return withPair(async (simulator, client) => {
    const stream = client.stream(soilProbe);
    simulator.inject.clockSkewMs = 86_400_000;
    simulator.sendUplink(soilProbe, {});
    simulator.inject.clockSkewMs = -86_400_000;
    simulator.sendUplink(soilProbe, {});
    await waitFor("both events", () => stream.items.length === 2);
    assert.deepEqual(stream.bodies().map(({ time }) => time), [
      "2026-05-06T06:07:08+00:00",
      "2026-05-04T06:07:08+00:00",
    ]);
    // the ids of the log never go back
    assert.deepEqual(stream.items.map((item) => item.getId()), [`${nowMs + 86_400_000}-0`, `${nowMs + 86_400_000}-1`]);
  }, { nowUs: () => nowMs * 1000 });
});

Deno.test("stopping ends open streams and answers that are still delayed", async () => {
  const simulator = await startSimulator(quiet);
  using client = new ChirpStackClient(simulator.url, token);
  const stream = client.stream(soilProbe);
  await waitFor("the connection", () => client.getDevice(soilProbe));
  simulator.inject.latencyMs = 60_000;
  const call = assert.rejects(client.getDevice(soilProbe), { code: status.UNAVAILABLE });
  simulator.sendUplink(soilProbe, {});
  // refused at once, on the same connection: what was sent before has arrived
  const marker = client.stream("no-eui");
  await waitFor("the refusal", () => marker.error);
  await simulator.stop();
  await call;
  assert.equal((await waitFor("the end of the stream", () => stream.error)).code, status.UNAVAILABLE);
});

Deno.test("a port that is taken is named by its code", async () => {
  const simulator = await startSimulator(quiet);
  try {
    const port = Number(new URL(simulator.url).port);
    await assert.rejects(startSimulator({ ...quiet, port }), { code: "EADDRINUSE" });
  } finally {
    await simulator.stop();
  }
});
