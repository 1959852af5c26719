import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { RawQuery } from "../../src/history/history.ts";
import { type Tag, type TagId, tagUpdate } from "../../src/tags/tag.ts";
import { DAY_US, HistoryFixture, historyTag, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { waitFor } from "../lib/wait_for.ts";

/** One row a second for each tag, values that need many bytes. */
function ingest({ tags, clock, history }: HistoryFixture, from: number, to: number): void {
  const list = [...tags.list()];
  for (let n = from; n < to; n++) {
    clock.nowUs = T0 + n * SECOND_US;
    tags.update(list.map((tag, i) => tagUpdate(tag, Math.sin(n + i), clock.nowUs)));
  }
  history.writer.flush();
}

const all = (tagId: TagId): RawQuery => ({ tagId, fromUs: null, toUs: null, direction: "forward", limit: 1_000_000 });

Deno.test("a tag without history gives an empty page and empty buckets", async () => {
  await using fixture = await HistoryFixture.open();
  const { queries } = fixture.history;
  const page = await queries.readRaw(all("0011223344556677/nothing" as TagId));
  assert.deepEqual([page.count, page.timesUs.length, page.next], [0, 0, null]);
  const buckets = await queries.readBuckets({ tagId: fixture.tag.id, fromUs: T0, toUs: T0 + 10, bucketUs: 5_000_000 });
  assert.deepEqual(buckets, [{
    startUs: T0,
    endUs: T0 + 10,
    count: 0,
    min: null,
    max: null,
    mean: null,
    first: null,
    last: null,
    goodShare: 0,
    goodSeconds: 0,
  }]);
});

Deno.test("queries out of their limits are refused in words", async () => {
  await using fixture = await HistoryFixture.open();
  const { queries } = fixture.history;
  const tagId = fixture.tag.id;
  for (const limit of [0, -1, 1.5, 1_000_001, NaN]) {
    await assert.rejects(queries.readRaw({ ...all(tagId), limit }), /'limit' must be 1 to 1000000: current value is/);
  }
  const buckets = { tagId, fromUs: T0, toUs: T0 + DAY_US, bucketUs: SECOND_US };
  await assert.rejects(queries.readBuckets({ ...buckets, bucketUs: 999_999 }), /at least 1 s/);
  await assert.rejects(queries.readBuckets({ ...buckets, toUs: T0 }), /longer than 0/);
  await assert.rejects(queries.readBuckets({ ...buckets, toUs: T0 + 2 * DAY_US }), /at most 100000 buckets/);
  await assert.rejects(queries.backup(join(fixture.dir, "elsewhere.db")), /is not in/);
  await assert.rejects(queries.backup(join(fixture.dir, "backup", "..", "elsewhere.db")), /is not in/);
});

Deno.test("a short read does not wait for a long one, and a long one can be aborted", async () => {
  await using fixture = await HistoryFixture.open({ definitions: [historyTag(), historyTag({ name: "other" })] });
  ingest(fixture, 0, 100_000);
  await fixture.history.tidy();
  const [long, short] = [...fixture.tags.list()] as [Tag, Tag];
  const { queries } = fixture.history;
  const order: string[] = [];
  const span = { tagId: long.id, fromUs: T0, toUs: T0 + 90_000 * SECOND_US, bucketUs: 1_000_001 };
  const abort = new AbortController();
  await Promise.all([
    queries.readBuckets(span).then((buckets) => order.push(`long ${buckets.length}`)),
    queries.readBuckets(span, abort.signal).catch((error) => order.push(`aborted ${error}`)),
    queries.readRaw({ ...all(short.id), limit: 5 }).then((page) => {
      order.push(`short ${page.count}`);
      abort.abort("enough");
    }),
  ]);
  assert.deepEqual(order, ["short 5", "aborted enough", "long 90000"]);
  await assert.rejects(queries.readRaw(all(long.id), AbortSignal.abort("before")), (error) => error === "before");
});

Deno.test("a read under way is not confused by packing, late samples and pruning", async () => {
  await using fixture = await HistoryFixture.open();
  const { history, tag, tags } = fixture;
  ingest(fixture, 0, 30_000);
  await history.tidy();
  ingest(fixture, 30_000, 31_000);
  const reads = Array.from({ length: 6 }, (_, i) => {
    const direction = i % 2 === 0 ? "forward" : "reverse";
    return history.queries.readRaw({ ...all(tag.id), direction });
  });
  // late samples into packed rows split blocks, packing moves rows out of memory
  for (let n = 0; n < 5000; n += 3) tags.update([tagUpdate(tag, 0, T0 + n * SECOND_US + 500_000)]);
  history.writer.flush();
  await history.tidy();
  for (const [i, page] of (await Promise.all(reads)).entries()) {
    const times = i % 2 === 0 ? [...page.timesUs] : [...page.timesUs].reverse();
    const whole = times.filter((t) => t % SECOND_US === 0);
    assert.deepEqual(whole, Array.from({ length: 31_000 }, (_, n) => T0 + n * SECOND_US));
    assert.equal(new Set(times).size, times.length);
    assert.deepEqual(times, times.toSorted((a, b) => a - b));
  }
  assert.equal((await history.queries.readRaw(all(tag.id))).count, 31_000 + 1667);
});

Deno.test("a backup made while samples pour in holds all that was committed before it began", async () => {
  await using fixture = await HistoryFixture.open({ storage: { flush_ms: 10 } });
  const { history, tag, dir } = fixture;
  ingest(fixture, 0, 20_000);
  await history.tidy();
  ingest(fixture, 20_000, 20_100);
  let ended = false;
  let written = 20_100;
  const path = join(dir, "backup", "copy.db");
  const bytes = history.queries.backup(path).finally(() => ended = true);
  await waitFor("the backup", () => {
    ingest(fixture, written, written + 50);
    written += 50;
    return ended;
  }, { everyMs: 1 });
  assert.equal(await bytes, Deno.statSync(path).size);
  assert.deepEqual([...Deno.readDirSync(join(dir, "backup"))].map(({ name }) => name), ["copy.db"]);

  const db = new DatabaseSync(path, { readOnly: true });
  assert.equal((db.prepare("PRAGMA integrity_check").get() as { integrity_check: string }).integrity_check, "ok");
  db.close();
  const restored = await Deno.makeTempDir({ prefix: "edgekeep-history-" });
  try {
    cpSync(path, join(restored, "history.db"));
    await using copy = await HistoryFixture.open({ dir: restored });
    const { count, timesUs } = await copy.history.queries.readRaw(all(tag.id));
    assert.ok(count >= 20_100 && count <= written, `${count} rows`);
    timesUs.forEach((t, n) => assert.equal(t, T0 + n * SECOND_US));
    assert.deepEqual(copy.faults.list(), []);
  } finally {
    await Deno.remove(restored, { recursive: true });
  }
});

Deno.test("an aborted backup leaves nothing behind", async () => {
  await using fixture = await HistoryFixture.open();
  ingest(fixture, 0, 1000);
  const abort = new AbortController();
  const backup = fixture.history.queries.backup(join(fixture.dir, "backup", "copy.db"), abort.signal);
  abort.abort("never mind");
  await assert.rejects(backup, (error) => error === "never mind");
  assert.deepEqual([...Deno.readDirSync(join(fixture.dir, "backup"))], []);
  assert.equal(
    await fixture.history.queries.backup(join(fixture.dir, "backup", "copy.db")) > 0,
    true,
    "the next works",
  );
});
