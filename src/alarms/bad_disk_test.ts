import assert from "node:assert/strict";
import { AlarmWorld, DEVICE, limitAlarm, operator } from "../../tests/lib/alarm_world.ts";
import { requires } from "../../tests/lib/requires.ts";
import { fillDisk, withSmallDisk } from "../../tests/lib/small_disk.ts";
import { waitFor } from "../../tests/lib/wait_for.ts";

const id = `${DEVICE}/level/$alarm`;

Deno.test({
  name: "a disk that is full, and full at a start: alarms work, and what people did is not undone by its recovery",
  ...requires("root"),
  fn: () =>
    withSmallDisk("size=1m", async ({ dir }) => {
      await using world = new AlarmWorld({ dataDir: dir, definitions: [limitAlarm()] });
      world.set({ level: 35 });
      assert.ok(world.alarms.acknowledge({ id, by: operator }).ok);
      assert.ok(world.alarms.shelve({ id, by: operator }, 3_600_000).ok);
      await world.told();
      const giveBack = await fillDisk(dir);
      for (let turn = 0; turn < 40; turn++) {
        world.nowUs += 1000;
        world.set({ level: turn % 2 === 0 ? 10 : 35 });
      }
      assert.ok(world.alarms.acknowledge({ id, by: operator }).ok, "people can still answer");
      await waitFor("the fault", () => world.faults.list().some(({ code }) => code === "alarm_store_unwritable"));
      await world.told();
      await world.restart();
      const full = world.alarm();
      assert.equal(full.active, true);
      await giveBack();
      world.nowUs += 1000;
      world.set({ level: 45 });
      await waitFor(
        "the fault to go",
        () => world.faults.list().every(({ code }) => code !== "alarm_store_unwritable"),
        {
          deadlineMs: 20_000,
        },
      );
      const before = world.alarm();
      await world.restart();
      assert.deepEqual(world.alarm(), before);
      const sequences = world.journal().map(({ sequence }) => sequence);
      assert.deepEqual(sequences, [...new Set(sequences)].toSorted((a, b) => a - b));
    }),
});

Deno.test("a file that cannot be opened at the start: when it can, what people did before counts", async () => {
  await using world = new AlarmWorld();
  world.set({ level: 10 });
  assert.ok(world.alarms.shelve({ id, by: operator, comment: "pump is out" }, 3_600_000).ok);
  assert.ok(world.alarms.disable({ id: "Gateway/$alarm/UserStorage", by: operator }).ok);
  await world.told();
  const before = world.alarm();
  await world.alarms.stop();
  // a folder in the place of the file cannot be opened
  const path = `${world.dataDir}/alarms.db`;
  await Deno.rename(path, `${path}.away`);
  await Deno.mkdir(path);
  await world.restart();
  assert.ok(world.faults.list().some(({ code }) => code === "alarm_store_unwritable"));
  assert.equal(world.alarm().shelving.kind, "unshelved", "nobody knows");
  let told = 0;
  world.alarms.onDefinitions(() => told++);
  await Deno.remove(path);
  await Deno.rename(`${path}.away`, path);
  await waitFor("the fault to go", () => world.faults.list().every(({ code }) => code !== "alarm_store_unwritable"), {
    deadlineMs: 20_000,
  });
  assert.deepEqual(world.alarm(), before);
  assert.equal(world.alarms.get("Gateway/$alarm/UserStorage")?.enabled, false);
  assert.equal(told, 1, "whoever shows them looks again");
  await world.pass(3_601);
  assert.equal(world.alarm().shelving.kind, "unshelved", "its end is waited for");
  await world.told();
  const sequences = world.journal().map(({ sequence }) => sequence);
  assert.equal(new Set(sequences).size, sequences.length);
});
