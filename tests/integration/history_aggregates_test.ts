import assert from "node:assert/strict";
import {
  type AggregateName,
  defaultAggregateConfiguration as configuration,
} from "../../src/history/aggregate_query.ts";
import { Quality } from "../../src/tags/quality.ts";
import { tagUpdate } from "../../src/tags/tag.ts";
import { DAY_US, HistoryFixture, historyTag, HOUR_US, SECOND_US, T0 } from "../lib/history_fixture.ts";

async function hours(
  fixture: HistoryFixture,
  aggregate: AggregateName,
  startUs: number,
  endUs: number,
  signal?: AbortSignal,
) {
  const page = await fixture.history.queries.readProcessed({
    tagId: fixture.tag.id,
    aggregate,
    startUs,
    endUs,
    intervalUs: HOUR_US,
    first: 0,
    limit: 100_000,
    stepped: false,
    configuration,
  }, signal);
  return Array.from({ length: page.count }, (_, i) => `${page.values[i]} ${page.statuses[i]?.toString(16)}`);
}

Deno.test("what the rollups still know of days past their retention is answered, and said to be uncertain where it is", async () => {
  await using fixture = await HistoryFixture.open({
    definitions: [historyTag({ retentionDays: 7 })],
    storage: { rollup_retention_days: 30 },
  });
  const { clock, tag, tags, history } = fixture;
  for (let hour = 0; hour < 12 * 24; hour++) {
    for (const [minute, value] of [[10, hour], [20, hour + 1], [30, hour + 5]] as const) {
      clock.nowUs = T0 + hour * HOUR_US + minute * 60 * SECOND_US;
      const quality = hour % 24 === 1 && minute === 30 ? Quality.BadSensorFailure : Quality.Good;
      tags.update([tagUpdate(tag, value, clock.nowUs, quality)]);
    }
    if (hour % 24 === 23) {
      history.writer.flush();
      await history.tidy();
    }
  }
  clock.nowUs = T0 + 12 * DAY_US;
  await history.tidy();
  const oldest = await history.queries.readRaw({
    tagId: tag.id,
    fromUs: null,
    toUs: null,
    direction: "forward",
    limit: 1,
  });
  assert.ok((oldest.timesUs[0] ?? 0) >= T0 + 4 * DAY_US, "four days of rows are gone");

  assert.deepEqual(await hours(fixture, "Average", T0, T0 + 3 * HOUR_US), ["2 401", "1.5 40a40401", "4 401"]);
  assert.deepEqual(await hours(fixture, "Count", T0, T0 + 3 * HOUR_US), ["3 401", "2 40a40401", "3 401"]);
  assert.deepEqual(await hours(fixture, "Maximum", T0, T0 + 3 * HOUR_US), ["5 401", "2 40a40401", "7 401"]);
  assert.deepEqual(await hours(fixture, "PercentGood", T0 + HOUR_US, T0 + 2 * HOUR_US), ["50 401"]);
  // before everything, and what only rows could tell
  assert.deepEqual(await hours(fixture, "Count", T0 - HOUR_US, T0), ["NaN 809b0000"]);
  assert.deepEqual(await hours(fixture, "TimeAverage", T0, T0 + HOUR_US), ["NaN 809b0000"]);
  // where rows are, they and the rollups agree
  const day = T0 + 8 * DAY_US;
  assert.deepEqual(await hours(fixture, "Average", day, day + 3 * HOUR_US), ["194 401", "193.5 40a40401", "196 401"]);
});

Deno.test("a long computation does not hold up a short one, and can be aborted", async () => {
  await using fixture = await HistoryFixture.open();
  const { clock, tag, tags, history } = fixture;
  for (let i = 0; i < 400_000; i++) {
    clock.nowUs = T0 + i * SECOND_US;
    tags.update([tagUpdate(tag, i % 1000 + 0.123456789, clock.nowUs)]);
    if (i % 20_000 === 19_999) {
      history.writer.flush();
      await history.tidy();
    }
  }
  const abort = new AbortController();
  const endUs = T0 + 400_000 * SECOND_US;
  const order: string[] = [];
  const long = hours(fixture, "TimeAverage", T0, endUs, abort.signal).then(() => order.push("long"));
  const short = hours(fixture, "TimeAverage", T0, T0 + HOUR_US).then(() => order.push("short"));
  await Promise.all([long, short]);
  assert.deepEqual(order, ["short", "long"]);
  const aborted = hours(fixture, "TimeAverage", T0, endUs, abort.signal);
  abort.abort(new DOMException("gone", "AbortError"));
  await assert.rejects(aborted, { name: "AbortError" });
  assert.equal((await hours(fixture, "Count", T0, T0 + HOUR_US)).length, 1);
});
