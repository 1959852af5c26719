import assert from "node:assert/strict";
import { caller, CommandWorld, DEVICE } from "../../tests/lib/command_world.ts";
import type { CallFate } from "../../tests/lib/simulated_downlinks.ts";

const MINUTE = 60_000;

/** A world in which the call that hands a command over comes to this; the look into the queue before it works. */
async function handedOver(fate: CallFate, n = 1, command = "Set") {
  const world = new CommandWorld();
  world.connect();
  world.field.fates.push("ok", fate);
  const { id } = await world.sent(n, { command });
  await world.clock.advance(10);
  return { world, id };
}

for (
  const { fate, at, end, accepted, why } of [
    { fate: "lost_answer", at: "queued", end: "transmitted", accepted: 1, why: "it is found in the queue" },
    {
      fate: "lost_request",
      at: "pending",
      end: "unknown",
      accepted: 0,
      why: "nobody can say, and it is not sent again",
    },
    { fate: "not_sent", at: "queued", end: "transmitted", accepted: 1, why: "it is certain, and tried again" },
    { fate: "refused", at: "failed", end: "failed", accepted: 0, why: "it will not change" },
  ] as const
) {
  Deno.test(`handing over comes to ${fate}: ${why}`, async () => {
    const made = await handedOver(fate);
    await using world = made.world;
    await world.clock.advance(5_000);
    assert.equal(world.state(made.id), at);
    await world.clock.advance(MINUTE);
    world.field.transmit(DEVICE);
    await world.clock.advance(MINUTE);
    assert.equal(world.state(made.id), end);
    assert.equal(world.field.accepted.get(DEVICE)?.length ?? 0, accepted);
    const faults = world.faults.list().map(({ code, subject }) => `${code} ${subject}`);
    assert.deepEqual(faults, end === "unknown" ? [`command_unknown ${DEVICE}`] : []);
  });
}

Deno.test("a command of which nobody knows the end is a fault for a day, and the next one is sent", async () => {
  const made = await handedOver("lost_request");
  await using world = made.world;
  await world.clock.advance(MINUTE);
  assert.deepEqual(world.commands.counts(), { open: 0, unknown: 1 });
  const next = await world.sent(2);
  await world.clock.advance(10);
  assert.equal(world.state(next.id), "queued");
  world.field.transmit(DEVICE);
  await world.stopAndStart();
  assert.equal(world.faults.list()[0]?.code, "command_unknown");
  await world.clock.advance(24 * 60 * MINUTE);
  assert.equal(world.commands.counts().unknown, 0);
  assert.ok(!world.faults.list().some(({ code }) => code === "command_unknown"));
});

Deno.test("what is told before the answer to the call counts once the item is known", async () => {
  await using world = new CommandWorld();
  world.connect();
  const way = world.field.way(new AbortController().signal);
  const { promise, resolve } = Promise.withResolvers<void>();
  // a class C device gets it while the call is still being answered
  world.commands.connect({
    ...way,
    enqueue: async (item, signal) => {
      const id = await way.enqueue(item, signal);
      world.field.transmit(DEVICE);
      await promise;
      return id;
    },
  });
  const { id } = await world.sent(1);
  await world.clock.advance(10);
  assert.equal(world.state(id), "pending");
  resolve();
  await world.clock.advance(10);
  assert.equal(world.state(id), "transmitted");
});

Deno.test("killed while the call hangs, the item is found in the queue by what it holds", async () => {
  const made = await handedOver("hanging", 5);
  await using world = made.world;
  await world.kill();
  world.connect();
  await world.clock.advance(10);
  const command = world.commands.get(made.id);
  assert.equal(command?.state, "queued");
  assert.equal(command?.queueItemId, world.field.items(DEVICE)[0]?.id);
  assert.equal(command?.detail, "Found in ChirpStack's queue");
  world.field.transmit(DEVICE);
  assert.equal(world.state(made.id), "transmitted");
  assert.equal(world.field.accepted.get(DEVICE)?.length, 1);
});

Deno.test("killed while the call hangs and sent meanwhile, what ChirpStack tells again decides", async () => {
  const made = await handedOver("hanging", 5, "Confirmed");
  await using world = made.world;
  world.field.transmit(DEVICE);
  world.field.answer(DEVICE, "ack");
  await world.kill();
  world.connect();
  await world.clock.advance(MINUTE);
  assert.equal(world.state(made.id), "acked");
  assert.deepEqual(world.commands.steps(made.id).map(({ state }) => state), [
    "pending",
    "queued",
    "transmitted",
    "acked",
  ]);
});

Deno.test("killed while the call hangs, and others use the device: it is unknown, and not sent again", async () => {
  for (const others of ["the same in the queue", "sent meanwhile"]) {
    const made = await handedOver("hanging", 5);
    await using world = made.world;
    const item = { devEui: DEVICE, fPort: 10, confirmed: false, payload: { data: Uint8Array.of(0, 0, 0, 5) } };
    world.field.add({ ...item, expiresUs: world.clock.nowUs() + 3_600_000_000 });
    if (others === "sent meanwhile") {
      world.field.transmit(DEVICE);
      world.field.transmit(DEVICE);
    }
    await world.kill();
    world.connect();
    await world.clock.advance(2 * MINUTE);
    assert.equal(world.state(made.id), "unknown", others);
    assert.equal(world.field.accepted.get(DEVICE)?.length, 2);
  }
});

Deno.test("an item that was there before the command is not taken for it", async () => {
  await using world = new CommandWorld();
  world.connect();
  const item = { devEui: DEVICE, fPort: 10, confirmed: false, payload: { data: Uint8Array.of(0, 0, 0, 5) } };
  world.field.add({ ...item, expiresUs: world.clock.nowUs() + 3_600_000_000 });
  world.field.fates.push("ok", "lost_request");
  const { id } = await world.sent(5);
  await world.clock.advance(MINUTE);
  assert.equal(world.state(id), "unknown");
});

Deno.test("a deadline ends what waits here and what waits in ChirpStack, and neither is sent", async () => {
  await using world = new CommandWorld();
  const here = await world.sent(1);
  const behind = await world.sent(2);
  await world.clock.advance(10 * MINUTE);
  assert.deepEqual([world.state(here.id), world.state(behind.id)], ["expired", "expired"]);
  world.connect();
  const there = await world.sent(3);
  await world.clock.advance(10);
  assert.equal(world.state(there.id), "queued");
  await world.clock.advance(10 * MINUTE + 10_000);
  assert.equal(world.state(there.id), "expired");
  world.field.transmit(DEVICE);
  assert.deepEqual(world.field.sent.get(DEVICE), undefined);
});

Deno.test("a confirmed command that was sent and not answered is timed out at its deadline", async () => {
  await using world = new CommandWorld();
  world.connect();
  const { id } = await world.sent(1, { command: "Confirmed" });
  await world.clock.advance(10);
  world.field.transmit(DEVICE);
  await world.clock.advance(10 * MINUTE - 100);
  assert.equal(world.state(id), "transmitted");
  await world.clock.advance(100);
  assert.equal(world.state(id), "timed_out");
});

Deno.test("what happened while nobody listened is told again and counts, even behind the deadline", async () => {
  await using world = new CommandWorld();
  world.connect();
  const { id } = await world.sent(1, { command: "Confirmed" });
  await world.clock.advance(10);
  world.field.transmit(DEVICE);
  await world.commands.stop();
  world.field.answer(DEVICE, "ack");
  await world.clock.advance(20 * MINUTE);
  world.restart();
  await world.clock.advance(10_000);
  world.connect(false);
  await world.clock.advance(10_000);
  assert.equal(world.state(id), "transmitted");
  world.connect();
  assert.equal(world.state(id), "acked");
});

Deno.test("a transmission nobody told of is seen in the queue; what left it unheard is unknown", async () => {
  await using world = new CommandWorld();
  world.connect();
  world.field.listen(() => {}, false);
  const confirmed = await world.sent(1, { command: "Confirmed" });
  await world.clock.advance(10);
  world.field.transmit(DEVICE);
  await world.clock.advance(MINUTE + 10);
  assert.equal(world.state(confirmed.id), "transmitted");
  world.field.answer(DEVICE, "ack");
  world.field.replay();
  world.connect();
  assert.equal(world.state(confirmed.id), "acked");
  world.field.listen(() => {}, false);
  const plain = await world.sent(2);
  await world.clock.advance(10);
  world.field.transmit(DEVICE);
  await world.clock.advance(3 * MINUTE);
  assert.equal(world.state(plain.id), "unknown");
});

Deno.test("a command is taken back while it waits here, and out of ChirpStack's queue when it is alone there", async () => {
  await using world = new CommandWorld();
  world.connect();
  const first = await world.sent(1);
  const second = await world.sent(2);
  await world.clock.advance(10);
  const cancel = async (id: string) => {
    const answer = await world.commands.cancel(id, caller());
    return answer.ok ? answer.command.state : answer.reason;
  };
  assert.equal(await cancel(second.id), "cancelled");
  assert.equal(await cancel(second.id), "too_late");
  assert.equal(await cancel("none"), "unknown_id");
  assert.equal(await cancel(first.id), "cancelled");
  assert.deepEqual(world.field.items(DEVICE), []);

  const third = await world.sent(3, { command: "Confirmed" });
  await world.clock.advance(10);
  const foreign = {
    devEui: DEVICE,
    fPort: 1,
    confirmed: false,
    payload: { data: Uint8Array.of(1) },
    expiresUs: Infinity,
  };
  world.field.add(foreign);
  assert.equal(await cancel(third.id), "too_late");
  assert.equal(world.field.items(DEVICE).length, 2);
  world.field.transmit(DEVICE);
  assert.equal(await cancel(third.id), "too_late");

  world.field.answer(DEVICE, "ack");
  world.field.transmit(DEVICE);
  const fourth = await world.sent(4);
  await world.clock.advance(10);
  world.field.fates.push("not_sent");
  assert.equal(await cancel(fourth.id), "unreachable");
  world.commands.connect(null);
  assert.equal(await cancel(fourth.id), "unreachable");
  assert.equal(world.state(fourth.id), "queued");
});

Deno.test("while ChirpStack cannot be reached commands wait, with a fault that goes when it can", async () => {
  await using world = new CommandWorld();
  world.connect();
  world.field.fates.push(...Array<CallFate>(4).fill("not_sent"));
  const { id } = await world.sent(1);
  await world.clock.advance(3_000);
  assert.deepEqual(world.faults.list().map(({ code, subject }) => [code, subject]), [["commands_unreachable", DEVICE]]);
  await world.clock.advance(MINUTE);
  assert.equal(world.state(id), "queued");
  assert.deepEqual(world.faults.list(), []);
});

Deno.test("when nothing waits any more, nobody misses ChirpStack", async () => {
  await using world = new CommandWorld();
  world.connect();
  world.field.fates.push(...Array<CallFate>(9).fill("not_sent"));
  const { id } = await world.sent(1);
  await world.clock.advance(3_000);
  assert.equal(world.faults.list().length, 1);
  assert.ok((await world.commands.cancel(id, caller())).ok);
  await world.clock.advance(10);
  assert.deepEqual(world.faults.list(), []);
});

Deno.test("an error of ChirpStack ends a command with its words", async () => {
  await using world = new CommandWorld();
  world.connect();
  const { id } = await world.sent(1);
  await world.clock.advance(10);
  world.field.drop(DEVICE);
  assert.deepEqual([world.state(id), world.commands.get(id)?.detail], ["failed", "Too long"]);
  assert.match(world.feed.since().at(-1)?.text ?? "", /'Set' failed: Too long/);
});

Deno.test("the stop does not wait for a call that hangs", async () => {
  const made = await handedOver("hanging");
  await using world = made.world;
  await world.commands.stop();
  assert.equal((await world.send(2)).ok, false);
});

Deno.test("what others send after the first look that found nothing is not taken for a lost command", async () => {
  const made = await handedOver("lost_request");
  await using world = made.world;
  await world.clock.advance(20_000);
  const item = { devEui: DEVICE, fPort: 10, confirmed: false, payload: { data: Uint8Array.of(9) } };
  world.field.add({ ...item, expiresUs: world.clock.nowUs() + 3_600_000_000 });
  world.field.transmit(DEVICE);
  await world.clock.advance(MINUTE);
  assert.equal(world.state(made.id), "unknown");
});
