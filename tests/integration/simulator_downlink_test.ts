// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { startSimulator } from "../../src/sources/simulator/start_simulator.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";
import { waitFor } from "../lib/wait_for.ts";

const token = "token-of-the-test";
const quiet = { hostname: "127.0.0.1", port: 0, apiToken: token, devices: 45, intervalMs: 0 };
const energyMeter = "02ed9ee000000002";
const valve = "02ed9ee000000003";

Deno.test("an unconfirmed downlink waits for the next uplink, is sent once and leaves the queue", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(valve);
    const id = await client.enqueue(valve, { fPort: 1, data: Uint8Array.of(0x31) });
    const queue = await client.getQueue(valve);
    assert.equal(queue.getTotalCount(), 1);
    const [item] = queue.getResultList();
    assert.deepEqual(
      [item!.getId(), item!.getFPort(), item!.getConfirmed(), item!.getIsPending(), item!.getFCntDown()],
      [id, 1, false, false, 0],
    );
    assert.deepEqual([...item!.getData_asU8()], [0x31]);
    assert.deepEqual(simulator.downlinks(valve), []);

    simulator.sendUplink(valve, {});
    await waitFor("uplink and acknowledgement of the gateway", () => stream.items.length === 2);
    assert.deepEqual(stream.types(), ["up", "txack"]);
    const [txAck] = stream.bodies("txack");
    assert.equal(txAck.queueItemId, id);
    assert.equal(txAck.fCntDown, 0);
    assert.equal(txAck.txInfo.modulation.lora.polarizationInversion, true);
    assert.equal((await client.getQueue(valve)).getTotalCount(), 0);
    assert.deepEqual(simulator.downlinks(valve).map((sent) => [sent.id, [...sent.data]]), [[id, [0x31]]]);

    simulator.sendUplink(valve, {});
    await waitFor("the next uplink", () => stream.items.length === 3);
    assert.deepEqual(stream.types(), ["up", "txack", "up"]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a confirmed downlink stays pending until the next uplink acknowledges it", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(valve);
    const first = await client.enqueue(valve, { fPort: 2, confirmed: true, data: Uint8Array.of(1) });
    const second = await client.enqueue(valve, { fPort: 3, data: Uint8Array.of(2) });
    simulator.sendUplink(valve, {});
    const pending = await client.getQueue(valve);
    assert.deepEqual(pending.getResultList().map((item) => [item.getId(), item.getIsPending()]), [
      [first, true],
      [second, false],
    ]);
    simulator.sendUplink(valve, {});
    await waitFor("both downlinks", () => stream.items.length === 5);
    assert.deepEqual(stream.types(), ["up", "txack", "up", "ack", "txack"]);
    const [ack] = stream.bodies("ack");
    assert.deepEqual([ack.queueItemId, ack.acknowledged, ack.fCntDown], [first, true, 0]);
    assert.deepEqual(stream.bodies("txack").map(({ queueItemId, fCntDown }) => [queueItemId, fCntDown]), [
      [first, 0],
      [second, 1],
    ]);
    assert.equal(ack.deduplicationId, stream.bodies("up")[1].deduplicationId);
    assert.equal((await client.getQueue(valve)).getTotalCount(), 0);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a confirmed downlink that the device does not acknowledge is told so, once", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(valve);
    const id = await client.enqueue(valve, { confirmed: true, data: Uint8Array.of(1) });
    simulator.inject.missAcks = true;
    for (let n = 0; n < 3; n++) simulator.sendUplink(valve, {});
    await waitFor("the uplinks", () => stream.bodies("up").length === 3);
    const acks = stream.bodies("ack").map(({ queueItemId, acknowledged }) => [queueItemId, acknowledged]);
    assert.deepEqual(acks, [[id, false]]);
    assert.equal((await client.getQueue(valve)).getTotalCount(), 0);
    assert.equal(simulator.downlinks(valve).length, 1);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a class C device gets its downlink at once and acknowledges it with the next uplink", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(energyMeter);
    const id = await client.enqueue(energyMeter, { fPort: 50, confirmed: true, data: Uint8Array.of(0xff) });
    await waitFor("the transmission", () => stream.items.length === 1);
    assert.deepEqual(stream.types(), ["txack"]);
    assert.equal((await client.getQueue(energyMeter)).getResultList()[0]?.getIsPending(), true);
    simulator.sendUplink(energyMeter, {});
    await waitFor("the acknowledgement", () => stream.items.length === 3);
    assert.deepEqual(stream.bodies("ack").map(({ queueItemId }) => queueItemId), [id]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("an object is encoded by the device's codec, which refuses what it does not know", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    await client.enqueue(valve, { object: { fPort: 1, payload: 1 } });
    await client.enqueue(valve, { object: { valve: "close" } });
    const data = (await client.getQueue(valve)).getResultList().map((item) => [...item.getData_asU8()]);
    assert.deepEqual(data, [[0x31], [0x30]]);
    // the server answers with the bytes alone, but the device's log keeps what they were made from
    assert.equal((await client.getQueue(valve)).getResultList()[0]?.hasObject(), false);
    simulator.sendUplink(valve, {});
    assert.deepEqual(simulator.downlinks(valve)[0]?.object, { fPort: 1, payload: 1 });
    await assert.rejects(client.enqueue(valve, { object: { valve: "ajar" } }), { code: status.INTERNAL });

    const { devEui: radiator } = simulator.devices.find(({ name }) => name === "Radiator valve 1")!;
    await client.enqueue(radiator, { fPort: 10, object: { Room_Temperature: 22 } });
    assert.deepEqual([...(await client.getQueue(radiator)).getResultList()[0]!.getData_asU8()], [0x58]);
    await assert.rejects(client.enqueue(radiator, { object: {} }), { code: status.INTERNAL, details: /mlr003/ });
  } finally {
    await simulator.stop();
  }
});

Deno.test("a downlink moves the valve, and its next frame shows it", async () => {
  let nowUs = Date.UTC(2026, 2, 10) * 1000;
  const simulator = await startSimulator({ ...quiet, devices: 3, intervalMs: 60_000, history: 0, nowUs: () => nowUs });
  const round = () => {
    nowUs += 60_000_000;
    simulator.runDue();
  };
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(valve);
    await client.enqueue(valve, { object: { payload: 1 } });
    round();
    round();
    await client.enqueue(valve, { object: { payload: 0 } });
    round();
    round();
    await waitFor("four rounds", () => stream.bodies("up").length === 4);
    assert.deepEqual(stream.bodies("up").map(({ object }) => object.Actuator), ["0", "1", "1", "0"]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a queue can be flushed, and a downlink that is too late is dropped with a log event", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(valve);
    for (const byte of [1, 2]) await client.enqueue(valve, { data: Uint8Array.of(byte) });
    await client.flushQueue(valve);
    assert.equal((await client.getQueue(valve)).getTotalCount(), 0);
    await client.enqueue(valve, { data: Uint8Array.of(3) });
    const last = await client.enqueue(valve, { data: Uint8Array.of(4), flushQueue: true });
    assert.deepEqual((await client.getQueue(valve)).getResultList().map((item) => item.getId()), [last]);
    const late = await client.enqueue(valve, {
      data: Uint8Array.of(5),
      flushQueue: true,
      expiresAt: new Date(Date.now() - 1000),
    });
    simulator.sendUplink(valve, {});
    await waitFor("uplink and log", () => stream.items.length === 2);
    assert.deepEqual(stream.types(), ["up", "log"]);
    const [log] = stream.bodies("log");
    assert.deepEqual([log.code, log.context.queue_item_id], ["EXPIRED", late]);
    assert.deepEqual(simulator.downlinks(valve), []);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a downlink needs a port from 1 to 255", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    for (const fPort of [0, 256]) {
      await assert.rejects(client.enqueue(valve, { fPort, data: Uint8Array.of(1) }), {
        code: status.INVALID_ARGUMENT,
        details: "Validation error: FPort must be between 1 - 255",
      });
    }
  } finally {
    await simulator.stop();
  }
});

Deno.test("a downlink whose transmission nobody reports is sent again, and the device takes it once", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(valve);
    const id = await client.enqueue(valve, { confirmed: true, data: Uint8Array.of(0x31) });
    simulator.inject.missTxAcks = true;
    simulator.sendUplink(valve, {});
    assert.deepEqual(simulator.downlinks(valve).map((downlink) => downlink.id), [id]);
    assert.equal((await client.getQueue(valve)).getResultList()[0]?.getIsPending(), false);
    simulator.inject.missTxAcks = false;
    simulator.sendUplink(valve, {});
    simulator.sendUplink(valve, {});
    await waitFor("the acknowledgement", () => stream.bodies("ack").length === 1);
    assert.deepEqual(stream.types(), ["up", "up", "txack", "up", "ack"]);
    assert.equal(simulator.downlinks(valve).length, 1);
  } finally {
    await simulator.stop();
  }
});

Deno.test("a downlink that no gateway sends stays in the queue, and one that is too long is dropped", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(valve);
    const id = await client.enqueue(valve, { data: Uint8Array.of(1) });
    simulator.inject.gatewaysRefuse = true;
    simulator.sendUplink(valve, {});
    await waitFor("the log", () => stream.bodies("log").length === 1);
    assert.equal(stream.bodies("log")[0].code, "DOWNLINK_GATEWAY");
    assert.deepEqual((await client.getQueue(valve)).getResultList().map((item) => item.getId()), [id]);
    assert.equal(simulator.downlinks(valve).length, 0);
    simulator.inject.gatewaysRefuse = false;
    await client.flushQueue(valve);
    const long = await client.enqueue(valve, { data: new Uint8Array(223) });
    simulator.sendUplink(valve, {});
    await waitFor("the drop", () => stream.bodies("log").length === 2);
    const [, log] = stream.bodies("log");
    assert.deepEqual([log.code, log.context.queue_item_id], ["DOWNLINK_PAYLOAD_SIZE", long]);
    assert.equal((await client.getQueue(valve)).getTotalCount(), 0);
  } finally {
    await simulator.stop();
  }
});

Deno.test("an answer to Enqueue can be lost or late, and the downlink is in the queue nevertheless", async () => {
  const simulator = await startSimulator(quiet);
  try {
    using client = new ChirpStackClient(simulator.url, token);
    await client.getQueue(valve);
    simulator.inject.loseEnqueueAnswers = true;
    client.deadlineMs = 1000;
    await assert.rejects(client.enqueue(valve, { data: Uint8Array.of(1) }), { code: status.DEADLINE_EXCEEDED });
    simulator.inject.loseEnqueueAnswers = false;
    simulator.inject.enqueueAnswerDelayMs = 4000;
    await assert.rejects(client.enqueue(valve, { data: Uint8Array.of(2) }), { code: status.DEADLINE_EXCEEDED });
    simulator.inject.enqueueDelayMs = 4000;
    await assert.rejects(client.enqueue(valve, { data: Uint8Array.of(9) }), { code: status.DEADLINE_EXCEEDED });
    simulator.inject.enqueueDelayMs = 0;
    client.deadlineMs = 10_000;
    assert.equal((await client.getQueue(valve)).getTotalCount(), 2);
    await waitFor("the late one", async () => (await client.getQueue(valve)).getTotalCount() === 3);
    const third = await client.enqueue(valve, { data: Uint8Array.of(3) });
    const queue = (await client.getQueue(valve)).getResultList();
    assert.deepEqual(queue.map((item) => [...item.getData_asU8()]), [[1], [2], [9], [3]]);
    assert.equal(queue[3]?.getId(), third);
  } finally {
    await simulator.stop();
  }
});
