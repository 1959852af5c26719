import assert from "node:assert/strict";
import type { Command, CommandState } from "../../src/commands/commands.ts";
import { API_TOKEN } from "../../src/sources/chirpstack/testing/world.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";
import { CommandsWorld, definitionsOf, meter, valve, valveCommands } from "../lib/commands_world.ts";
import { waitFor } from "../lib/wait_for.ts";

/** Sends a command from the OPC UA client; resolves with its id. */
type Send = (command: string, args: unknown, device?: string) => Promise<string>;

async function senderOf(world: CommandsWorld): Promise<Send> {
  const id = await world.login();
  return async (command, args, device = valve) => {
    const texts = [device, command, JSON.stringify(args), ""];
    const answer = await world.client.call<{ status: string; outputs: readonly string[] }>("call", {
      id,
      object: "ns=2;s=Gateway",
      method: "ns=2;s=Gateway/SendCommand",
      args: texts.map((value) => ({ dataType: 12, value })),
    });
    assert.equal(answer.status, "Good");
    const [commandId] = answer.outputs;
    assert.ok(commandId);
    return commandId;
  };
}

/** Waits until a command is in that state. */
async function becomes(world: CommandsWorld, id: string, state: CommandState): Promise<Command> {
  try {
    return await waitFor(`a command to be ${state}`, () => {
      const command = world.commands.get(id);
      return command?.state === state ? command : null;
    });
  } catch (error) {
    const { state: is, detail } = world.commands.get(id) ?? {};
    throw new Error(`The command is ${is} (${detail}) instead of ${state}`, { cause: error });
  }
}

function statesOf(world: CommandsWorld, id: string): string[] {
  return world.commands.steps(id).map(({ state }) => state);
}

/** The payloads that the valve received since the last call, in hexadecimal. */
function recordOf(world: CommandsWorld): () => string[] {
  let seen = world.received().length;
  return () => {
    const since = world.received().slice(seen);
    seen += since.length;
    return since;
  };
}

Deno.test("commands on their way to a device that fetches them", async (t) => {
  await using world = await CommandsWorld.open();
  using other = new ChirpStackClient(world.simulator.url, API_TOKEN);
  const send = await senderOf(world);
  const received = recordOf(world);
  const { inject } = world.simulator;
  const cancel = (id: string) => world.commands.cancel(id, world.world.local());

  await t.step("five go out one by one, in the order in which they were sent", async () => {
    const ids: string[] = [];
    for (let level = 1; level <= 5; level++) ids.push(await send("Level", level));
    for (const id of ids) {
      await becomes(world, id, "queued");
      assert.equal((await other.getQueue(valve)).getTotalCount(), 1, "one of ours at a time");
      await world.deliver(id);
    }
    assert.deepEqual(received(), ["01", "02", "03", "04", "05"]);
    for (const id of ids) assert.deepEqual(statesOf(world, id), ["pending", "queued", "transmitted", "acked"]);
  });

  await t.step("an unconfirmed one ends when a gateway sent it", async () => {
    const id = await send("Mode", 2);
    await becomes(world, id, "queued");
    world.uplink();
    await becomes(world, id, "transmitted");
    world.uplink();
    assert.deepEqual(received(), ["02"]);
    assert.deepEqual(statesOf(world, id), ["pending", "queued", "transmitted"]);
  });

  await t.step("arguments stand in the payload as the template says", async () => {
    for (
      const [command, args, payload] of [
        ["Setpoint", 21.5, "0200d7"],
        ["Setpoint", { target: -0.1 }, "02ffff"],
        ["Pulse", { seconds: 258, position: 50 }, "01320102"],
        ["Flush", {}, "ff"],
        ["Counter", 4_294_967_295, "ffffffff"],
      ] as const
    ) {
      const id = await send(command, args);
      await becomes(world, id, "queued");
      world.uplink();
      await waitFor(command, () => world.commands.get(id)?.state !== "queued");
      world.uplink();
      await waitFor(`the end of ${command}`, () => world.commands.list({ open: true, limit: 9 }).length === 0);
      assert.deepEqual(received(), [payload], command);
    }
  });

  await t.step("an object is encoded by the codec in ChirpStack, which may refuse it", async () => {
    const open = await send("Position", "open");
    await becomes(world, open, "queued");
    world.uplink();
    await becomes(world, open, "transmitted");
    assert.deepEqual(received(), ["31"]);
    const failed = await becomes(world, await send("Position", "ajar"), "failed");
    assert.match(failed.detail ?? "", /motorized-valve takes/);
    assert.deepEqual(statesOf(world, failed.id), ["pending", "failed"]);
  });

  await t.step("a device that does not acknowledge says no", async () => {
    inject.missAcks = true;
    const id = await send("Level", 7);
    await becomes(world, id, "queued");
    world.uplink();
    await becomes(world, id, "transmitted");
    world.uplink();
    await becomes(world, id, "nacked");
    inject.missAcks = false;
    assert.deepEqual(received(), ["07"]);
  });

  await t.step("one that was sent and never answered times out; one that was never fetched expires", async () => {
    const sent = await send("Hasty", 1);
    await becomes(world, sent, "queued");
    world.uplink();
    await becomes(world, sent, "transmitted");
    await becomes(world, sent, "timed_out");
    world.uplink();
    const [waiting, behind] = [await send("Hasty", 2), await send("Hasty", 3)];
    await becomes(world, waiting, "queued");
    await becomes(world, behind, "expired");
    await becomes(world, waiting, "expired");
    world.uplink();
    world.uplink();
    assert.deepEqual(received(), ["01"]);
    assert.equal((await other.getQueue(valve)).getTotalCount(), 0);
  });

  await t.step("cancelled: what waits here, and what waits alone in ChirpStack; not what was sent", async () => {
    const [first, second] = [await send("Level", 11), await send("Level", 12)];
    await becomes(world, first, "queued");
    assert.equal((await cancel(second)).ok, true);
    assert.equal((await cancel(first)).ok, true);
    assert.equal((await other.getQueue(valve)).getTotalCount(), 0);
    world.uplink();
    assert.deepEqual(received(), []);
    const third = await send("Level", 13);
    await becomes(world, third, "queued");
    world.uplink();
    await becomes(world, third, "transmitted");
    const late = await cancel(third);
    assert.deepEqual([late.ok, late.ok === false && late.reason], [false, "too_late"]);
    world.uplink();
    await becomes(world, third, "acked");
    assert.deepEqual(received(), ["0d"]);
  });

  await t.step("not cancelled: what shares ChirpStack's queue with items of others, which would be lost", async () => {
    const id = await send("Level", 14);
    await becomes(world, id, "queued");
    await other.enqueue(valve, { data: Uint8Array.of(0xaa) });
    const answer = await cancel(id);
    assert.deepEqual([answer.ok, answer.ok === false && answer.reason], [false, "too_late"]);
    assert.equal((await other.getQueue(valve)).getTotalCount(), 2);
    await world.deliver(id);
    await waitFor("the other's", () => world.received().includes("aa"));
    assert.deepEqual(received(), ["0e", "aa"]);
  });

  await t.step(
    "somebody else empties the queue: nobody can say what became of it, and it is not sent again",
    async () => {
      const id = await send("Level", 15);
      await becomes(world, id, "queued");
      await other.flushQueue(valve);
      await becomes(world, id, "unknown");
      world.uplink();
      assert.deepEqual(received(), []);
    },
  );

  await t.step("no gateway can send at first", async () => {
    inject.gatewaysRefuse = true;
    const id = await send("Level", 16);
    await becomes(world, id, "queued");
    world.uplink();
    inject.gatewaysRefuse = false;
    await world.deliver(id);
    assert.deepEqual(received(), ["10"]);
  });

  await t.step(
    "a transmission that no gateway reports is repeated by ChirpStack, and the device takes it once",
    async () => {
      inject.missTxAcks = true;
      const id = await send("Level", 17);
      await becomes(world, id, "queued");
      world.uplink();
      inject.missTxAcks = false;
      await world.deliver(id);
      assert.deepEqual(received(), ["11"]);
    },
  );

  await t.step("a command under way goes on as it was accepted when its definition changes or goes", async () => {
    const id = await send("Level", 18);
    await becomes(world, id, "queued");
    world.commands.define(definitionsOf(valveCommands.slice(0, 1)));
    await world.deliver(id);
    world.commands.define(definitionsOf());
    assert.deepEqual(received(), ["12"]);
  });

  await t.step("a class C device gets it at once, even before ChirpStack answered", async () => {
    inject.enqueueAnswerDelayMs = 300;
    const id = await send("Relay", true, meter);
    await waitFor("the device", () => world.received(meter).length === 1);
    await becomes(world, id, "transmitted");
    inject.enqueueAnswerDelayMs = 0;
    world.uplink(meter);
    await becomes(world, id, "acked");
    assert.deepEqual(world.received(meter), ["01"]);
  });
});

Deno.test("commands while ChirpStack does not answer", async (t) => {
  // connections that were reset may take their time to tell again what happened
  await using world = await CommandsWorld.open({ chirpstack: { timeout: 0.4 }, timing: { settleMs: 10_000 } });
  const send = await senderOf(world);
  const received = recordOf(world);
  const { inject } = world.simulator;

  await t.step("away while it is sent: it waits here, and goes out when ChirpStack is back", async () => {
    await inject.refuse();
    const [first, second] = [await send("Level", 1), await send("Level", 2)];
    await waitFor(
      "the trouble to be told",
      () => world.world.site.faults.list().some(({ code }) => code === "commands_unreachable"),
    );
    assert.deepEqual([first, second].map((id) => world.commands.get(id)?.state), ["pending", "pending"]);
    await inject.resume();
    await becomes(world, first, "queued");
    await world.streaming();
    await world.deliver(first);
    await world.deliver(second);
    assert.deepEqual(received(), ["01", "02"]);
    await waitFor(
      "the end of the trouble",
      () => !world.world.site.faults.list().some(({ code }) => code === "commands_unreachable"),
    );
  });

  await t.step("away while it is in ChirpStack's queue and is fetched: the events that are kept tell", async () => {
    const id = await send("Level", 3);
    await becomes(world, id, "queued");
    inject.dropEvents = true;
    world.uplink();
    world.uplink();
    inject.dropEvents = false;
    inject.resetConnections();
    await becomes(world, id, "acked");
    assert.deepEqual(received(), ["03"]);
  });
});

// worlds of their own: the engine waits longer after each failure
Deno.test("commands whose Enqueue was answered late or never", async (t) => {
  await using world = await CommandsWorld.open({ chirpstack: { timeout: 0.4 }, timing: { settleMs: 10_000 } });
  using other = new ChirpStackClient(world.simulator.url, API_TOKEN);
  const send = await senderOf(world);
  const received = recordOf(world);
  const { inject } = world.simulator;

  await t.step("it is slower than the deadline: the item that comes late is found", async () => {
    inject.enqueueDelayMs = 600;
    const id = await send("Level", 7);
    await waitFor("the late item", async () => (await other.getQueue(valve)).getTotalCount() === 1);
    inject.enqueueDelayMs = 0;
    await becomes(world, id, "queued");
    await world.deliver(id);
    assert.deepEqual(received(), ["07"]);
  });

  await t.step("its answer to Enqueue is lost: what is in the queue is recognised, and not sent twice", async () => {
    inject.loseEnqueueAnswers = true;
    const id = await send("Level", 4);
    await waitFor("the item", async () => (await other.getQueue(valve)).getTotalCount() === 1);
    await becomes(world, id, "queued");
    inject.loseEnqueueAnswers = false;
    await world.deliver(id);
    assert.deepEqual(received(), ["04"]);
  });
});

Deno.test("commands whose Enqueue was never answered, and whose item is gone or one of several", async (t) => {
  await using world = await CommandsWorld.open({ chirpstack: { timeout: 0.4 } });
  using other = new ChirpStackClient(world.simulator.url, API_TOKEN);
  const send = await senderOf(world);
  const received = recordOf(world);
  const { inject } = world.simulator;

  await t.step("its answer is lost, and the device fetches it meanwhile", async () => {
    inject.loseEnqueueAnswers = true;
    const id = await send("Level", 5);
    await waitFor("the item", async () => (await other.getQueue(valve)).getTotalCount() === 1);
    world.uplink();
    world.uplink();
    inject.loseEnqueueAnswers = false;
    await becomes(world, id, "acked");
    assert.deepEqual(received(), ["05"]);
  });

  await t.step(
    "its answer is lost, and somebody else sends the same: nobody can say, and it is not sent again",
    async () => {
      inject.loseEnqueueAnswers = true;
      const id = await send("Level", 6);
      await waitFor("the item", async () => (await other.getQueue(valve)).getTotalCount() === 1);
      other.deadlineMs = 2000;
      const unanswered = other.enqueue(valve, { fPort: 3, confirmed: true, data: Uint8Array.of(6) }).catch(() => {});
      other.deadlineMs = 10_000;
      await waitFor("the other's item", async () => (await other.getQueue(valve)).getTotalCount() === 2);
      inject.loseEnqueueAnswers = false;
      await becomes(world, id, "unknown");
      await unanswered;
      for (let n = 0; n < 4; n++) world.uplink();
      // one was sent here, one by somebody else
      assert.deepEqual(received(), ["06", "06"]);
    },
  );
});

Deno.test("commands in mode poll", async (t) => {
  await using world = await CommandsWorld.open({ chirpstack: { mode: "poll" } });
  const send = await senderOf(world);

  await t.step("an unconfirmed one is seen to leave the queue", async () => {
    const id = await send("Mode", 1);
    await becomes(world, id, "queued");
    world.uplink();
    const sent = await becomes(world, id, "transmitted");
    assert.match(sent.detail ?? "", /without an event stream/);
  });

  await t.step("of a confirmed one nobody learns whether the device took it", async () => {
    const id = await send("Hasty", 1);
    await becomes(world, id, "queued");
    world.uplink();
    await becomes(world, id, "transmitted");
    world.uplink();
    await becomes(world, id, "timed_out");
    assert.deepEqual(world.received(), ["01", "01"]);
  });
});
