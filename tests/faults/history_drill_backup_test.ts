import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, historyTag, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { waitFor } from "../lib/wait_for.ts";

const definitions = ["a", "b", "c"].map((name) => historyTag({ name }));

function valueOf(tag: number, n: number): number {
  return Math.sin(n * 3 + tag) * 1000;
}

/** Stores row `n` of every tag. */
function store({ tags, clock }: HistoryFixture, n: number): void {
  clock.nowUs = T0 + n * SECOND_US;
  tags.update([...tags.list()].map((tag, i) => tagUpdate(tag, valueOf(i, n), clock.nowUs)));
}

/** How many rows each tag has in a copy; they are the first ones, without a gap, and SQLite finds the copy sound. */
async function rowsInCopy(path: string): Promise<number[]> {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    assert.deepEqual(Object.values(db.prepare("PRAGMA integrity_check").get() ?? {}), ["ok"]);
  } finally {
    db.close();
  }
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-copy-" });
  try {
    Deno.copyFileSync(path, join(dir, "history.db"));
    await using copy = await HistoryFixture.open({ dir, definitions });
    const counts: number[] = [];
    for (const [i, tag] of [...copy.tags.list()].entries()) {
      const query = { tagId: tag.id, fromUs: null, toUs: null, direction: "forward", limit: 100_000 } as const;
      const { count, timesUs, values } = await copy.history.queries.readRaw(query);
      for (let n = 0; n < count; n++) {
        assert.deepEqual([timesUs[n], values[n]], [T0 + n * SECOND_US, valueOf(i, n)]);
      }
      counts.push(count);
    }
    assert.deepEqual(copy.faults.list(), []);
    return counts;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function modeOf(path: string): string {
  return ((Deno.statSync(path).mode ?? 0) & 0o777).toString(8);
}

Deno.test("a backup while samples come in holds all that was stored when it began", async () => {
  await using fixture = await HistoryFixture.open({ definitions, storage: { flush_ms: 1 } });
  const { history, dir } = fixture;
  let n = 0;
  for (; n < 4000; n++) store(fixture, n);
  await history.tidy();
  for (; n < 5000; n++) store(fixture, n);

  for (const name of ["first.db", "second.db"]) {
    const path = join(dir, "backup", name);
    const before = n;
    let running = true;
    const backup = history.queries.backup(path).finally(() => running = false);
    while (running) {
      for (let i = 0; i < 20; i++) store(fixture, n++);
      history.writer.flush();
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert.equal(await backup, Deno.statSync(path).size);
    assert.ok(n > before, "samples came in meanwhile");
    const counts = await rowsInCopy(path);
    assert.ok(counts.every((count) => count >= before && count <= n), `${counts.join()} of ${before} to ${n}`);
    assert.equal(modeOf(path), "600");
  }
  assert.deepEqual([...Deno.readDirSync(join(dir, "backup"))].map(({ name }) => name).sort(), [
    "first.db",
    "second.db",
  ]);
  for (const suffix of ["", "-wal", "-shm"]) assert.equal(modeOf(fixture.path + suffix), "600", suffix);
  assert.equal(modeOf(join(dir, "backup")), "700");
  await assert.rejects(() => history.queries.backup(join(dir, "elsewhere.db")), RangeError);
});

Deno.test("scheduled backups: the newest are kept, files of other names stay", async () => {
  const keep = 2;
  await using fixture = await HistoryFixture.open({
    definitions,
    // a fraction of an hour: the schedule of days takes its steps in a quarter of a second
    storage: { backup_interval_hours: 0.25 / 3600, backup_keep: keep, flush_ms: 1 },
  });
  const { dir, history, clock } = fixture;
  const folder = join(dir, "backup");
  const backups = () => [...Deno.readDirSync(folder)].map(({ name }) => name).filter((n) => /^history-.*\.db$/.test(n));
  Deno.writeTextFileSync(join(folder, "mine.db"), "not a scheduled one");
  const seen = new Set<string>();
  for (let n = 0; seen.size < 4; n++) {
    store(fixture, n);
    const { lastBackupUs } = history.writer.status();
    // the next one: names go by the second
    await waitFor("a backup", () => (history.writer.status().lastBackupUs ?? 0) > (lastBackupUs ?? 0) || n === 0);
    for (const name of backups()) seen.add(name);
  }
  // from then on the clock stands still, and with it the names
  await waitFor("the last backup", () => history.writer.status().lastBackupUs === clock.nowUs);
  await waitFor("the oldest to go", () => backups().length <= keep);
  const newest = backups().sort();
  assert.equal(newest.length, keep);
  assert.ok([...seen].every((name) => name <= (newest.at(-1) as string)));
  await fixture.stop();
  for (const name of backups()) {
    assert.equal(modeOf(join(folder, name)), "600");
    assert.ok((await rowsInCopy(join(folder, name))).every((count) => count > 0));
  }
  assert.equal(Deno.readTextFileSync(join(folder, "mine.db")), "not a scheduled one");
  assert.deepEqual(fixture.faults.list(), []);
});
