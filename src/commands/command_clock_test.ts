import assert from "node:assert/strict";
import { commandDefinition, CommandWorld, DEVICE } from "../../tests/lib/command_world.ts";
import type { Command } from "./commands.ts";

const DAY_MS = 86_400_000;

Deno.test("a clock that is set back a day keeps no command from being sent, followed and ended", async () => {
  await using world = new CommandWorld();
  world.field.fates.push("not_sent");
  world.connect();
  world.field.fates.unshift("ok");
  const first = await world.sent(1);
  const second = await world.sent(2, { command: "Confirmed" });
  await world.clock.settle();
  assert.equal(world.state(first.id), "pending", "the call failed, and is made again in a while");
  world.clock.set(-DAY_MS);
  await world.clock.advance(70_000);
  assert.equal(world.state(first.id), "queued");
  world.field.transmit(DEVICE);
  await world.clock.advance(10_000);
  assert.equal(world.state(second.id), "queued");
  world.field.transmit(DEVICE);
  world.clock.set(-DAY_MS);
  await world.clock.advance(660_000);
  assert.equal(world.state(second.id), "timed_out");
});

Deno.test("a command that waits is not sent a day late because the clock was set back a day, over a restart either", async () => {
  for (const restart of [false, true]) {
    await using world = new CommandWorld();
    const { id } = await world.sent(1);
    world.clock.set(-DAY_MS);
    if (restart) await world.stopAndStart();
    await world.clock.advance(660_000);
    assert.equal(world.state(id), "expired");
    world.connect();
    await world.clock.advance(10_000);
    assert.deepEqual(world.field.items(DEVICE), []);
  }
});

Deno.test("an item that was handed over after the clock was set back does not wait a day in ChirpStack", async () => {
  await using world = new CommandWorld();
  const { id } = await world.sent(1);
  world.clock.set(-DAY_MS);
  world.connect();
  await world.clock.settle();
  assert.equal(world.state(id), "queued");
  await world.clock.advance(610_000);
  world.field.transmit(DEVICE);
  assert.deepEqual([...world.field.sent], [], "it was too late for ChirpStack");
  assert.equal(world.state(id), "expired");
});

Deno.test("a clock that is set forward a day expires nothing that ChirpStack can still send", async () => {
  await using world = new CommandWorld();
  world.connect();
  const { id } = await world.sent(1);
  const confirmed = await world.sent(2, { command: "Confirmed" });
  await world.clock.settle();
  assert.equal(world.state(id), "queued");
  world.clock.set(DAY_MS);
  await world.clock.advance(60_000);
  assert.equal(world.state(id), "queued", "ChirpStack's clock is another");
  assert.equal(world.state(confirmed.id), "expired", "what was not handed over is");
  await world.clock.advance(600_000);
  assert.equal(world.state(id), "expired");
});

Deno.test("commands of a time that has not come yet do not count against the limit of a minute", async () => {
  await using world = new CommandWorld({ config: { max_per_minute: 2 } });
  await world.sent(1);
  await world.sent(2);
  world.clock.set(-DAY_MS);
  await world.sent(3);
  await world.sent(4);
  const answer = await world.send(5);
  assert.ok(!answer.ok && answer.reason === "too_many");
});

Deno.test("a clock that is set forward a year deletes no command", async () => {
  await using world = new CommandWorld();
  world.connect();
  const { id } = await world.sent(1);
  await world.clock.settle();
  world.field.transmit(DEVICE);
  await world.clock.settle();
  assert.equal(world.state(id), "transmitted");
  world.clock.set(365 * DAY_MS);
  await world.clock.advance(180_000);
  assert.equal(world.state(id), "transmitted");
});

Deno.test("a thousand commands that expire at once are stored in small steps", async () => {
  await using world = new CommandWorld({ config: { max_pending_per_device: 1000, max_per_minute: 10_000 } });
  for (let n = 0; n < 300; n++) await world.sent(n);
  const turns = new Map<number, number>();
  world.commands.subscribe(({ state }: Command) => {
    if (state === "expired") turns.set(world.clock.elapsedUs(), (turns.get(world.clock.elapsedUs()) ?? 0) + 1);
  });
  await world.clock.advance(601_000);
  assert.equal(world.commands.counts().open, 0);
  assert.ok(Math.max(...turns.values()) <= 16, `${[...turns.values()]}`);
});

Deno.test("sent while it is taken back and the disk refuses: it is not cancelled, and its end stays", async () => {
  await using world = new CommandWorld({ definitions: [commandDefinition()] });
  world.connect();
  const command = await world.sent(1);
  await world.clock.settle();
  // the txack comes between the look at the queue and its emptying, and finds a full disk
  let isFull = false;
  world.onWrite = (what, when) => {
    if (isFull && what === "save" && when === "before") throw new Error("database or disk is full");
  };
  const { field } = world;
  const items = field.items.bind(field);
  field.items = (devEui) => {
    const found = items(devEui);
    field.items = items;
    isFull = true;
    field.transmit(DEVICE);
    isFull = false;
    return found;
  };
  const answer = await world.commands.cancel(command.id, { principal: null, transport: "unix", address: "local" });
  assert.equal(answer.ok, false, JSON.stringify(answer));
  await world.clock.advance(10_000);
  assert.deepEqual(world.commands.steps(command.id).map(({ state }) => state), ["pending", "queued", "transmitted"]);
});

Deno.test("an acknowledgement that the disk refuses is not forgotten for a look at the queue that was under way", async () => {
  await using world = new CommandWorld();
  world.connect();
  const command = await world.sent(1, { command: "Confirmed" });
  await world.clock.settle();
  let isFull = false;
  world.onWrite = (what, when) => {
    if (isFull && what === "save" && when === "before") throw new Error("database or disk is full");
  };
  const { field } = world;
  const items = field.items.bind(field);
  field.items = (devEui) => {
    field.items = items;
    const id = items(devEui)[0]?.id ?? "";
    isFull = true;
    const event = { devEui, queueItemId: id, timeUs: world.clock.nowUs(), detail: null };
    world.commands.downlinkEvent({ ...event, kind: "ack" });
    return items(devEui).map((item) => ({ ...item, isPending: true }));
  };
  await world.clock.advance(61_000);
  isFull = false;
  await world.clock.advance(700_000);
  assert.deepEqual(world.commands.steps(command.id).map(({ state }) => state), ["pending", "queued", "acked"]);
});
