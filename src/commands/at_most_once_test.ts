import assert from "node:assert/strict";
import fc from "fast-check";
import { commandDefinition, CommandWorld, DEVICE, OTHER, type WriteHook } from "../../tests/lib/command_world.ts";
import type { CallFate } from "../../tests/lib/simulated_downlinks.ts";
import { isEnded } from "./command_state.ts";
import type { Command, CommandState } from "./commands.ts";

const DEVICES = [DEVICE, OTHER];
/** Payloads of others start here; ours are counted from 1. */
const FOREIGN = 0xf0000000;

/** What a test remembers of what it did. */
class Model {
  /** Commands whose sender was told that they are stored. */
  readonly promised = new Set<string>();
  readonly ended = new Map<string, CommandState>();
  nextN = 1;
  foreign = 0;
}

type Step = fc.AsyncCommand<Model, CommandWorld>;

/** A step that may always be made; everything that must hold is looked at behind it. */
function step(name: string, work: (world: CommandWorld, model: Model) => Promise<void> | void): Step {
  return {
    check: () => true,
    run: async (model, world) => {
      await work(world, model);
      await world.clock.settle();
      if (world.isDead) await restart(world);
      verify(world, model);
    },
    toString: () => name,
  };
}

async function restart(world: CommandWorld): Promise<void> {
  await world.kill();
  world.connect();
  await world.clock.settle();
}

function all(world: CommandWorld): readonly Command[] {
  return world.commands.list({ limit: 1000 }).toReversed();
}

function verify(world: CommandWorld, model: Model): void {
  const commands = all(world);
  for (const devEui of DEVICES) {
    const accepted = (world.field.accepted.get(devEui) ?? []).map((hex) => parseInt(hex, 16)).filter((n) =>
      n < FOREIGN
    );
    assert.equal(new Set(accepted).size, accepted.length, "Twice");
    const mine = commands.filter((command) => command.devEui === devEui);
    // where others use the device, too, what was told of may be theirs
    const isTaken = ({ id }: Command) =>
      model.foreign > 0 && world.commands.steps(id).some(({ detail }) => /^The only downlink/.test(detail ?? ""));
    // a request that was on its way when it was given up may come at any time
    const lost = new Set(
      mine.filter((command) => command.state === "unknown" || isTaken(command)).map(({ arguments: { n } }) => n),
    );
    const known = accepted.filter((n) => !lost.has(n));
    assert.deepEqual(known, known.toSorted((a, b) => a - b), "Not in order");
    const sent = new Set((world.field.sent.get(devEui) ?? []).map((hex) => parseInt(hex, 16)));
    const queued = new Set(world.field.items(devEui).map(({ id }) => id));
    const waiting = mine.filter((command) => !isEnded(command) && queued.has(command.queueItemId ?? ""));
    assert.ok(waiting.length <= 1, "More than one in the network server's queue");
    for (const command of mine) {
      const { state, arguments: { n } } = command;
      if (state === "cancelled" || state === "expired") assert.ok(!sent.has(Number(n)), `${state}, and sent`);
      if (state === "acked" || state === "nacked" || state === "transmitted") {
        assert.ok(isTaken(command) || sent.has(Number(n)), `${state}, and not sent`);
      }
      if (state === "failed") assert.ok(!sent.has(Number(n)) || accepted.includes(Number(n)));
    }
    const open = mine.filter((command) => !isEnded(command));
    assert.ok(open.slice(1).every(({ state }) => state === "pending"), "Another than the first is under way");
  }
  for (const command of commands) {
    const before = model.ended.get(command.id);
    if (before !== undefined) assert.equal(command.state, before, "An end was not the end");
    if (isEnded(command)) model.ended.set(command.id, command.state);
    const states = world.commands.steps(command.id).map(({ state }) => state);
    assert.equal(states.at(-1), command.state);
    assert.equal(new Set(states).size, states.length, `A state came twice: ${states}`);
  }
  const stored = new Set(commands.map(({ id }) => id));
  for (const id of model.promised) assert.ok(stored.has(id), "A command that was promised is gone");
}

const device = fc.constantFrom(...DEVICES);
const fate = fc.constantFrom<CallFate>("refused", "not_sent", "lost_request", "lost_answer", "hanging", "late");

const steps: fc.Arbitrary<Step>[] = [
  fc.tuple(device, fc.boolean()).map(([devEui, confirmed]) =>
    step(`send ${devEui.slice(-1)} ${confirmed}`, async (world, model) => {
      const n = model.nextN++;
      const command = confirmed ? "Confirmed" : "Set";
      const answer = await world.send(n, { devEui, command, idempotencyKey: `key ${n}` });
      if (answer.ok) model.promised.add(answer.command.id);
      if (answer.ok && n % 3 === 0) {
        const again = await world.send(n, { devEui, command, idempotencyKey: `key ${n}` });
        if (again.ok) assert.equal(again.command.id, answer.command.id);
      }
    })
  ),
  fc.constantFrom(1, 10, 2_000, 5_000, 45_000, 70_000, 300_000).map((ms) =>
    step(`advance ${ms}`, (world) => world.clock.advance(ms))
  ),
  device.map((devEui) => step(`transmit ${devEui.slice(-1)}`, (world) => world.field.transmit(devEui))),
  fc.tuple(device, fc.constantFrom("ack" as const, "nack" as const)).map(([devEui, kind]) =>
    step(`${kind} ${devEui.slice(-1)}`, (world) => world.field.answer(devEui, kind))
  ),
  device.map((devEui) => step(`drop ${devEui.slice(-1)}`, (world) => world.field.drop(devEui))),
  fc.array(fc.oneof(fate, fc.constant<CallFate>("ok")), { minLength: 1, maxLength: 4 }).map((fates) =>
    step(`fates ${fates}`, (world) => void world.field.fates.push(...fates))
  ),
  fc.constant(step("late calls arrive", (world) => world.field.deliverLate())),
  fc.constant(step("replay", (world) => world.field.replay())),
  fc.tuple(fc.nat(9), fc.boolean()).map(([back, hurried]) =>
    step(`cancel ${back}`, async (world) => {
      const command = all(world).at(-1 - back);
      if (command === undefined) return;
      const answer = world.commands.cancel(command.id, { principal: null, transport: "unix", address: "local" });
      if (!hurried) await world.clock.settle();
      // a cancellation may wait for a call that hangs until the end of the program
      void answer.catch(() => {});
    })
  ),
  fc.constant(step("kill", (world) => restart(world))),
  fc.constant(step("stop and start", async (world) => {
    await world.stopAndStart();
    world.connect();
  })),
  fc.constant(step("no way", (world) => world.commands.connect(null))),
  fc.boolean().map((replay) => step(`way, replay ${replay}`, (world) => world.connect(replay))),
  fc.tuple(fc.constantFrom("insert", "intend", "save"), fc.constantFrom("before", "after"), fc.nat(2)).map(
    ([what, when, skip]) =>
      step(`kill ${when} ${what} ${skip}`, (world) => {
        let left = skip;
        const hook: WriteHook = (which, at) => {
          if (which !== what || at !== when || left-- > 0) return;
          world.die();
          throw new Error("The program was killed");
        };
        world.onWrite = hook;
      }),
  ),
  fc.nat(3).map((count) =>
    step(`the disk refuses ${count}`, (world) => {
      let left = count;
      world.onWrite = (_, at) => {
        if (at === "before" && left-- > 0) throw new Error("database or disk is full");
      };
    })
  ),
];

const foreignSteps: fc.Arbitrary<Step>[] = [
  fc.tuple(device, fc.boolean()).map(([devEui, confirmed]) =>
    step(`item of others ${devEui.slice(-1)}`, (world, model) => {
      const data = new Uint8Array(4);
      new DataView(data.buffer).setUint32(0, FOREIGN + model.foreign++);
      const expiresUs = world.clock.nowUs() + 3_600_000_000;
      world.field.add({ devEui, fPort: 10, confirmed, payload: { data }, expiresUs });
    })
  ),
];

/** More runs look elsewhere each time; without a wish the same ones are made. */
const wished = Deno.env.get("EDGEKEEP_TEST_RUNS");
const runs = wished === undefined ? { numRuns: 40, seed: 4 } : { numRuns: Number(wished) };

for (const [alone, possible] of [[true, steps], [false, [...steps, ...foreignSteps]]] as const) {
  const who = alone ? "alone" : "beside others";
  Deno.test(`whatever happens, and wherever the program is killed, a command is sent at most once, in order: ${who}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands([...possible], { maxCommands: 40, size: "max" }), async (commands) => {
        await using world = new CommandWorld({
          definitions: DEVICES.flatMap((devEui) => [
            commandDefinition({ devEui }),
            commandDefinition({ devEui, id: 2, name: "Confirmed", confirmed: true, fPort: 11 }),
          ]),
          config: { max_per_minute: 10_000, max_pending_per_device: 1000 },
        });
        world.connect();
        const model = new Model();
        await fc.asyncModelRun(() => ({ model, real: world }), commands);
        // when everything works again, everything ends
        world.onWrite = () => {};
        world.field.fates.length = 0;
        await restart(world);
        for (let turn = 0; turn < 40; turn++) {
          for (const devEui of DEVICES) {
            world.field.transmit(devEui);
            world.field.answer(devEui, "ack");
          }
          await world.clock.advance(60_000);
          verify(world, model);
        }
        assert.equal(world.commands.counts().open, 0);
        world.field.deliverLate();
        verify(world, model);
      }),
      runs,
    );
  });
}
