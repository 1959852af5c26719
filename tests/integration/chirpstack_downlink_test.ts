// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { DownlinkError, type DownlinkItem } from "../../src/commands/commands.ts";
import { API_TOKEN, startQuietSimulator, startWorld } from "../../src/sources/chirpstack/testing/world.ts";
import type { Simulator } from "../../src/sources/simulator/start_simulator.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";
import { waitFor } from "../lib/wait_for.ts";

const meter = "02ed9ee000000002";
const valve = "02ed9ee000000003";
const unknown = "02ed9ee0000000ff";
const open = Uint8Array.of(0x31);

function item(differences: Partial<DownlinkItem> = {}): DownlinkItem {
  return {
    devEui: valve,
    fPort: 1,
    confirmed: true,
    payload: { data: open },
    expiresUs: (Date.now() + 60_000) * 1000,
    ...differences,
  };
}

const never = new AbortController().signal;

/** The kind of error that a call down ended with. */
async function kindOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(() => "none", (error: unknown) => error);
  assert.ok(error instanceof DownlinkError, String(error));
  return error.kind;
}

function streaming(world: { source: { status(): { devicesStreaming: number } } }, devices: number) {
  return waitFor("the streams", () => world.source.status().devicesStreaming === devices);
}

async function withSimulator(run: (simulator: Simulator) => Promise<void>) {
  const simulator = await startQuietSimulator();
  try {
    await run(simulator);
  } finally {
    await simulator.stop();
  }
}

Deno.test("a downlink goes into the queue with its port, time and bytes, and its way is told", async () => {
  await withSimulator(async (simulator) => {
    await using world = startWorld(simulator.url, [{ devEui: valve }]);
    await streaming(world, 1);
    const { downlinks } = world.source;
    const wanted = item({ fPort: 7 });
    const id = await downlinks.enqueue(wanted, never);
    assert.deepEqual(await downlinks.queue(valve, never), [
      { id, fPort: 7, confirmed: true, dataHex: "31", isPending: false, expiresUs: wanted.expiresUs },
    ]);
    simulator.sendUplink(valve, {});
    await waitFor("the transmission", () => world.downlinkEvents.length === 1);
    assert.equal((await downlinks.queue(valve, never))[0]?.isPending, true);
    simulator.sendUplink(valve, {});
    await waitFor("the acknowledgement", () => world.downlinkEvents.length === 2);
    assert.deepEqual(world.downlinkEvents.map(({ kind, devEui, queueItemId }) => [kind, devEui, queueItemId]), [
      ["txack", valve, id],
      ["ack", valve, id],
    ]);
    simulator.inject.missAcks = true;
    const second = await downlinks.enqueue(item({ payload: { object: { valve: "close" } } }), never);
    assert.equal((await downlinks.queue(valve, never))[0]?.dataHex, "30");
    simulator.sendUplink(valve, {});
    simulator.sendUplink(valve, {});
    await waitFor("the refusal of the device", () => world.downlinkEvents.length === 4);
    assert.deepEqual(world.downlinkEvents.slice(2).map(({ kind, queueItemId }) => [kind, queueItemId]), [
      ["txack", second],
      ["nack", second],
    ]);
    await downlinks.enqueue(item(), never);
    await downlinks.flush(valve, never);
    assert.deepEqual(await downlinks.queue(valve, never), []);
  });
});

Deno.test("what ChirpStack drops is told with the reason", async () => {
  await withSimulator(async (simulator) => {
    await using world = startWorld(simulator.url, [{ devEui: valve }]);
    await streaming(world, 1);
    const late = await world.source.downlinks.enqueue(item({ expiresUs: (Date.now() - 1000) * 1000 }), never);
    const long = await world.source.downlinks.enqueue(item({ payload: { data: new Uint8Array(230) } }), never);
    simulator.sendUplink(valve, {});
    await waitFor("both", () => world.downlinkEvents.length === 2);
    assert.deepEqual(world.downlinkEvents.map(({ kind, queueItemId }) => [kind, queueItemId]), [
      ["error", late],
      ["error", long],
    ]);
    assert.match(world.downlinkEvents[0]?.detail ?? "", /^EXPIRED: /);
    assert.match(world.downlinkEvents[1]?.detail ?? "", /^DOWNLINK_PAYLOAD_SIZE: /);
  });
});

Deno.test("what happened while nobody listened is told when the source starts again", async () => {
  await withSimulator(async (simulator) => {
    const first = startWorld(simulator.url, [{ devEui: valve }]);
    await streaming(first, 1);
    const id = await first.source.downlinks.enqueue(item(), never);
    await first.source.stop();
    simulator.sendUplink(valve, {});
    simulator.sendUplink(valve, {});
    await using again = startWorld(simulator.url, [{ devEui: valve }]);
    await waitFor("both", () => again.downlinkEvents.length === 2);
    assert.deepEqual(again.downlinkEvents.map(({ kind, queueItemId }) => [kind, queueItemId]), [
      ["txack", id],
      ["ack", id],
    ]);
  });
});

Deno.test("a call that ChirpStack answers with a refusal did not count", async () => {
  await withSimulator(async (simulator) => {
    await using world = startWorld(simulator.url, [{ devEui: valve }]);
    const { downlinks } = world.source;
    assert.equal(await kindOf(downlinks.enqueue(item({ devEui: unknown }), never)), "refused");
    assert.equal(await kindOf(downlinks.enqueue(item({ fPort: 0 }), never)), "refused");
    assert.equal(await kindOf(downlinks.enqueue(item({ payload: { object: { valve: "ajar" } } }), never)), "refused");
    assert.equal(await kindOf(downlinks.queue(unknown, never)), "refused");
    await using stranger = startWorld(simulator.url, [{ devEui: valve }], { config: { api_token: "wrong" } });
    assert.equal(await kindOf(stranger.source.downlinks.enqueue(item(), never)), "refused");
    assert.deepEqual(await downlinks.queue(valve, never), []);
  });
});

Deno.test("without a connection nothing was sent; once the request left, nobody knows", async () => {
  await withSimulator(async (simulator) => {
    await using world = startWorld(simulator.url, [{ devEui: valve }], { config: { timeout: 3 } });
    const { downlinks } = world.source;
    await downlinks.queue(valve, never);
    simulator.inject.loseEnqueueAnswers = true;
    assert.equal(await kindOf(downlinks.enqueue(item(), never)), "unreachable");
    assert.equal((await downlinks.queue(valve, never)).length, 1);

    const leaving = new AbortController();
    const left = kindOf(downlinks.enqueue(item(), leaving.signal));
    await waitFor("the second", async () => (await downlinks.queue(valve, never)).length === 2);
    leaving.abort();
    assert.equal(await left, "unreachable");
    assert.equal(await kindOf(downlinks.enqueue(item(), AbortSignal.abort())), "not_sent");

    simulator.inject.loseEnqueueAnswers = false;
    await simulator.inject.refuse();
    await waitFor("the broken connection", async () => await kindOf(downlinks.enqueue(item(), never)) === "not_sent");
    assert.equal(await kindOf(downlinks.queue(valve, never)), "unreachable");
    await simulator.inject.resume();
    const id = await waitFor("the way down", () => downlinks.enqueue(item(), never).catch(() => null));
    assert.deepEqual((await downlinks.queue(valve, never)).map((one) => one.id).slice(2), [id]);
  });
});

Deno.test("a host that accepts connections and says nothing gets no downlink", async () => {
  await withSimulator(async (simulator) => {
    simulator.inject.halfOpen = true;
    await using world = startWorld(simulator.url, [{ devEui: valve }], { config: { timeout: 0.3 } });
    assert.notEqual(await kindOf(world.source.downlinks.enqueue(item(), never)), "refused");
    simulator.inject.halfOpen = false;
    using other = new ChirpStackClient(simulator.url, API_TOKEN);
    assert.equal((await other.getQueue(valve)).getTotalCount(), 0);
  });
});

Deno.test("a class C device may have its downlink before the call that enqueues it is answered", async () => {
  await withSimulator(async (simulator) => {
    await using world = startWorld(simulator.url, [{ devEui: meter }]);
    await streaming(world, 1);
    simulator.inject.enqueueAnswerDelayMs = 200;
    const answered = world.source.downlinks.enqueue(item({ devEui: meter, confirmed: false }), never);
    await waitFor("the transmission", () => world.downlinkEvents.length === 1);
    assert.equal(world.downlinkEvents[0]?.queueItemId, await answered);
  });
});

Deno.test("in mode poll the queue tells what was sent, and no more", async () => {
  await withSimulator(async (simulator) => {
    await using world = startWorld(simulator.url, [{ devEui: valve }], { config: { mode: "poll" } });
    const { downlinks } = world.source;
    const confirmed = await downlinks.enqueue(item(), never);
    const unconfirmed = await downlinks.enqueue(item({ confirmed: false }), never);
    simulator.sendUplink(valve, {});
    await waitFor("the first", () => world.downlinkEvents.length === 1);
    simulator.sendUplink(valve, {});
    await waitFor("the second", () => world.downlinkEvents.length === 2);
    assert.deepEqual(world.downlinkEvents.map(({ kind, queueItemId }) => [kind, queueItemId]), [
      ["txack", confirmed],
      ["txack", unconfirmed],
    ]);
  });
});

Deno.test("in mode poll a downlink from before a restart is followed once its queue was looked into", async () => {
  await withSimulator(async (simulator) => {
    using other = new ChirpStackClient(simulator.url, API_TOKEN);
    const id = await other.enqueue(valve, { data: open });
    await using world = startWorld(simulator.url, [{ devEui: valve }], { config: { mode: "poll" } });
    await world.source.downlinks.queue(valve, never);
    simulator.sendUplink(valve, {});
    await waitFor("the transmission", () => world.downlinkEvents.length === 1);
    assert.equal(world.downlinkEvents[0]!.queueItemId, id);
  });
});
