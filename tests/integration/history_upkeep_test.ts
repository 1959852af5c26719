import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type Tag, type TagId, tagUpdate } from "../../src/tags/tag.ts";
import { DAY_US, HistoryFixture, historyTag, HOUR_US, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { waitFor } from "../lib/wait_for.ts";

/** A row each ten minutes from day `from` to before day `to`. */
function ingestDays({ tags, clock, history }: HistoryFixture, from: number, to: number): void {
  for (let t = T0 + from * DAY_US; t < T0 + to * DAY_US; t += 600 * SECOND_US) {
    clock.nowUs = t;
    tags.update([...tags.list()].map((tag, i) => tagUpdate(tag, (t - T0) / SECOND_US + i, t)));
  }
  history.writer.flush();
}

async function times({ history }: HistoryFixture, tagId: TagId): Promise<number[]> {
  const page = await history.queries.readRaw({ tagId, fromUs: null, toUs: null, direction: "forward", limit: 1e6 });
  return [...page.timesUs];
}

/** A value of the first row of a query on the file itself. */
function inFile(path: string, sql: string): number {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return Number(Object.values(db.prepare(sql).get() ?? {})[0]);
  } finally {
    db.close();
  }
}

Deno.test("retention deletes whole days that are too old, tag by tag, and keeps their rollups longer", async () => {
  const definitions = [
    historyTag({ name: "short", retentionDays: 7 }),
    historyTag({ name: "long", retentionDays: 30 }),
    historyTag({ name: "gone", retentionDays: 10 }),
  ];
  await using fixture = await HistoryFixture.open({ definitions, storage: { rollup_retention_days: 25 } });
  const { history, tags } = fixture;
  ingestDays(fixture, 0, 12.5);
  const gone = (tags.get(definitions[2]?.id as TagId) as Tag).id;
  tags.define(definitions.slice(0, 2));
  await history.tidy();
  const [short, long] = [...tags.list()] as [Tag, Tag];
  // now is day 12 at noon: the newest day that may go is day 4
  assert.equal((await times(fixture, short.id))[0], T0 + 5 * DAY_US);
  assert.equal(
    (await times(fixture, gone))[0],
    T0 + 2 * DAY_US,
    "a tag that is not configured keeps its own retention",
  );
  assert.equal((await times(fixture, long.id))[0], T0);
  assert.equal(history.writer.status().rowsPruned, (5 + 2) * 144);
  const span = { tagId: short.id, fromUs: T0, toUs: T0 + 12 * DAY_US, bucketUs: DAY_US };
  const days = await history.queries.readBuckets(span);
  assert.deepEqual(days.map(({ count }) => count), new Array(12).fill(144));
  assert.deepEqual([days[1]?.min, days[1]?.max, days[1]?.first], [86_400, 172_200, 86_400]);

  ingestDays(fixture, 12.5, 32);
  await history.tidy();
  await fixture.restart();
  assert.equal((await times(fixture, short.id))[0], T0 + 24 * DAY_US);
  assert.equal((await times(fixture, long.id))[0], T0 + 1 * DAY_US);
  const later = await history.queries.readBuckets({ ...span, toUs: T0 + 32 * DAY_US }).catch(() => null);
  assert.equal(later, null, "the queries of a stopped history refuse");
  const kept = await fixture.history.queries.readBuckets({ ...span, toUs: T0 + 32 * DAY_US });
  assert.deepEqual(kept.map(({ count }) => count), [...new Array(6).fill(0), ...new Array(26).fill(144)]);
});

Deno.test("a clock that jumps ahead deletes nothing that was measured last", async () => {
  await using fixture = await HistoryFixture.open({ definitions: [historyTag({ retentionDays: 7 })] });
  ingestDays(fixture, 0, 3);
  fixture.clock.nowUs += 4000 * DAY_US;
  await fixture.history.tidy();
  assert.equal((await times(fixture, fixture.tag.id)).length, 3 * 144);
});

Deno.test("space that retention frees is used again, and given back when it is much", async () => {
  const text = (retentionDays: number) => historyTag({ type: "String", dataType: "String", retentionDays });
  await using fixture = await HistoryFixture.open({ definitions: [text(250)] });
  const { history, tag, tags, clock, path } = fixture;
  const pages = () => inFile(path, "SELECT page_count FROM pragma_page_count");
  const fill = async (from: number, to: number) => {
    for (let n = from; n < to; n++) {
      clock.nowUs = T0 + n * HOUR_US;
      tags.update([tagUpdate(tag, `${n} ${"x".repeat(3000)}`, clock.nowUs)]);
    }
    await history.tidy();
  };
  await fill(0, 6000);
  const full = pages();
  for (let n = 6000; n < 9000; n += 500) await fill(n, n + 500);
  assert.ok(pages() < full * 1.15, `the file keeps its size: ${full} pages, then ${pages()}`);
  tags.define([text(7)]);
  await fill(9000, 9001);
  assert.ok(pages() < full / 2, `the file shrinks: ${full} pages, then ${pages()}`);
  assert.equal((await times(fixture, tag.id)).length, 9001 - Math.floor((9000 - 7 * 24) / 24) * 24);
});

Deno.test("the rollup of a day is built when it is over, and again when a late sample comes", async () => {
  await using fixture = await HistoryFixture.open();
  const { history, tag, tags, path } = fixture;
  ingestDays(fixture, 0, 2.5);
  await history.tidy();
  const rollups = () => inFile(path, "SELECT count(*) FROM rollup");
  assert.equal(rollups(), 2, "today has none yet");
  assert.equal(inFile(path, "SELECT count(*) FROM rollup_due"), 1);
  const day = { tagId: tag.id, fromUs: T0, toUs: T0 + DAY_US, bucketUs: DAY_US };
  assert.equal((await history.queries.readBuckets(day))[0]?.max, 85_800);
  tags.update([tagUpdate(tag, 1e6, T0 + HOUR_US + 1)]);
  history.writer.flush();
  assert.equal(inFile(path, "SELECT count(*) FROM rollup_due"), 2);
  assert.equal((await history.queries.readBuckets(day))[0]?.max, 1e6, "until then the rows themselves are read");
  await history.tidy();
  assert.equal(inFile(path, "SELECT count(*) FROM rollup_due"), 1);
  assert.deepEqual(
    await history.queries.readBuckets(day).then(([bucket]) => [bucket?.count, bucket?.max]),
    [145, 1e6],
  );
});

Deno.test("rows leave memory for blocks by themselves when there are many", async () => {
  await using fixture = await HistoryFixture.open({ storage: { flush_ms: 10 } });
  const { tag, tags, clock, path } = fixture;
  for (let n = 0; n < 20_000; n++) {
    clock.nowUs = T0 + n * SECOND_US;
    tags.update([tagUpdate(tag, n, clock.nowUs)]);
  }
  await waitFor("the packing", () => inFile(path, "SELECT coalesce(sum(rows), 0) FROM block") === 20_000);
  await waitFor("an empty journal", () => inFile(path, "SELECT count(*) FROM journal") === 0);
  const found = await times(fixture, tag.id);
  assert.equal(found.length, 20_000);
});

Deno.test("the log is moved into the file without the writer's help", async () => {
  await using fixture = await HistoryFixture.open({ storage: { flush_ms: 10 } });
  const { tags, tag, clock, path, history } = fixture;
  for (let n = 0; n < 1200; n++) {
    clock.nowUs = T0 + n * SECOND_US;
    tags.update([tagUpdate(tag, n, clock.nowUs)]);
    history.writer.flush();
  }
  const logBytes = () => Deno.statSync(`${path}-wal`).size;
  const before = logBytes();
  assert.ok(before > 1_000_000, `${before} bytes`);
  const main = Deno.statSync(path).size;
  await waitFor("the checkpoint", () => Deno.statSync(path).size > main);
  // the file grows before the last page is in it
  using db = new DatabaseSync(path);
  await waitFor("the end of the checkpoint", () => {
    const { busy, log, checkpointed } = db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get() ?? {};
    return busy === 0 && log === checkpointed;
  });
  // from now on the log is written from its begin again
  for (let n = 1200; n < 1300; n++) {
    clock.nowUs = T0 + n * SECOND_US;
    tags.update([tagUpdate(tag, n, clock.nowUs)]);
    history.writer.flush();
  }
  assert.ok(logBytes() <= before, `${logBytes()} bytes, ${before} before`);
});
