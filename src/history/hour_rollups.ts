import type { Intervals } from "./aggregate_intervals.ts";
import type { AggregateName } from "./aggregate_query.ts";
import { CALCULATED, coded, GOOD } from "./aggregate_status.ts";
import type { HourFigures } from "./fold.ts";
import type { OnDamaged } from "./read_raw.ts";
import type { ProcessedRequest } from "./reader_protocol.ts";
import { decodeRollup, HOUR_US } from "./rollup_codec.ts";
import { DAY_US, dayOf } from "./series.ts";
import type { HistoryStore } from "./store.ts";

/** The result of one interval. */
interface Figure {
  readonly value: number;
  readonly status: number;
}

type Clean = (interval: number) => Figure | null;

/** What an aggregate is of hours whose rows are all measured, good and numbers. */
const ofHours: Partial<Record<AggregateName, (sum: HourSum, wholeUs: number) => number>> = {
  Average: ({ rows, sum }) => rows === 0 ? NaN : sum / rows,
  Count: ({ rows }) => rows,
  Range: ({ rows, min, max }) => rows === 0 ? NaN : max - min,
  Delta: ({ rows, first, last }) => rows === 0 ? NaN : last - first,
  DurationGood: ({ goodUs }) => goodUs / 1000,
  PercentGood: ({ goodUs }, wholeUs) => goodUs / wholeUs * 100,
};

interface HourSum {
  rows: number;
  sum: number;
  min: number;
  max: number;
  first: number;
  last: number;
  goodUs: number;
}

/**
 * The intervals that the rollups answer exactly: whole hours in finished days whose rollup is up to date, with nothing but
 * measured good numbers in them. How long the status was good needs no such care. `null` when there are none: hours say
 * nothing about extremes' times, bad rows, or the area under lines.
 */
export function cleanHours(
  store: HistoryStore,
  { series, aggregate }: ProcessedRequest,
  intervals: Intervals,
  onDamaged: OnDamaged,
): Clean | null {
  const answer = ofHours[aggregate];
  const { count, reverse } = intervals;
  // backwards, an interval takes the row at its later edge, which a rollup counts to the hour behind it
  if (answer === undefined || reverse || count === 0) return null;
  const lowUs = intervals.lowUs(0);
  const highUs = intervals.highUs(count - 1);
  if (lowUs % HOUR_US !== 0 || intervals.highUs(0) % HOUR_US !== 0) return null;
  const anyStatus = aggregate === "DurationGood" || aggregate === "PercentGood";
  const days = readDays(store, series, lowUs, highUs, onDamaged);
  if (days.size === 0) return null;

  return (i) => {
    const fromUs = intervals.lowUs(i);
    const toUs = intervals.highUs(i);
    if (toUs % HOUR_US !== 0 || intervals.isOutside(i)) return null;
    const sum: HourSum = { rows: 0, sum: 0, min: Infinity, max: -Infinity, first: NaN, last: NaN, goodUs: 0 };
    for (let hourUs = fromUs; hourUs < toUs; hourUs += HOUR_US) {
      const day = days.get(dayOf(hourUs));
      if (day === undefined) return null;
      const figures = day[(hourUs - dayOf(hourUs) * DAY_US) / HOUR_US];
      if (figures === undefined) continue;
      if (!anyStatus && (figures.good !== figures.rows || figures.numbers !== figures.rows)) return null;
      addHour(sum, figures);
    }
    const value = answer(sum, toUs - fromUs);
    if (Number.isNaN(value)) return null;
    const status = aggregate === "Average" ? coded(GOOD, CALCULATED) : intervals.coded(i, GOOD, CALCULATED);
    return { value, status };
  };
}

function addHour(sum: HourSum, { rows, sum: added, min, max, first, last, goodUs }: HourFigures): void {
  sum.goodUs += goodUs;
  if (rows === 0) return;
  if (sum.rows === 0) sum.first = first;
  sum.rows += rows;
  sum.sum += added;
  sum.min = Math.min(sum.min, min);
  sum.max = Math.max(sum.max, max);
  sum.last = last;
}

/** The hours of each day whose rollup is there and up to date. */
function readDays(
  store: HistoryStore,
  series: number,
  fromUs: number,
  toUs: number,
  onDamaged: OnDamaged,
): Map<number, (HourFigures | undefined)[]> {
  const { rollups, due } = store.read(() => ({
    rollups: store.rollups(series, dayOf(fromUs), dayOf(toUs - 1)),
    due: new Set(store.dueIn(series, dayOf(fromUs), dayOf(toUs - 1))),
  }));
  const days = new Map<number, (HourFigures | undefined)[]>();
  for (const { day, data } of rollups) {
    if (due.has(day)) continue;
    try {
      const hours: (HourFigures | undefined)[] = new Array(24).fill(undefined);
      for (const { hour, figures } of decodeRollup(data)) hours[hour] = figures;
      days.set(day, hours);
    } catch (error) {
      onDamaged(`rollup ${day} of series ${series}`, error);
    }
  }
  return days;
}
