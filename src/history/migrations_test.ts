import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { migrate, type Migration, migrations, NewerSchemaError, versionOf } from "./migrations.ts";

const steps: Migration[] = [
  { name: "one", up: (db) => db.exec("CREATE TABLE one (n)") },
  {
    name: "two",
    up(db, progress) {
      db.exec("CREATE TABLE two (n)");
      for (let done = 0; done <= 10; done++) progress(done, 10);
      db.exec("INSERT INTO two SELECT n FROM one");
    },
  },
];

function tables(db: DatabaseSync): string[] {
  return db.prepare("SELECT name FROM sqlite_schema ORDER BY name").all().map(({ name }) => String(name));
}

Deno.test("a new file gets all steps, an older one those it lacks, and each only once", () => {
  const db = new DatabaseSync(":memory:");
  migrate(db, steps.slice(0, 1));
  assert.equal(versionOf(db), 1);
  db.exec("INSERT INTO one VALUES (7)");
  migrate(db, steps);
  migrate(db, steps);
  assert.deepEqual([versionOf(db), tables(db)], [2, ["one", "two"]]);
  assert.equal(Number(db.prepare("SELECT n FROM two").get()?.n), 7);
  db.close();
});

Deno.test("an upgrade says which file it changes, a new file says nothing", async () => {
  const folder = await Deno.makeTempDir();
  const told: LogRecord[] = [];
  await configure({
    sinks: { told: (record) => void told.push(record) },
    loggers: [{ category: "edgekeep", sinks: ["told"] }, { category: ["logtape", "meta"], lowestLevel: "fatal" }],
    reset: true,
  });
  const db = new DatabaseSync(join(folder, "alarms.db"));
  try {
    migrate(db, steps.slice(0, 1));
    assert.deepEqual(told.filter(({ message }) => message.join("").startsWith("Bringing")), []);
    migrate(db, steps);
    assert.equal(told.at(0)?.message.join(""), "Bringing alarms.db from schema 1 to 2: two");
  } finally {
    db.close();
    await reset();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a step that fails leaves the file as it was before it", () => {
  const db = new DatabaseSync(":memory:");
  const broken: Migration = {
    name: "broken",
    up(db) {
      db.exec("CREATE TABLE half (n)");
      throw new Error("The power went");
    },
  };
  assert.throws(() => migrate(db, [...steps, broken]), /The power went/);
  assert.deepEqual([versionOf(db), tables(db)], [2, ["one", "two"]]);
  migrate(db, [...steps, { name: "mended", up: (db) => db.exec("CREATE TABLE three (n)") }]);
  assert.deepEqual([versionOf(db), tables(db)], [3, ["one", "three", "two"]]);
  db.close();
});

Deno.test("a file that is ahead of the program is refused", () => {
  const db = new DatabaseSync(":memory:");
  db.exec("PRAGMA user_version = 3");
  assert.throws(() => migrate(db, steps), NewerSchemaError);
  assert.equal(versionOf(db), 3);
  db.close();
});

Deno.test("the schema says what each file is", () => {
  const db = new DatabaseSync(":memory:");
  migrate(db);
  assert.equal(versionOf(db), migrations.length);
  assert.equal(Number(db.prepare("PRAGMA application_id").get()?.application_id).toString(16), "45444b50");
  assert.deepEqual(tables(db).filter((name) => !name.startsWith("sqlite_")), [
    "block",
    "block_by_time",
    "journal",
    "meta",
    "rollup",
    "rollup_due",
    "series",
  ]);
  db.close();
});
