import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { AlarmWorld, DEVICE, limitAlarm, operator } from "../../tests/lib/alarm_world.ts";
import { tagDefinition } from "../../tests/lib/tag_definition.ts";
import { waitFor } from "../../tests/lib/wait_for.ts";
import { Quality } from "../tags/quality.ts";
import { tagId, tagUpdate } from "../tags/tag.ts";
import type { AlarmEvent, JournalCursor, JournalQuery } from "./alarms.ts";

const LEVEL = `${DEVICE}/level/$alarm`;

/** Alarms of so many tags, none of them active. */
function many(count: number, dataDir?: string): AlarmWorld {
  const names = Array.from({ length: count }, (_, n) => `m${n}`);
  return new AlarmWorld({
    tags: names.map((name) => tagDefinition({ group: DEVICE, name })),
    definitions: names.map((name) => {
      const id = tagId(DEVICE, name);
      return limitAlarm({ id: `${id}/$alarm`, tagId: id, name });
    }),
    ...(dataDir === undefined ? {} : { dataDir }),
  });
}

/** All pages of a query. */
function pages(world: AlarmWorld, query: JournalQuery): AlarmEvent[] {
  const all: AlarmEvent[] = [];
  let after: JournalCursor | null = query.after ?? null;
  do {
    const page = world.alarms.journal({ ...query, ...(after === null ? {} : { after }) });
    assert.ok(page.events.length <= query.limit);
    all.push(...page.events);
    after = page.next;
  } while (after !== null);
  return all;
}

Deno.test("the journal is read by time from either end, in pages that neither repeat nor leave out", async () => {
  await using world = many(3);
  // samples that come late from different devices: times do not go up with the numbers
  const startUs = world.nowUs;
  for (let i = 0; i < 60; i++) {
    world.nowUs += 1000;
    const tag = `m${i % 3}`;
    world.set({ [tag]: i % 2 === 0 ? 35 : 10 }, Quality.Good, startUs + (i % 3) * 20_000 + Math.floor(i / 3) * 700);
  }
  const all = pages(world, { fromUs: null, toUs: null, direction: "forward", limit: 1000 });
  assert.ok(all.length > 20);
  assert.ok(all.some(({ sequence }, index) => sequence < (all[index - 1]?.sequence ?? 0)));
  const time = fc.option(fc.integer({ min: 0, max: 60_000 }).map((us) => startUs + us));
  fc.assert(fc.property(
    time,
    time,
    fc.constantFrom("forward" as const, "reverse" as const),
    fc.integer({ min: 1, max: 12 }),
    fc.constantFrom(undefined, `${DEVICE}/m1`),
    fc.constantFrom(undefined, `${DEVICE}/m2/$alarm`),
    (fromUs, toUs, direction, limit, source, id) => {
      const named = { ...(source === undefined ? {} : { source }), ...(id === undefined ? {} : { id }) };
      const expected = all.filter(({ alarm }) =>
        (fromUs === null || alarm.timeUs >= fromUs) && (toUs === null || alarm.timeUs <= toUs) &&
        (source === undefined || alarm.source === source) && (id === undefined || alarm.id === id)
      );
      if (direction === "reverse") expected.reverse();
      assert.deepEqual(pages(world, { fromUs, toUs, direction, limit, ...named }), expected);
    },
  ));
});

Deno.test("events that wait for a disk that refuses are told, listed, and stored when it takes them", async () => {
  const dataDir = await Deno.makeTempDir();
  const path = join(dataDir, "alarms.db");
  // a folder in the way of the file refuses even root
  await Deno.mkdir(path);
  try {
    {
      await using world = many(2, dataDir);
      const fault = () => world.faults.list().find(({ code }) => code === "alarm_store_unwritable");
      assert.match(fault()?.detail ?? "", /alarms\.db/);
      assert.equal(world.alarm("Gateway/$alarm/AlarmStorage").active, true);
      world.set({ m0: 35 });
      assert.equal(world.alarm(`${DEVICE}/m0/$alarm`).active, true);
      await world.told();
      assert.deepEqual(world.events.map(({ cause }) => cause), ["active", "active"]);
      assert.equal(world.journal().length, 2);
      await Deno.remove(path);
      await waitFor("the disk to take it", () => fault() === undefined);
      assert.equal(world.journal().length, 2);
      assert.equal(world.events.length, 2, "nothing is told twice");
    }
    await using world = many(2, dataDir);
    assert.equal(world.alarm(`${DEVICE}/m0/$alarm`).active, true);
    // these tags were not restored: the value is not known any more
    assert.deepEqual(world.journal().map(({ cause }) => cause), ["active", "active", "quality"]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("events from before the file could be opened come behind those in it", async () => {
  const dataDir = await Deno.makeTempDir();
  const path = join(dataDir, "alarms.db");
  try {
    {
      await using world = many(2, dataDir);
      world.set({ m0: 35 });
    }
    await Deno.rename(path, `${path}.away`);
    await Deno.mkdir(path);
    await using world = many(2, dataDir);
    world.nowUs += 1000;
    world.set({ m1: 35 });
    await Deno.remove(path);
    await Deno.rename(`${path}.away`, path);
    await waitFor("the disk to take it", () => world.faults.list().length === 0);
    const events = world.journal();
    assert.deepEqual(events.map(({ sequence }) => sequence), [1, 2, 3, 4]);
    assert.deepEqual(
      [events[3]?.cause, events[3]?.alarm.name],
      ["quality", "m0"],
      "what it was is known, not what it is",
    );
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("a damaged file is set aside byte for byte, and a new one holds the states", async () => {
  const dataDir = await Deno.makeTempDir();
  const path = join(dataDir, "alarms.db");
  try {
    const garbage = crypto.getRandomValues(new Uint8Array(20_000));
    await Deno.writeFile(path, garbage);
    {
      await using world = new AlarmWorld({ dataDir });
      assert.ok(world.faults.list().some(({ code }) => code === "alarm_store_damaged"));
      const [aside = ""] = readdirSync(dataDir).filter((name) => name.includes(".corrupt-"));
      assert.deepEqual(await Deno.readFile(join(dataDir, aside)), garbage);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      world.set({ level: 50 });
    }
    await using world = new AlarmWorld({ dataDir });
    assert.equal(world.alarm(LEVEL).active, true);
    assert.ok(!world.faults.list().some(({ code }) => code === "alarm_store_damaged"));
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("a file that is damaged while it is in use is replaced, and every state is kept", async () => {
  await using world = many(200);
  const path = join(world.dataDir, "alarms.db");
  const raise = (value: number) =>
    world.set(Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`m${n}`, value])));
  raise(35);
  await world.told();
  await world.restart();
  const file = await Deno.open(path, { write: true });
  const { size } = await file.stat();
  // everything behind the first page
  await file.seek(4096, Deno.SeekMode.Start);
  await file.write(new Uint8Array(size - 4096).fill(0x5a));
  file.close();
  const acknowledge = () => world.alarms.acknowledge({ id: `${DEVICE}/m7/$alarm`, by: operator });
  assert.ok(acknowledge().ok);
  await waitFor("the file to be replaced", () => {
    world.journal();
    return world.faults.list().some(({ code }) => code === "alarm_store_damaged");
  });
  assert.ok(readdirSync(world.dataDir).some((name) => name.includes(".corrupt-")));
  await world.restart();
  assert.equal(world.alarms.list().filter(({ kind, active }) => kind === "limit" && active).length, 200);
  assert.equal(world.alarm(`${DEVICE}/m7/$alarm`).acknowledged, true);
});

Deno.test("a file of a newer program is set aside, not changed", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    {
      await using world = new AlarmWorld({ dataDir });
      world.set({ level: 50 });
    }
    const db = new DatabaseSync(join(dataDir, "alarms.db"));
    db.exec("PRAGMA user_version = 99");
    db.close();
    await using world = new AlarmWorld({ dataDir });
    assert.match(world.faults.list().map(({ detail }) => detail).join(), /newer version/);
    assert.equal(world.alarm(LEVEL).active, false);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("a storm of alarms is stored and told in order", async () => {
  await using world = many(2000);
  const batch = Array.from({ length: 2000 }, (_, n) => {
    const tag = world.tags.get(tagId(DEVICE, `m${n}`));
    assert.ok(tag !== undefined);
    return tagUpdate(tag, 35, world.nowUs);
  });
  world.tags.update(batch);
  await waitFor("all to be told", () => world.events.length === 2000);
  assert.deepEqual(world.events.map(({ sequence }) => sequence), Array.from({ length: 2000 }, (_, n) => n + 1));
  assert.deepEqual(world.journal().length, 2000);
});
