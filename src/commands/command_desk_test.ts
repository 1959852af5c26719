import assert from "node:assert/strict";
import { caller, commandDefinition, CommandWorld, DEVICE, OTHER } from "../../tests/lib/command_world.ts";

Deno.test("an unconfirmed command goes from pending to queued to transmitted, and that is its end", async () => {
  await using world = new CommandWorld();
  world.connect();
  const { id } = await world.sent(7);
  assert.equal(world.state(id), "pending");
  await world.clock.advance(10);
  assert.equal(world.state(id), "queued");
  assert.deepEqual(world.commands.counts(), { open: 1, unknown: 0 });
  world.field.transmit(DEVICE);
  assert.equal(world.state(id), "transmitted");
  assert.deepEqual(world.commands.counts(), { open: 0, unknown: 0 });
  assert.deepEqual(world.field.sent.get(DEVICE), ["00000007"]);
  assert.deepEqual(world.commands.steps(id).map(({ state }) => state), ["pending", "queued", "transmitted"]);
  assert.deepEqual(world.changes.map(({ state }) => state), ["pending", "queued", "transmitted"]);
  assert.equal(world.commands.lastDone(DEVICE, "Set")?.id, id);
  assert.equal(world.commands.newest(DEVICE, "Set")?.id, id);
  assert.equal(world.feed.since().at(-1)?.event, "command_transmitted");
});

Deno.test("a confirmed command ends with the device's answer", async () => {
  await using world = new CommandWorld();
  world.connect();
  const ids: string[] = [];
  for (const kind of ["ack", "nack"] as const) {
    const { id } = await world.sent(1, { command: "Confirmed" });
    ids.push(id);
    await world.clock.advance(10);
    world.field.transmit(DEVICE);
    assert.equal(world.state(id), "transmitted");
    assert.equal(world.commands.counts().open, 1);
    world.field.answer(DEVICE, kind);
  }
  assert.deepEqual(ids.map((id) => world.state(id)), ["acked", "nacked"]);
  assert.equal(world.commands.lastDone(DEVICE, "Confirmed")?.id, ids[0]);
});

Deno.test("commands of a device are done in their order, one in the queue at a time; devices do not wait for each other", async () => {
  await using world = new CommandWorld();
  world.connect();
  for (const n of [1, 2, 3]) await world.sent(n);
  const other = await world.sent(9, { devEui: OTHER });
  await world.clock.advance(10);
  assert.equal(world.field.items(DEVICE).length, 1);
  assert.equal(world.state(other.id), "queued");
  for (let turn = 0; turn < 3; turn++) {
    world.field.transmit(DEVICE);
    await world.clock.advance(10);
  }
  assert.deepEqual(world.field.sent.get(DEVICE), ["00000001", "00000002", "00000003"]);
});

Deno.test("the same key gives the same command for a day, and is refused for something else", async () => {
  await using world = new CommandWorld();
  world.connect();
  const first = await world.send(1, { idempotencyKey: "k" });
  await world.stopAndStart();
  const again = await world.send(1, { idempotencyKey: "k" });
  assert.ok(first.ok && again.ok);
  assert.deepEqual([first.repeated, again.repeated, again.command.id], [false, true, first.command.id]);
  const other = await world.send(2, { idempotencyKey: "k" });
  assert.ok(!other.ok && other.reason === "key_reused");
  const elsewhere = await world.send(2, { idempotencyKey: "k", devEui: OTHER });
  assert.ok(elsewhere.ok && !elsewhere.repeated);
  await world.clock.advance(86_400_000);
  const later = await world.send(1, { idempotencyKey: "k" });
  assert.ok(later.ok && !later.repeated);
});

Deno.test("a key is its sender's own: nobody else learns of the command, or loses one to it", async () => {
  await using world = new CommandWorld();
  world.connect();
  const mine = await world.send(1, { idempotencyKey: "k", by: caller("anna") });
  const theirs = await world.send(1, { idempotencyKey: "k", by: caller("bert") });
  const others = await world.send(2, { idempotencyKey: "k", by: caller("carl") });
  assert.ok(mine.ok && theirs.ok && others.ok);
  assert.deepEqual([mine.repeated, theirs.repeated, others.repeated], [false, false, false]);
  assert.equal(new Set([mine.command.id, theirs.command.id, others.command.id]).size, 3);
  const again = await world.send(1, { idempotencyKey: "k", by: caller("anna") });
  assert.ok(again.ok && again.repeated && again.command.id === mine.command.id);
});

Deno.test("what does not fit is refused with its reason", async () => {
  await using world = new CommandWorld({
    definitions: [commandDefinition(), commandDefinition({ id: 2, name: "Off", enabled: false })],
  });
  const reason = async (more: Parameters<CommandWorld["send"]>[1], n: number | string | boolean = 1) => {
    const answer = await world.send(n, more);
    assert.ok(!answer.ok);
    return answer.reason;
  };
  assert.equal(await reason({ devEui: OTHER }), "unknown_device");
  assert.equal(await reason({ command: "None" }), "unknown_command");
  assert.equal(await reason({ command: "Off" }), "disabled");
  assert.equal(await reason({ command: "2" }), "disabled");
  assert.equal(await reason({ arguments: {} }), "missing_argument");
  assert.equal(await reason({ arguments: { n: 1, m: 1 } }), "unknown_argument");
  assert.equal(await reason({}, "1"), "wrong_type");
  assert.equal(await reason({}, true), "wrong_type");
  assert.equal(await reason({}, 1.5), "wrong_type");
  assert.equal(await reason({}, 2 ** 32), "out_of_range");
  assert.equal(await reason({}, -1), "out_of_range");
  assert.equal(world.commands.list({ limit: 10 }).length, 0);
});

Deno.test("a device takes so many commands at once, a user so many in a minute over all sessions", async () => {
  await using world = new CommandWorld({ config: { max_pending_per_device: 2, max_per_minute: 3 } });
  await world.sent(1);
  await world.sent(2);
  const third = await world.send(3);
  assert.ok(!third.ok && third.reason === "too_many" && /max_pending_per_device/.test(third.message));
  await world.sent(4, { devEui: OTHER });
  await world.stopAndStart();
  const fast = await world.send(5, { devEui: OTHER });
  assert.ok(!fast.ok && fast.reason === "too_many" && /max_per_minute/.test(fast.message));
  assert.ok((await world.send(5, { devEui: OTHER, by: caller("another") })).ok);
  await world.clock.advance(60_001);
  assert.ok(!(await world.send(5)).ok);
  world.connect();
  await world.clock.advance(10);
  world.field.transmit(DEVICE);
  await world.clock.advance(10);
  assert.ok((await world.send(5)).ok);
});
