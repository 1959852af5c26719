/**
 * A model of the history: a plain array of rows a tag that follows the rules word by word, random plans for it and the
 * real thing, and the comparison of every kind of read.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type HistoryQueries, type HistoryWriter, RowFlag } from "../../src/history/history.ts";
import { Quality, severityOf } from "../../src/tags/quality.ts";
import { type Tag, type TagUpdate, tagUpdate, type Value } from "../../src/tags/tag.ts";
import type { TagStore } from "../../src/tags/tag_store.ts";
import { assertAggregates } from "./history_aggregates.ts";
import { DAY_US, historyTag, HOUR_US, SECOND_US } from "./history_fixture.ts";

export interface ModelRow {
  t: number;
  server: number;
  quality: number;
  flags: number;
  value: number | string | null;
}

export class Model {
  readonly rows = new Map<string, ModelRow[]>();

  take(update: TagUpdate): void {
    if (update.kind === "ignored") return;
    const { id, sourceTimeUs } = update.tag;
    const t = update.historyTimeUs;
    let rows = this.rows.get(id) ?? [];
    const isReal = (row: ModelRow) => (row.flags & RowFlag.ServerMade) === 0;
    const flags = { live: 0, backfill: RowFlag.Backfill, status: RowFlag.ServerMade }[update.kind];
    const value = typeof update.value === "boolean" ? Number(update.value) : update.value;
    const row: ModelRow = { t, server: update.serverTimeUs, quality: update.quality, flags, value };
    const taken = rows.find((other) => other.t === t);
    if (update.kind === "status") {
      if (taken !== undefined) return;
    } else {
      if (taken !== undefined && isReal(taken)) return;
      const before = Math.max(-Infinity, ...rows.filter((r) => isReal(r) && r.t < t).map((r) => r.t));
      const after = Math.min(Infinity, ...rows.filter((r) => isReal(r) && r.t > t).map((r) => r.t));
      rows = rows.filter((other) => {
        if (isReal(other)) return true;
        if (other.t === t) return false;
        if (other.t > t) {
          return update.kind === "backfill" ? !(other.t < Math.min(after, sourceTimeUs)) : other.t > after;
        }
        return update.kind === "live" || other.t < before;
      });
    }
    this.rows.set(id, [...rows, row].sort((a, b) => a.t - b.t));
  }

  read(id: string, fromUs: number | null, toUs: number | null, reverse: boolean): ModelRow[] {
    const rows = (this.rows.get(id) ?? []).filter(({ t }) => t >= (fromUs ?? -Infinity) && t <= (toUs ?? Infinity));
    return reverse ? rows.reverse() : rows;
  }
}

export type Step =
  | { do: "sample"; samples: { tag: number; agoS: number; value: number; quality: number }[] }
  | { do: "advance"; seconds: number }
  | { do: "pack" | "packOne" | "restart" | "flush" };

const sample = fc.record({
  tag: fc.constantFrom(0, 0, 0, 0, 1, 2, 2),
  agoS: fc.oneof(fc.nat(5), fc.nat(400), fc.nat(4000), fc.nat(200_000)),
  value: fc.integer({ min: -500, max: 500 }),
  quality: fc.constantFrom(
    Quality.Good,
    Quality.Good,
    Quality.BadSensorFailure,
    Quality.GoodCalculated,
    Quality.UncertainEngineeringUnitsExceeded,
  ),
});
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("sample" as const),
      samples: fc.array(sample, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      seconds: fc.oneof(fc.nat(30), fc.integer({ min: 61, max: 500 }), fc.constantFrom(4000, 100_000)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom<"pack" | "packOne" | "flush">("pack", "packOne", "flush") }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);

export const definitions = [
  historyTag({ name: "float", staleAfterMs: 60_000, badAfterMs: 3_600_000 }),
  historyTag({ name: "bool", type: "Bool", dataType: "Boolean", staleAfterMs: 60_000, badAfterMs: 3_600_000 }),
  historyTag({ name: "text", type: "String", dataType: "String", staleAfterMs: 60_000, badAfterMs: 3_600_000 }),
];

function valueFor(tag: Tag, value: number): Value {
  switch (tag.definition.type) {
    case "Bool":
      return value > 0;
    case "String":
      // long enough for blocks of half a dozen rows
      return `${value} `.repeat(150);
    default:
      return value / 10;
  }
}

/** Does what a step says to the tags; packing and restarting are the caller's. */
export function playStep(step: Step, tags: TagStore, clock: { nowUs: number }): void {
  if (step.do === "advance") {
    clock.nowUs += step.seconds * SECOND_US;
    tags.sweep();
  } else if (step.do === "sample") {
    const list = [...tags.list()];
    tags.update(
      step.samples.map(({ tag, agoS, value, quality }) =>
        tagUpdate(list[tag] as Tag, valueFor(list[tag] as Tag, value), clock.nowUs - agoS * SECOND_US, quality)
      ),
    );
  }
}

export interface ReadPlan {
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

export const readPlans: fc.Arbitrary<ReadPlan[]> = fc.array(
  fc.record({ from: fc.nat(), to: fc.nat(), limit: fc.integer({ min: 1, max: 9 }) }),
  { minLength: 3, maxLength: 3 },
);

/** The parts of a history that a comparison needs. */
export interface Subject {
  readonly queries: Pick<HistoryQueries, "readRaw" | "readBuckets" | "readProcessed" | "readAtTime">;
  readonly writer: Pick<HistoryWriter, "lastSamples">;
  readonly clock: { readonly nowUs: number };
}

/** Compares raw reads of every span, direction and page size, buckets of several widths, aggregates, and the last samples. */
export async function assertSame(subject: Subject, model: Model, tags: Tag[], reads: ReadPlan[]): Promise<void> {
  for (const tag of tags) {
    await assertReads(subject, model, tag, reads);
    await assertBuckets(subject, model, tag);
    const rows = model.read(tag.id, null, null, false);
    const picks = reads.flatMap(({ from, to }) => [from, to]);
    await assertAggregates(subject.queries, rows, tag, subject.clock.nowUs, picks);
  }
  assertLastSamples(subject, model, tags);
}

async function assertReads(
  { queries }: Subject,
  model: Model,
  tag: Tag,
  reads: ReadPlan[],
): Promise<void> {
  const all = model.read(tag.id, null, null, false);
  const bound = (pick: number) => all.length === 0 ? pick : (all[pick % all.length] as ModelRow).t + (pick % 3) - 1;
  const spans: [number | null, number | null, number][] = [[null, null, 1000]];
  for (const { from, to, limit } of reads) {
    const ends = [bound(from), bound(to)].sort((a, b) => a - b) as [number, number];
    spans.push([...ends, limit], [null, ends[1], limit], [ends[0], null, limit], [null, null, limit]);
  }
  for (const [fromUs, toUs, limit] of spans) {
    for (const direction of ["forward", "reverse"] as const) {
      const rows: ModelRow[] = [];
      let after: { timeUs: number } | undefined;
      do {
        const page = await queries.readRaw({ tagId: tag.id, fromUs, toUs, direction, limit, after });
        assert.ok(page.count <= limit);
        for (let i = 0; i < page.count; i++) {
          const value = page.values[i] as number | string | null;
          rows.push({
            t: page.timesUs[i] as number,
            server: page.serverTimesUs[i] as number,
            quality: page.qualities[i] as number,
            flags: page.flags[i] as number,
            value: Number.isNaN(value) ? null : value,
          });
        }
        if (page.next !== null) assert.equal(page.count, limit, "a page with a successor is full");
        after = page.next ?? undefined;
      } while (after !== undefined);
      assert.deepEqual(rows, model.read(tag.id, fromUs, toUs, direction === "reverse"));
    }
  }
}

/** How long the status was good: it holds until the next row, the last one until now. */
function goodSeconds(all: readonly ModelRow[], fromUs: number, toUs: number, nowUs: number): number {
  let goodUs = 0;
  all.forEach(({ t, quality }, i) => {
    const until = Math.min(all[i + 1]?.t ?? nowUs, toUs);
    if (severityOf(quality) === "good") goodUs += Math.max(0, until - Math.max(t, fromUs));
  });
  return goodUs / 1_000_000;
}

async function assertBuckets({ queries, clock }: Subject, model: Model, tag: Tag): Promise<void> {
  const all = model.read(tag.id, null, null, false);
  const first = all[0]?.t ?? clock.nowUs;
  for (
    const [bucketUs, fromUs] of [
      [HOUR_US, Math.floor(first / HOUR_US) * HOUR_US],
      [DAY_US, Math.floor(first / DAY_US) * DAY_US],
      [7 * HOUR_US, first - (first % HOUR_US) - 3 * HOUR_US],
      [1_800_000_001, first + 17],
    ] as const
  ) {
    const toUs = clock.nowUs + 1234;
    const buckets = await queries.readBuckets({ tagId: tag.id, fromUs, toUs, bucketUs });
    assert.equal(buckets.length, Math.ceil((toUs - fromUs) / bucketUs));
    for (const bucket of buckets) {
      const rows = all.filter(({ t }) => t >= bucket.startUs && t < bucket.endUs);
      const measured = rows.filter(({ flags, quality, value }) =>
        (flags & RowFlag.ServerMade) === 0 && severityOf(quality) !== "bad" && value !== null
      );
      const numbers = measured.map(({ value }) => value).filter((value) => typeof value === "number");
      const mean = numbers.length === 0 ? null : numbers.reduce((a, b) => a + b, 0) / numbers.length;
      assert.deepEqual({ ...bucket, mean: null }, {
        startUs: bucket.startUs,
        endUs: bucket.endUs,
        count: measured.length,
        min: numbers.length === 0 ? null : Math.min(...numbers),
        max: numbers.length === 0 ? null : Math.max(...numbers),
        mean: null,
        first: numbers[0] ?? null,
        last: numbers.at(-1) ?? null,
        goodShare: rows.length === 0
          ? 0
          : rows.filter(({ quality }) => severityOf(quality) === "good").length / rows.length,
        goodSeconds: goodSeconds(all, bucket.startUs, bucket.endUs, clock.nowUs),
      });
      assert.ok(Math.abs((bucket.mean ?? 0) - (mean ?? 0)) < 1e-9);
    }
  }
}

function assertLastSamples({ writer }: Subject, model: Model, list: Tag[]): void {
  const last = new Map([...writer.lastSamples()].map((sample) => [sample.tagId as string, sample]));
  for (const { id, definition } of list) {
    const real = model.read(id, null, null, true).filter(({ flags }) => (flags & RowFlag.ServerMade) === 0);
    const newest = real[0];
    const sample = last.get(id);
    assert.equal(sample?.sourceTimeUs, newest?.t);
    if (sample === undefined || newest === undefined) continue;
    const value = definition.type === "Bool" && newest.value !== null ? newest.value !== 0 : newest.value;
    assert.deepEqual([sample.value, sample.quality, sample.serverTimeUs, sample.previousTimeUs], [
      value,
      newest.quality,
      newest.server,
      real[1]?.t ?? null,
    ]);
  }
}
