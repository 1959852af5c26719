import assert from "node:assert/strict";
import { join } from "node:path";
import { RowFlag } from "../../src/history/history.ts";
import { Quality } from "../../src/tags/quality.ts";
import { tagUpdate } from "../../src/tags/tag.ts";
import { HistoryFixture, SECOND_US } from "../lib/history_fixture.ts";

Deno.test("a backup can be asked for, is listed, and counts towards those kept", async () => {
  await using fixture = await HistoryFixture.open({ storage: { backup_keep: 2 } });
  const { history, clock, dir, tag, tags } = fixture;
  tags.update([tagUpdate(tag, 20, clock.nowUs)]);
  assert.deepEqual(await history.backups.list(), []);
  const [made, same] = await Promise.all([history.backups.create(), history.backups.create()]);
  assert.equal(made, same);
  assert.equal(made.file, "history-20260110T000000Z.db");
  assert.equal((Deno.statSync(join(dir, "backup", made.file)).mode ?? 0) & 0o777, 0o600);
  assert.deepEqual(await history.backups.list(), [{ ...made, createdUs: clock.nowUs }]);
  for (let i = 0; i < 2; i++) {
    clock.nowUs += 60 * SECOND_US;
    await history.backups.create();
  }
  assert.deepEqual((await history.backups.list()).map(({ file }) => file), [
    "history-20260110T000200Z.db",
    "history-20260110T000100Z.db",
  ]);
});

Deno.test("history keeps what was served while a tag was forced, and a restart serves the field's value", async () => {
  await using fixture = await HistoryFixture.open();
  const { clock, tag, tags } = fixture;
  const startUs = clock.nowUs;
  const after = (seconds: number) => clock.nowUs = startUs + seconds * SECOND_US;
  tags.update([tagUpdate(tag, 20, clock.nowUs)]);
  after(10);
  tags.force(tag.id, 99, "anna");
  after(20);
  tags.update([tagUpdate(tag, 21, clock.nowUs)]);
  after(30);
  tags.unforce(tag.id);
  after(40);
  tags.update([tagUpdate(tag, 22, clock.nowUs)]);
  after(50);
  tags.force(tag.id, 77, "anna");
  const query = { tagId: tag.id, fromUs: null, toUs: null, direction: "forward", limit: 100 } as const;
  const page = await fixture.history.queries.readRaw(query);
  const rows = Array.from(
    { length: page.count },
    (_, row) => [page.values[row], page.qualities[row], (page.flags[row] ?? 0) & RowFlag.ServerMade],
  );
  assert.deepEqual(rows, [
    [20, Quality.Good, 0],
    [99, Quality.GoodLocalOverride, RowFlag.ServerMade],
    [21, Quality.Good, RowFlag.ServerMade],
    [22, Quality.Good, 0],
    [77, Quality.GoodLocalOverride, RowFlag.ServerMade],
  ]);
  await fixture.restart();
  const [last] = [...fixture.history.writer.lastSamples()];
  assert.deepEqual([last?.value, last?.quality], [22, Quality.Good]);
});
