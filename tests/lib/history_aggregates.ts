/** Compares what a history computes with the slow reference, over spans that the rows of a tag suggest. */
import assert from "node:assert/strict";
import { type AggregateConfiguration, type AggregateName, aggregates } from "../../src/history/aggregate_query.ts";
import type { HistoryQueries } from "../../src/history/history.ts";
import type { Tag } from "../../src/tags/tag.ts";
import { Reference, type ReferenceRow, type ReferenceValue } from "./aggregate_reference.ts";
import { DAY_US, HOUR_US, SECOND_US } from "./history_fixture.ts";

const configurations: readonly AggregateConfiguration[] = [
  { treatUncertainAsBad: true, percentDataBad: 100, percentDataGood: 100, useSlopedExtrapolation: false },
  { treatUncertainAsBad: false, percentDataBad: 100, percentDataGood: 100, useSlopedExtrapolation: true },
  { treatUncertainAsBad: false, percentDataBad: 40, percentDataGood: 70, useSlopedExtrapolation: false },
  { treatUncertainAsBad: true, percentDataBad: 50, percentDataGood: 50, useSlopedExtrapolation: true },
];
/** Odd widths, whole hours that rollups can answer, and one interval for all. */
const widths = [0, HOUR_US, 6 * HOUR_US, DAY_US, 17 * SECOND_US, 1_800_000_001, 250_000_000];
const ofText: readonly AggregateName[] = (Object.keys(aggregates) as AggregateName[]).filter((name) =>
  aggregates[name].input === "any"
);

/** `picks`: random numbers that choose the spans. */
export async function assertAggregates(
  queries: Pick<HistoryQueries, "readProcessed" | "readAtTime">,
  rows: readonly ReferenceRow[],
  tag: Tag,
  nowUs: number,
  picks: readonly number[],
): Promise<void> {
  const text = tag.definition.type === "String";
  const names = text ? ofText : Object.keys(aggregates) as AggregateName[];
  const first = rows[0]?.t ?? nowUs;
  for (const [n, pick] of picks.entries()) {
    const configuration = configurations[pick % configurations.length] as AggregateConfiguration;
    const stepped = text || tag.definition.type === "Bool" || pick % 5 === 0;
    const width = widths[(pick >>> 3) % widths.length] as number;
    const edge = (index: number) => {
      const row = rows[index % Math.max(1, rows.length)]?.t ?? first;
      const near = row + ([0, 0, 1, -1, HOUR_US, -HOUR_US][index % 6] ?? 0);
      return width % HOUR_US === 0 && width > 0 ? Math.floor(near / HOUR_US) * HOUR_US : near;
    };
    const startUs = edge(pick >>> 5);
    let endUs = n % 2 === 0
      ? edge(pick >>> 9)
      : startUs + (pick % 3 === 0 ? -1 : 1) * Math.max(width, 1) * (pick % 40 + 1);
    if (endUs === startUs) endUs += 1 + pick % 7;
    // no more intervals than the slow way can do
    const intervalUs = width === 0 ? 0 : Math.max(width, Math.ceil(Math.abs(endUs - startUs) / 60));
    const reference = new Reference(rows, nowUs, stepped, configuration);
    const query = { startUs, endUs, intervalUs };
    for (const aggregate of n === 0 ? names : [names[pick % names.length] as AggregateName]) {
      const expected = reference.processed({ aggregate, ...query });
      const limit = pick % 4 === 0 ? 3 : 1000;
      const found: ReferenceValue[] = [];
      for (let at = 0; at < expected.length; at += limit) {
        const page = await queries.readProcessed({
          tagId: tag.id,
          aggregate,
          ...query,
          first: at,
          limit,
          stepped,
          configuration,
        });
        found.push(...valuesOf(page));
      }
      assertValues(found, expected, `${aggregate} ${JSON.stringify({ ...query, stepped, configuration, nowUs })}`);
    }
    const timesUs = Float64Array.from({ length: 12 }, (_, i) => edge((pick >>> 4) + i * 7) + (i % 3 === 2 ? width : i));
    const simple = pick % 2 === 0;
    assertValues(
      valuesOf(
        await queries.readAtTime({ tagId: tag.id, timesUs, simpleBounds: simple, stepped, configuration }),
      ),
      Array.from(timesUs, (timeUs) => reference.at(timeUs, simple)),
      `at times, ${simple ? "simple" : "interpolated"} ${JSON.stringify({ stepped, configuration })}`,
    );
  }
}

function valuesOf(page: Awaited<ReturnType<HistoryQueries["readAtTime"]>>): ReferenceValue[] {
  return Array.from({ length: page.count }, (_, i) => {
    const value = page.values[i] as number | string | null;
    return {
      timeUs: page.timesUs[i] ?? 0,
      value: Number.isNaN(value) ? null : value,
      status: page.statuses[i] ?? 0,
    };
  });
}

/** Equal but for the last digits of numbers that were added up in another order. */
function assertValues(found: readonly ReferenceValue[], expected: readonly ReferenceValue[], what: string): void {
  assert.equal(found.length, expected.length, what);
  expected.forEach((wanted, i) => {
    const got = found[i] as ReferenceValue;
    const near = typeof wanted.value === "number" && typeof got.value === "number" &&
      Math.abs(got.value - wanted.value) <= 1e-9 * Math.max(1, Math.abs(wanted.value));
    assert.deepEqual({ ...got, value: near ? wanted.value : got.value }, wanted, `${what}, value ${i}`);
  });
}
