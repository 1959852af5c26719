import assert from "node:assert/strict";
import fc from "fast-check";
import { commandDefinition, CommandWorld, DEVICE } from "../../tests/lib/command_world.ts";
import type { Commands, DownlinkEvent } from "./commands.ts";

const nobody = { principal: null, transport: "unix", address: "local" } as const;
const ended = new Set(["transmitted", "acked", "nacked", "failed", "expired", "cancelled", "timed_out", "unknown"]);

function tell(commands: Commands, kind: DownlinkEvent["kind"], queueItemId: string, timeUs: number): void {
  commands.downlinkEvent({ kind, devEui: DEVICE, queueItemId, timeUs, detail: null });
}

Deno.test("events in any order, twice, late or of others lead to an end that stays and that one of them says", async () => {
  const kind = fc.constantFrom<DownlinkEvent["kind"]>("txack", "ack", "nack");
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.tuple(kind, fc.integer({ min: -90_000, max: 90_000 }), fc.boolean()), { maxLength: 8 }),
      async (confirmed, events) => {
        await using world = new CommandWorld({ definitions: [commandDefinition({ confirmed })] });
        world.connect();
        const { id } = await world.sent(1);
        await world.clock.settle();
        const item = world.commands.get(id)?.queueItemId ?? "";
        const told = new Set<string>();
        for (const [what, ms, ours] of events) {
          tell(world.commands, what, ours ? item : "of others", world.clock.nowUs() + ms * 1000);
          if (ours) told.add(what);
          await world.clock.settle();
        }
        const states = world.commands.steps(id).map(({ state }) => state);
        assert.equal(new Set(states).size, states.length, `${states}`);
        if (states.includes("acked")) assert.ok(told.has("ack") && confirmed);
        if (states.includes("nacked")) assert.ok(told.has("nack") && confirmed);
        assert.ok(!(states.includes("acked") && states.includes("nacked")));
        const times = world.commands.steps(id).map(({ timeUs }) => timeUs);
        assert.deepEqual(times, times.toSorted((a, b) => a - b), "steps go forward");
        assert.deepEqual(world.field.accepted.get(DEVICE)?.length, 1);
      },
    ),
    { numRuns: 60, seed: 11 },
  );
});

Deno.test("ChirpStack comes back with an empty queue: what was in it is unknown, the next is sent, nothing twice", async () => {
  await using world = new CommandWorld();
  world.connect();
  const first = await world.sent(1);
  const second = await world.sent(2);
  await world.clock.settle();
  world.commands.connect(null);
  await world.field.way(new AbortController().signal).flush(DEVICE, new AbortController().signal);
  world.connect(false);
  await world.clock.advance(120_000);
  assert.equal(world.state(first.id), "unknown");
  assert.equal(world.state(second.id), "queued");
  assert.equal(world.field.accepted.get(DEVICE)?.length, 2);
});

Deno.test("the way is lost, or the program stops, during every call: nothing twice, and each command ends", async () => {
  for (const how of ["lost", "stop", "other way"]) {
    for (let skip = 0; skip < 3; skip++) {
      await using world = new CommandWorld();
      world.connect();
      world.field.fates.push(...Array.from({ length: skip }, () => "ok" as const), "hanging");
      const { id } = await world.sent(1);
      await world.clock.settle();
      if (how === "stop") await world.stopAndStart();
      else if (how === "lost") world.commands.connect(null);
      world.connect();
      await world.clock.advance(30_000);
      world.field.transmit(DEVICE);
      await world.clock.advance(800_000);
      assert.ok((world.field.accepted.get(DEVICE)?.length ?? 0) <= 1, "twice");
      const state = world.state(id) ?? "";
      // a call that hangs for ever is ended by the source's own time limit, or by the stop
      if (how === "stop") assert.ok(ended.has(state), `${how} ${skip}: ${state}`);
    }
  }
});

Deno.test("a definition that changes or goes while its command is under way changes nothing of it", async () => {
  await using world = new CommandWorld();
  const waiting = await world.sent(1);
  const changes = [
    commandDefinition({ enabled: false }),
    commandDefinition({ fPort: 99, confirmed: true, payload: { kind: "bytes", template: "FF{n:u8}" } }),
    commandDefinition({ deadlineMs: 1 }),
  ];
  for (const change of changes) world.commands.define([change]);
  world.commands.define([]);
  world.connect();
  await world.clock.settle();
  const [item] = world.field.items(DEVICE);
  assert.deepEqual([item?.fPort, item?.confirmed, item?.dataHex], [10, false, "00000001"]);
  const answer = await world.send(2);
  assert.ok(!answer.ok && answer.reason === "unknown_device");
  await world.stopAndStart();
  world.commands.define([]);
  world.connect();
  world.field.transmit(DEVICE);
  await world.clock.settle();
  assert.equal(world.state(waiting.id), "transmitted");
});

Deno.test("taken back twice at once, and while it is handed over: one answer says so, and nothing is sent", async () => {
  await using world = new CommandWorld();
  const { id } = await world.sent(1);
  const answers = await Promise.all([1, 2, 3].map(() => world.commands.cancel(id, nobody)));
  assert.deepEqual(answers.map(({ ok }) => ok), [true, false, false]);
  world.connect();
  const second = await world.sent(2);
  const answer = await world.commands.cancel(second.id, nobody);
  await world.clock.settle();
  if (answer.ok) assert.deepEqual(world.field.items(DEVICE), []);
  assert.equal(world.state(second.id), answer.ok ? "cancelled" : "queued");
});

Deno.test("taken back, but the device's window opened just before: the command says that it was sent", async () => {
  await using world = new CommandWorld();
  world.connect();
  const { id } = await world.sent(1);
  await world.clock.settle();
  const item = world.commands.get(id)?.queueItemId ?? "";
  assert.ok((await world.commands.cancel(id, nobody)).ok);
  // ChirpStack had taken it out of the queue between the look and the emptying: its txack comes later
  tell(world.commands, "txack", item, world.clock.nowUs());
  await world.clock.settle();
  assert.ok(
    world.feed.since().some(({ event, text }) => event === "command_sent_after_end" && /was sent/.test(text)),
    JSON.stringify(world.feed.since()),
  );
});
