import assert from "node:assert/strict";
import { fixture } from "../../src/sources/chirpstack/testing/fixture.ts";
import { quickPings, startQuietSimulator, startWorld } from "../../src/sources/chirpstack/testing/world.ts";
import { Quality } from "../../src/tags/quality.ts";
import { waitFor } from "../lib/wait_for.ts";

const probe = "02ed9ee000000001";
const temperature = { metric_name: "temperature" };
const second = 1_000_000;

Deno.test("an outage: values stay, quality moves by age, health says since when, retained events fill the gap", async () => {
  let us = Date.UTC(2026, 0, 2) * 1000;
  const simulator = await startQuietSimulator({ nowUs: () => us });
  const base = fixture([{ devEui: probe, metrics: [temperature] }], {}, us);
  const advance = (seconds: number) => base.setNowUs(us += seconds * second);
  try {
    await using world = startWorld(simulator.url, [], { fixture: base });
    const tag = world.tag(probe, "temperature");
    for (let n = 0; n < 3; n++) {
      simulator.sendUplink(probe, { temperature: n }, { timeUs: us });
      await waitFor("an uplink", () => tag.value === n);
      advance(10);
    }
    const lastBefore = tag.sourceTimeUs;

    await simulator.inject.refuse();
    const fault = await waitFor("the fault", () => world.fault("source_unreachable"));
    assert.equal(fault.sinceUs, us);
    assert.equal(fault.subject, simulator.url);
    await waitFor("the state", () => world.source.status().state === "disconnected");
    assert.equal(world.source.status().sinceUs, us);
    assert.deepEqual([tag.value, tag.quality], [2, Quality.Good]);
    advance(60);
    // the field goes on sending: ChirpStack keeps the events although nobody reads them
    for (let n = 3; n < 8; n++) simulator.sendUplink(probe, { temperature: n }, { timeUs: us - (60 - n * 5) * second });
    advance(120);
    world.tags.sweep();
    assert.deepEqual([tag.value, tag.quality], [2, Quality.UncertainLastUsableValue]);
    advance(86_400);
    world.tags.sweep();
    assert.deepEqual([tag.value, tag.quality], [2, Quality.BadNoCommunication]);
    assert.equal(world.fault("source_unreachable")?.sinceUs, fault.sinceUs);

    base.setNowUs(us -= 86_400 * second);
    await simulator.inject.resume();
    await waitFor("the gap", () => tag.value === 7);
    await waitFor("the state", () => world.source.status().state === "connected");
    assert.equal(world.fault("source_unreachable"), undefined);
    const rows = world.batches.flat().filter((entry) => entry.tag === tag && entry.kind !== "status");
    assert.deepEqual(rows.map(({ value }) => value), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.equal(rows.every(({ kind }) => kind === "live"), true);
    assert.deepEqual(
      rows.map(({ sourceTimeUs }) => sourceTimeUs).toSorted((a, b) => a - b),
      rows.map((r) => r.sourceTimeUs),
    );
    assert.ok(rows[3] !== undefined && rows[3].sourceTimeUs > lastBefore);
    const events = world.feed.since().map(({ event }) => event).filter((event) => event.startsWith("source_"));
    assert.deepEqual(events, ["source_connected", "source_disconnected", "source_connected"]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a source that was never connected says so, and connects once the server is there", async () => {
  const first = await startQuietSimulator();
  const port = Number(new URL(first.url).port);
  await first.stop();
  await using world = startWorld(first.url, [{ devEui: probe, metrics: [temperature] }]);
  assert.equal(world.source.status().state, "connecting");
  const fault = await waitFor("the fault", () => world.fault("source_unreachable"));
  assert.match(fault.detail, /connect ECONNREFUSED/);
  const simulator = await startQuietSimulator({ port });
  try {
    simulator.sendUplink(probe, { temperature: 1 });
    await waitFor("the value", () => world.tag(probe, "temperature").value === 1);
    await waitFor("the state", () => world.source.status().state === "connected");
  } finally {
    await simulator.stop();
  }
});

Deno.test("a connection that is open but dead is noticed by its pings", async () => {
  const simulator = await startQuietSimulator();
  try {
    // an hour until a call gives up: what notices is the pings
    await using world = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }], {
      config: { timeout: 3600 },
      timing: quickPings,
    });
    simulator.sendUplink(probe, { temperature: 1 });
    await waitFor("the value", () => world.tag(probe, "temperature").value === 1);
    simulator.inject.halfOpen = true;
    await waitFor("the fault", () => world.fault("source_unreachable"));
    await waitFor("the state", () => world.source.status().state === "disconnected");
    simulator.sendUplink(probe, { temperature: 2 });
    simulator.inject.halfOpen = false;
    await waitFor("the missed event", () => world.tag(probe, "temperature").value === 2);
    await waitFor("the state", () => world.source.status().state === "connected");
    assert.deepEqual(world.faults.list(), []);
    const values = world.batches.flat().filter(({ tag }) => tag.definition.name === "temperature").map((e) => e.value);
    assert.deepEqual(values, [1, 2]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a server that accepts and never answers is unreachable, and stopping does not wait for it", async () => {
  const simulator = await startQuietSimulator();
  try {
    simulator.inject.halfOpen = true;
    const world = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }], { config: { timeout: 0.2 } });
    const fault = await waitFor("the fault", () => world.fault("source_unreachable"));
    assert.match(fault.detail, /No answer|DEADLINE_EXCEEDED/);
    const patient = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }], {
      config: { timeout: 3600 },
    });
    await waitFor("its connections", () => simulator.connections >= 3);
    // with an hour of patience towards the network, these end only because they do not wait for it
    await world.source.stop();
    await patient.source.stop();
  } finally {
    await simulator.stop();
  }
});

Deno.test("resets in a row lose nothing that is retained and double nothing", async () => {
  const simulator = await startQuietSimulator();
  try {
    await using world = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }]);
    const tag = world.tag(probe, "temperature");
    let timeUs = Date.now() * 1000 - 60 * second;
    for (let n = 0; n < 6; n++) {
      simulator.sendUplink(probe, { temperature: n }, { timeUs: timeUs += second });
      simulator.inject.resetConnections();
      simulator.sendUplink(probe, { temperature: n + 0.5 }, { timeUs: timeUs += second });
      await waitFor("the value", () => tag.value === n + 0.5);
    }
    const rows = world.batches.flat().filter((entry) => entry.tag === tag);
    assert.deepEqual(rows.map(({ value }) => value), [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("after a restart of the gateway, replayed events that are known to the tags are backfill only", async () => {
  const simulator = await startQuietSimulator();
  try {
    const startUs = Date.now() * 1000 - 60 * second;
    for (let n = 0; n < 4; n++) simulator.sendUplink(probe, { temperature: n }, { timeUs: startUs + n * second });
    const base = fixture([{ devEui: probe, metrics: [temperature] }]);
    const tag = base.tag(probe, "temperature");
    base.tags.restore([[tag.id, { value: 1, quality: 0, sourceTimeUs: startUs + second, serverTimeUs: startUs }]]);
    await using world = startWorld(simulator.url, [], { fixture: base });
    await waitFor("the retained events", () => tag.value === 3);
    const rows = world.batches.flat().filter((entry) => entry.tag === tag);
    assert.deepEqual(rows.map(({ kind, value }) => `${kind} ${value}`), [
      "backfill 0",
      "backfill 1",
      "live 2",
      "live 3",
    ]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a slow server is not an outage", async () => {
  const simulator = await startQuietSimulator();
  try {
    simulator.inject.latencyMs = 100;
    await using world = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }]);
    for (let n = 0; n < 5; n++) simulator.sendUplink(probe, { temperature: n });
    await waitFor("the last value", () => world.tag(probe, "temperature").value === 4);
    await waitFor("the state", () => world.source.status().state === "connected");
    assert.equal(world.source.status().reconnects, 0);
    assert.equal(world.feed.since().some(({ event }) => event === "source_disconnected"), false);
  } finally {
    await simulator.stop();
  }
});

Deno.test("an event from the future is stamped with its arrival by the tags", async () => {
  const simulator = await startQuietSimulator();
  try {
    simulator.inject.clockSkewMs = 3_600_000;
    await using world = startWorld(simulator.url, [{ devEui: probe, metrics: [temperature] }]);
    simulator.sendUplink(probe, { temperature: 1 });
    await waitFor("the value", () => world.tag(probe, "temperature").value === 1);
    assert.ok(world.tag(probe, "temperature").sourceTimeUs <= Date.now() * 1000);
    assert.ok(world.tags.counters.clockAhead > 0);
  } finally {
    await simulator.stop();
  }
});
