import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { CommandWorld, DEVICE } from "../../tests/lib/command_world.ts";

const DAY = 86_400_000;

Deno.test("the file is for the gateway's user alone, and every write is on the disk before it counts", async () => {
  await using world = new CommandWorld();
  await world.sent(1);
  for (const name of ["", "-wal", "-shm"]) assert.equal((Deno.statSync(world.path + name).mode ?? 0) & 0o777, 0o600);
  const db = new DatabaseSync(world.path, { readOnly: true });
  assert.deepEqual({ ...db.prepare("PRAGMA journal_mode").get() }, { journal_mode: "wal" });
  db.close();
});

Deno.test("states, steps and open commands survive a kill", async () => {
  await using world = new CommandWorld();
  world.connect();
  const first = await world.sent(1, { command: "Confirmed", idempotencyKey: "k" });
  const second = await world.sent(2);
  await world.clock.advance(10);
  const before = [world.commands.get(first.id), world.commands.steps(first.id), world.commands.get(second.id)];
  await world.kill();
  assert.deepEqual(
    [world.commands.get(first.id), world.commands.steps(first.id), world.commands.get(second.id)],
    before,
  );
  assert.deepEqual(world.commands.counts(), { open: 2, unknown: 0 });
  world.connect();
  world.field.transmit(DEVICE);
  world.field.answer(DEVICE, "ack");
  await world.clock.advance(10);
  assert.deepEqual([world.state(first.id), world.state(second.id)], ["acked", "queued"]);
});

Deno.test("a disk that refuses: commands are refused, nothing is sent, and what was decided is stored later", async () => {
  await using world = new CommandWorld();
  world.connect();
  const first = await world.sent(1);
  await world.clock.advance(10);
  const refuse = () => {
    throw new Error("database or disk is full");
  };
  world.onWrite = refuse;
  const answer = await world.send(2);
  assert.ok(!answer.ok && answer.reason === "unavailable");
  assert.deepEqual(world.faults.list().map(({ code }) => code), ["command_store_failed"]);
  world.field.transmit(DEVICE);
  assert.equal(world.state(first.id), "queued");
  await world.clock.advance(60_000);
  world.onWrite = () => {};
  await world.clock.advance(5_000);
  assert.equal(world.state(first.id), "transmitted");
  assert.deepEqual(world.faults.list(), []);

  const waiting = await world.sent(3);
  world.onWrite = (what) => what === "intend" ? refuse() : undefined;
  await world.clock.advance(60_000);
  assert.equal(world.field.accepted.get(DEVICE)?.length, 1);
  world.onWrite = () => {};
  await world.clock.advance(60_000);
  assert.equal(world.state(waiting.id), "queued");
});

Deno.test("a damaged file is set aside, never deleted, and a new one takes its place", async () => {
  await using world = new CommandWorld();
  await world.sent(1);
  await world.commands.stop();
  Deno.writeTextFileSync(world.path, "this is no database, however long one looks at it ".repeat(200));
  world.restart();
  assert.deepEqual(world.faults.list().map(({ code }) => code), ["command_store_damaged"]);
  const aside = [...Deno.readDirSync(world.folder)].map(({ name }) => name).find((name) => name.includes(".corrupt-"));
  assert.ok(aside !== undefined);
  assert.match(Deno.readTextFileSync(`${world.folder}/${aside}`), /^this is no database/);
  world.connect();
  const next = await world.sent(2);
  await world.clock.advance(10);
  assert.equal(world.state(next.id), "queued");
});

Deno.test("a page in the middle of the file that was damaged is found at the start", async () => {
  await using world = new CommandWorld({ config: { max_pending_per_device: 1000, max_per_minute: 10_000 } });
  for (let n = 1; n <= 200; n++) await world.sent(n);
  await world.commands.stop();
  const bytes = Deno.readFileSync(world.path);
  for (let page = 4; page * 4096 < bytes.length; page++) bytes.fill(0xff, page * 4096, page * 4096 + 64);
  Deno.writeFileSync(world.path, bytes);
  world.restart();
  assert.deepEqual(world.faults.list().map(({ code }) => code), ["command_store_damaged"]);
  assert.ok((await world.send(1)).ok);
});

Deno.test("while the file cannot be opened commands are refused; when it can, it is", async () => {
  await using world = new CommandWorld();
  await world.commands.stop();
  Deno.removeSync(world.path);
  Deno.mkdirSync(world.path);
  world.restart();
  assert.deepEqual(world.faults.list().map(({ code }) => code), ["command_store_failed"]);
  const answer = await world.send(1);
  assert.ok(!answer.ok && answer.reason === "unavailable");
  assert.deepEqual([world.commands.list({ limit: 1 }), world.commands.get("x"), world.commands.steps("x")], [
    [],
    undefined,
    [],
  ]);
  Deno.removeSync(world.path);
  await world.clock.advance(60_000);
  assert.deepEqual(world.faults.list(), []);
  assert.ok((await world.send(1)).ok);
});

Deno.test("commands that ended are deleted after their time, in small steps; open ones stay", async () => {
  await using world = new CommandWorld({
    config: { retention_days: 7, max_per_minute: 10_000, max_pending_per_device: 1000 },
  });
  for (let n = 1; n <= 450; n++) await world.sent(n);
  await world.clock.advance(601_000);
  assert.equal(world.commands.list({ limit: 1000, open: false }).length, 450);
  await world.clock.advance(7 * DAY - 61_000);
  assert.equal(world.commands.list({ limit: 1000 }).length, 450);
  const counts: number[] = [];
  for (let turn = 0; turn < 8; turn++) {
    await world.clock.advance(turn === 0 ? 120_000 : 1_000);
    counts.push(world.commands.list({ limit: 1000 }).length);
  }
  assert.ok(counts.includes(250) && counts.at(-1) === 0, `${counts}`);
});
