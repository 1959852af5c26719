import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type RawPage, RowFlag } from "../../src/history/history.ts";
import { Quality } from "../../src/tags/quality.ts";
import { type Tag, type TagId, tagUpdate, type Value } from "../../src/tags/tag.ts";
import { DAY_US, HistoryFixture, historyTag, SECOND_US, T0 } from "../lib/history_fixture.ts";
import { waitFor } from "../lib/wait_for.ts";

/** Tells the tag a value at so many seconds after T0, arriving a tenth later. */
function tell({ tags, clock }: HistoryFixture, tag: Tag, atS: number, value: Value, quality?: number): void {
  const t = T0 + atS * SECOND_US;
  clock.nowUs = Math.max(clock.nowUs, t + SECOND_US / 10);
  tags.update([tagUpdate(tag, value, t, quality)]);
}

async function read({ history }: HistoryFixture, tagId: TagId): Promise<RawPage> {
  history.writer.flush();
  return await history.queries.readRaw({ tagId, fromUs: null, toUs: null, direction: "forward", limit: 100_000 });
}

/** Seconds after T0 and values. */
async function rows(fixture: HistoryFixture, tagId: TagId): Promise<[number, Value | undefined][]> {
  const { timesUs, values } = await read(fixture, tagId);
  return Array.from(timesUs, (t, i) => [(t - T0) / SECOND_US, values[i]]);
}

Deno.test("change_only stores changes of value and quality, and one sample each max_interval_seconds", async () => {
  const definitions = [historyTag({ changeOnly: true, maxIntervalMs: 100_000 })];
  await using fixture = await HistoryFixture.open({ definitions });
  const tell1 = (atS: number, value: Value, quality?: number) => tell(fixture, fixture.tag, atS, value, quality);
  tell1(0, 5);
  tell1(10, 5);
  tell1(20, 6);
  tell1(30, 6, Quality.GoodCalculated);
  tell1(40, 6, Quality.GoodCalculated);
  tell1(129, 6, Quality.GoodCalculated);
  tell1(130, 6, Quality.GoodCalculated);
  await fixture.history.tidy();
  // what was stored before a restart still counts, packed or not
  await fixture.restart();
  tell1(140, 6, Quality.GoodCalculated);
  tell1(150, 7);
  await fixture.restart();
  tell1(160, 7);
  // late and unchanged against the row before it
  tell1(25, 6);
  tell1(26, 8);
  assert.deepEqual(await rows(fixture, fixture.tag.id), [[0, 5], [20, 6], [26, 8], [30, 6], [130, 6], [150, 7]]);
});

Deno.test("a deadband stores changes that reach it, measured from the last stored value", async () => {
  const definitions = [historyTag({ deadband: 0.5, maxIntervalMs: 100_000 })];
  await using fixture = await HistoryFixture.open({ definitions });
  [20, 20.4, 20.49, 20.5, 20.9, 20.1, 20].forEach((value, i) => tell(fixture, fixture.tag, i * 10, value));
  assert.deepEqual(await rows(fixture, fixture.tag.id), [[0, 20], [30, 20.5], [60, 20]]);
});

Deno.test("diagnostics and disabled tags are not stored", async () => {
  const definitions = [historyTag({ name: "$rssi", retentionDays: null }), historyTag({ name: "off", enabled: false })];
  await using fixture = await HistoryFixture.open({ definitions });
  for (const tag of fixture.tags.list()) tell(fixture, tag, 0, -80);
  fixture.history.writer.flush();
  assert.equal(fixture.history.writer.status().rowsWritten, 0);
  for (const { id } of fixture.tags.list()) assert.equal((await read(fixture, id)).count, 0);
});

Deno.test("every type of value, status and server time is read back, from memory, from blocks and after a restart", async () => {
  const definitions = [
    historyTag({ name: "float" }),
    historyTag({ name: "int", type: "Int", dataType: "Int64" }),
    historyTag({ name: "bool", type: "Bool", dataType: "Boolean" }),
    historyTag({ name: "text", type: "String", dataType: "String" }),
  ];
  const sent: Value[][] = [
    [21.5, -0.1, 1e300, 0.1 + 0.2],
    [2 ** 53, -(2 ** 53), 0, 7],
    [true, false, true, true],
    ["open", "", "ein längerer Text ☂", "open"],
  ];
  await using fixture = await HistoryFixture.open({ definitions });
  const tags = [...fixture.tags.list()];
  tags.forEach((tag, i) => sent[i]?.forEach((value, k) => tell(fixture, tag, k * 10, value)));
  tell(fixture, tags[0] as Tag, 40, 1, Quality.BadSensorFailure);
  for (const change of [async () => {}, () => fixture.history.tidy(), () => fixture.restart()]) {
    await change();
    const stored = await Promise.all(tags.map(async ({ id }) => (await rows(fixture, id)).map(([, value]) => value)));
    assert.deepEqual(stored[0], [...sent[0] as Value[], 1]);
    assert.deepEqual(stored.slice(1), [sent[1], [1, 0, 1, 1], sent[3]]);
    const page = await read(fixture, (tags[0] as Tag).id);
    assert.deepEqual([...page.qualities], [0, 0, 0, 0, Quality.BadSensorFailure]);
    assert.equal(page.serverTimesUs[4], T0 + 40 * SECOND_US + SECOND_US / 10);
    const last = new Map([...fixture.history.writer.lastSamples()].map(({ tagId, value }) => [tagId, value]));
    assert.deepEqual(tags.map(({ id }) => last.get(id)), [1, 7, true, "open"]);
  }
});

Deno.test("a tag that changes its type keeps its series and its old rows", async () => {
  await using fixture = await HistoryFixture.open({ definitions: [historyTag()] });
  const { id } = fixture.tag;
  tell(fixture, fixture.tag, 0, 21.5);
  fixture.tags.define([historyTag({ type: "String", dataType: "String" })]);
  assert.deepEqual([...fixture.history.writer.lastSamples()], [], "the old value does not fit the new type");
  tell(fixture, fixture.tag, 10, "warm");
  assert.deepEqual(await rows(fixture, id), [[0, 21.5], [10, "warm"]]);
  await fixture.history.tidy();
  fixture.tags.define([historyTag()]);
  tell(fixture, fixture.tag, 20, 22);
  await fixture.restart();
  assert.deepEqual(await rows(fixture, id), [[0, 21.5], [10, "warm"], [20, 22]]);
  const { queries, writer } = fixture.history;
  const numbers = await queries.readRaw({
    tagId: id,
    fromUs: T0 + 11 * SECOND_US,
    toUs: null,
    direction: "forward",
    limit: 9,
  });
  assert.ok(numbers.values instanceof Float64Array);
  const [bucket] = await queries.readBuckets({ tagId: id, fromUs: T0, toUs: T0 + DAY_US, bucketUs: DAY_US });
  assert.deepEqual([bucket?.count, bucket?.min, bucket?.max], [3, 21.5, 22]);
  assert.equal(writer.status().series, 1);
});

Deno.test("garbage is stored as the last good value with its status", async () => {
  await using fixture = await HistoryFixture.open();
  tell(fixture, fixture.tag, 0, 5);
  tell(fixture, fixture.tag, 10, null, Quality.BadDecodingError);
  const page = await read(fixture, fixture.tag.id);
  assert.deepEqual([[...page.values], [...page.qualities]], [[5, 5], [0, Quality.BadDecodingError]]);
});

Deno.test("rows have the flags of their making", async () => {
  await using fixture = await HistoryFixture.open({ definitions: [historyTag({ staleAfterMs: 30_000 })] });
  tell(fixture, fixture.tag, 0, 1);
  tell(fixture, fixture.tag, -5, 0);
  fixture.clock.nowUs = T0 + 31 * SECOND_US;
  fixture.tags.sweep();
  const { timesUs, flags, qualities } = await read(fixture, fixture.tag.id);
  assert.deepEqual([...timesUs].map((t) => (t - T0) / SECOND_US), [-5, 0, 30]);
  assert.deepEqual([...flags], [RowFlag.Backfill, 0, RowFlag.ServerMade]);
  assert.deepEqual([...qualities], [0, 0, Quality.UncertainLastUsableValue]);
});

Deno.test("a late sample that no rows of its time are kept for any more is not stored", async () => {
  await using fixture = await HistoryFixture.open({ definitions: [historyTag({ retentionDays: 7 })] });
  tell(fixture, fixture.tag, 0, 1);
  await fixture.history.tidy();
  tell(fixture, fixture.tag, -8 * 86_400, 2);
  tell(fixture, fixture.tag, -6 * 86_400, 3);
  assert.deepEqual(await rows(fixture, fixture.tag.id), [[-6 * 86_400, 3], [0, 1]]);
});

Deno.test("samples are committed within flush_ms without being asked", async () => {
  await using fixture = await HistoryFixture.open({ storage: { flush_ms: 20 } });
  tell(fixture, fixture.tag, 0, 1);
  assert.equal(fixture.history.writer.status().rowsPending, 1);
  await waitFor("the commit", () => fixture.history.writer.status().rowsPending === 0);
  const { rowsWritten, lastWriteUs, series } = fixture.history.writer.status();
  assert.deepEqual([rowsWritten, lastWriteUs, series], [1, fixture.clock.nowUs, 1]);
});

Deno.test("while the file is locked samples wait in memory, the oldest are dropped, and all goes on by itself", async () => {
  await using fixture = await HistoryFixture.open({ maxPending: 100, storage: { flush_ms: 10 } });
  const { tag, history: { writer }, faults, feed } = fixture;
  tell(fixture, tag, 0, 0);
  writer.flush();
  const other = new DatabaseSync(fixture.path);
  other.exec("BEGIN IMMEDIATE");
  for (let i = 1; i <= 150; i++) tell(fixture, tag, i, i);
  const fault = await waitFor("the fault", () => faults.list().find(({ code }) => code === "history_write_failed"));
  assert.match(fault.detail, /locked.*samples wait/);
  assert.ok(writer.status().rowsPending <= 100);
  other.exec("ROLLBACK");
  other.close();
  await waitFor("the recovery", () => faults.list().length === 0 && writer.status().rowsPending === 0);
  const events = feed.since().map(({ event }) => event);
  assert.deepEqual(events, ["history_samples_dropped", "history_write_recovered"]);
  const stored = (await rows(fixture, tag.id)).map(([, value]) => value as number);
  assert.equal(stored[0], 0);
  assert.deepEqual(stored.slice(1), Array.from({ length: stored.length - 1 }, (_, i) => 152 - stored.length + i));
  assert.ok(stored.length > 85 && stored.length <= 101, `${stored.length} rows`);
  await fixture.restart();
  assert.deepEqual((await rows(fixture, tag.id)).map(([, value]) => value), stored);
});

Deno.test("the files are for their owner alone", async () => {
  await using fixture = await HistoryFixture.open();
  tell(fixture, fixture.tag, 0, 1);
  fixture.history.writer.flush();
  await fixture.history.queries.backup(`${fixture.dir}/backup/one.db`);
  const modes = Object.fromEntries(
    ["history.db", "history.db-wal", "history.db-shm", "backup", "backup/one.db"].map((name) => [
      name,
      ((Deno.statSync(`${fixture.dir}/${name}`).mode ?? 0) & 0o777).toString(8),
    ]),
  );
  assert.deepEqual(modes, {
    "history.db": "600",
    "history.db-wal": "600",
    "history.db-shm": "600",
    "backup": "700",
    "backup/one.db": "600",
  });
  await fixture.stop();
  Deno.chmodSync(fixture.path, 0o644);
  await fixture.start();
  assert.equal((Deno.statSync(fixture.path).mode ?? 0) & 0o777, 0o600, "a looser mode is mended");
  await fixture.stop();
  const left = [...Deno.readDirSync(fixture.dir)].map(({ name }) => name).sort();
  assert.deepEqual(left, ["backup", "history.db"], "an orderly end leaves no log behind");
});
