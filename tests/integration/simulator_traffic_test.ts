// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { startSimulator } from "../../src/sources/simulator/start_simulator.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";
import { waitFor } from "../lib/wait_for.ts";

const token = "token-of-the-test";
const startUs = Date.UTC(2026, 2, 10, 9) * 1000;
const fleetOf = (devices: number) => ({ hostname: "127.0.0.1", port: 0, apiToken: token, devices });
const soilProbe = "02ed9ee000000001";

Deno.test("a fresh simulator has a past: one frame an interval, up to now", async () => {
  const simulator = await startSimulator({ ...fleetOf(5), intervalMs: 600_000, nowUs: () => startUs });
  try {
    using client = new ChirpStackClient(simulator.url, token);
    // the fifth, the flaky sensor, keeps silent now and then
    const streams = simulator.devices.slice(0, 4).map(({ devEui }) => client.stream(devEui));
    await waitFor("the past of all", () => streams.every(({ items }) => items.length === 10));
    const [soil] = streams;
    const times = soil!.bodies("up").map(({ time }) => Date.parse(time));
    assert.ok(times.length >= 9);
    for (const [index, time] of times.entries()) if (index > 0) assert.equal(time - times[index - 1]!, 600_000);
    const age = startUs / 1000 - times.at(-1)!;
    assert.ok(age >= 0 && age < 600_000, `the last frame is ${age} ms old`);
    assert.ok(soil!.types().includes("status"));
    assert.equal((await client.getDevice(soilProbe)).hasLastSeenAt(), true);
  } finally {
    await simulator.stop();
  }
});

Deno.test("every device sends about once an interval, at times of its own", async () => {
  let nowUs = startUs;
  const simulator = await startSimulator({ ...fleetOf(45), intervalMs: 60_000, history: 0, nowUs: () => nowUs });
  try {
    let sent = 0;
    const perSecond: number[] = [];
    for (let second = 0; second < 600; second++) {
      nowUs += 1_000_000;
      const count = simulator.runDue();
      perSecond.push(count);
      sent += count;
    }
    assert.ok(Math.abs(sent - 450) < 30, `${sent} frames in ten minutes`);
    assert.ok(Math.max(...perSecond) < 10, "never many at once");
    // a pause is made up, as a gateway that buffers does
    nowUs += 300_000_000;
    assert.ok(Math.abs(simulator.runDue() - 225) < 30);
    // but not a day of it
    nowUs += 86_400_000_000;
    assert.ok(simulator.runDue() < 45 * 25);
  } finally {
    await simulator.stop();
  }
});

Deno.test("the same fleet sends the same story every time", async () => {
  const story = async () => {
    let nowUs = startUs;
    const simulator = await startSimulator({ ...fleetOf(50), intervalMs: 60_000, nowUs: () => nowUs });
    try {
      for (let step = 0; step < 20; step++) {
        nowUs += 10_000_000;
        simulator.runDue();
      }
      using client = new ChirpStackClient(simulator.url, token);
      const streams = simulator.devices.map(({ devEui }) => client.stream(devEui));
      await waitFor("all logs", () => streams.every(({ items }) => items.length === 10));
      return streams.map((stream) => stream.bodies());
    } finally {
      await simulator.stop();
    }
  };
  assert.deepEqual(await story(), await story());
});

Deno.test("by the machine's clock the traffic runs on its own", async () => {
  const simulator = await startSimulator({ ...fleetOf(5), intervalMs: 20, history: 0 });
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(soilProbe);
    await waitFor("live traffic", () => stream.bodies("up").length > 15);
    const times = stream.bodies("up").map(({ time }) => Date.parse(time));
    assert.deepEqual(times, times.toSorted((left, right) => left - right));
    assert.ok(Math.abs(times.at(-1)! - Date.now()) < 60_000);
  } finally {
    await simulator.stop();
  }
});

Deno.test("the flaky sensor does everything that breaks a gateway", async () => {
  let nowUs = startUs;
  const simulator = await startSimulator({
    ...fleetOf(5),
    intervalMs: 60_000,
    history: 0,
    retainedEvents: 2000,
    nowUs: () => nowUs,
  });
  try {
    for (let minute = 0; minute < 1000; minute++) {
      nowUs += 60_000_000;
      simulator.runDue();
    }
    using client = new ChirpStackClient(simulator.url, token);
    simulator.sendUplink("02ed9ee000000005", { TempC_SHT: 20, TempC_DS: "end" });
    const stream = client.stream("02ed9ee000000005");
    await waitFor("the whole story", () => stream.items.at(-1)?.getBody().includes('"end"'));
    const ups = stream.bodies("up");
    const objects = ups.map(({ object }) => object);
    assert.ok(objects.filter((object) => object === undefined).length > 5, "undecodable frames");
    assert.ok(objects.some((object) => object !== undefined && !("TempC_DS" in object)), "missing keys");
    assert.ok(objects.some((object) => typeof object?.TempC_SHT === "string"), "words for numbers");
    assert.ok(objects.some((object) => object?.TempC_DS === 327.67), "an open input");
    assert.ok(stream.types().includes("join"), "restarts");
    const gaps = ups.map(({ fCnt }) => fCnt).filter((fCnt, index, all) => index > 0 && fCnt > all[index - 1]! + 1);
    assert.ok(gaps.length > 5, "lost frames");
    const healthy = objects.filter((object) => typeof object?.TempC_SHT === "number" && object.TempC_DS !== 327.67);
    assert.ok(healthy.length > 700 && healthy.every(({ TempC_SHT }) => TempC_SHT > 10 && TempC_SHT < 35));
  } finally {
    await simulator.stop();
  }
});
