import type { Intervals } from "./aggregate_intervals.ts";
import type { AggregateName } from "./aggregate_query.ts";
import { CALCULATED, coded, GOOD, UNCERTAIN_DATA_SUB_NORMAL } from "./aggregate_status.ts";
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

type OfHours = (sum: HourSum, wholeUs: number) => number;

/** What an aggregate is of hours; the same as of their rows when those are all measured, good and numbers. */
const ofHours: Partial<Record<AggregateName, OfHours>> = {
  Average: ({ numbers, sum }) => numbers === 0 ? NaN : sum / numbers,
  Count: ({ good }) => good,
  Range: ({ numbers, min, max }) => numbers === 0 ? NaN : max - min,
  Delta: ({ numbers, first, last }) => numbers === 0 ? NaN : last - first,
  DurationGood: ({ goodUs }) => goodUs / 1000,
  PercentGood: ({ goodUs }, wholeUs) => goodUs / wholeUs * 100,
};

/** Of these a rollup does not know when they came and how often: it answers only where the rows are gone. */
const ofLostHours: Partial<Record<AggregateName, OfHours>> = {
  Minimum: ({ numbers, min }) => numbers === 0 ? NaN : min,
  Maximum: ({ numbers, max }) => numbers === 0 ? NaN : max,
};

interface HourSum {
  numbers: number;
  good: number;
  sum: number;
  min: number;
  max: number;
  first: number;
  last: number;
  goodUs: number;
}

/**
 * The intervals that the rollups answer: whole hours in finished days whose rollup is up to date.
 *
 * Where the rows are there too, only exactly: with nothing but measured good numbers in the hours (how long the status
 * was good needs no such care). Where the rows are past their retention and the rollups are not, in any case: an hour that
 * had other rows makes the result uncertain. `null` when the rollups answer nothing: they know nothing of bad rows or of
 * the area under lines.
 */
export function cleanHours(
  store: HistoryStore,
  { series, aggregate }: ProcessedRequest,
  intervals: Intervals,
  onDamaged: OnDamaged,
): Clean | null {
  const exact = ofHours[aggregate];
  const answer = exact ?? ofLostHours[aggregate];
  const { count, reverse } = intervals;
  // backwards, an interval takes the row at its later edge, which a rollup counts to the hour behind it
  if (answer === undefined || reverse || count === 0) return null;
  const lowUs = intervals.lowUs(0);
  const highUs = intervals.highUs(count - 1);
  if (lowUs % HOUR_US !== 0 || intervals.highUs(0) % HOUR_US !== 0) return null;
  // retention takes whole days: of the first day that has rows, all of them are there
  const rowsFromUs = dayOf(intervals.data.fromUs) * DAY_US;
  if (exact === undefined && lowUs >= rowsFromUs) return null;
  const anyStatus = aggregate === "DurationGood" || aggregate === "PercentGood";
  const days = readDays(store, series, lowUs, highUs, onDamaged);
  if (days.size === 0) return null;

  const firstUs = lowUs < rowsFromUs ? firstHourUs(store, series, onDamaged) : Infinity;
  // an interval may also begin before all data, of which nothing is lost
  const someLost = firstUs < rowsFromUs;
  const known = someLost ? intervals.over(firstUs) : intervals;

  return (i) => {
    const fromUs = known.lowUs(i);
    const toUs = known.highUs(i);
    const lost = someLost && fromUs < rowsFromUs;
    if (toUs % HOUR_US !== 0 || known.isOutside(i) || (exact === undefined && !lost)) return null;
    let doubtful = false;
    const sum: HourSum = {
      numbers: 0,
      good: 0,
      sum: 0,
      min: Infinity,
      max: -Infinity,
      first: NaN,
      last: NaN,
      goodUs: 0,
    };
    // before all data there is nothing to go through, however far back the request begins
    const beginUs = Math.max(fromUs, Math.floor(known.data.fromUs / HOUR_US) * HOUR_US);
    for (let hourUs = beginUs; hourUs < toUs; hourUs += HOUR_US) {
      const day = days.get(dayOf(hourUs));
      // a day without a row has no rollup
      if (day === undefined && hourUs < rowsFromUs) continue;
      if (day === undefined) return null;
      const figures = day[(hourUs - dayOf(hourUs) * DAY_US) / HOUR_US];
      if (figures === undefined) continue;
      doubtful ||= !anyStatus && (figures.good !== figures.rows || figures.numbers !== figures.rows);
      if (doubtful && !lost) return null;
      addHour(sum, figures);
    }
    const value = answer(sum, toUs - fromUs);
    if (Number.isNaN(value)) return null;
    const code = doubtful ? UNCERTAIN_DATA_SUB_NORMAL : GOOD;
    return { value, status: aggregate === "Average" ? coded(code, CALCULATED) : known.coded(i, code, CALCULATED) };
  };
}

function addHour(sum: HourSum, { numbers, good, sum: added, min, max, first, last, goodUs }: HourFigures): void {
  sum.goodUs += goodUs;
  sum.good += good;
  if (numbers === 0) return;
  if (sum.numbers === 0) sum.first = first;
  sum.numbers += numbers;
  sum.sum += added;
  sum.min = Math.min(sum.min, min);
  sum.max = Math.max(sum.max, max);
  sum.last = last;
}

/** Begin of the first hour that a rollup knows rows of; Infinity when none does. */
function firstHourUs(store: HistoryStore, series: number, onDamaged: OnDamaged): number {
  const oldest = store.oldestRollup(series);
  if (oldest === null) return Infinity;
  try {
    const first = decodeRollup(oldest.data).find(({ figures }) => figures.rows > 0);
    return first === undefined ? Infinity : oldest.day * DAY_US + first.hour * HOUR_US;
  } catch (error) {
    onDamaged(`rollup ${oldest.day} of series ${series}`, error);
    return Infinity;
  }
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
