import type { AggregateConfiguration } from "./aggregate_query.ts";
import type { Intervals } from "./aggregate_intervals.ts";
import { BAD, CALCULATED, GOOD, percentStatus, Use, useOf } from "./aggregate_status.ts";
import type { ColumnSink } from "./computed_columns.ts";
import type { RowFold, Surroundings } from "./row_fold.ts";
import type { StoredValue } from "./rows.ts";

/** The aggregates of this fold. */
export type RegionAggregate =
  | "TimeAverage2"
  | "Total2"
  | "DurationInStateZero"
  | "DurationInStateNonZero"
  | "DurationGood"
  | "DurationBad"
  | "PercentGood"
  | "PercentBad";

const statusAggregates: ReadonlySet<RegionAggregate> = new Set([
  "DurationGood",
  "DurationBad",
  "PercentGood",
  "PercentBad",
]);

/** A row as the begin of a region. */
interface Begin {
  readonly t: number;
  readonly v: number;
  readonly use: Use;
}

/**
 * The aggregates over regions that begin with a row each, bad rows too (OPC 10000-13 §5.4.3.2, simple bounding values of
 * §3.1.9): by value TimeAverage2, Total2 and the durations in a state, by status alone DurationGood and its kin.
 */
export class FoldRegions implements RowFold {
  readonly surroundings: Surroundings;
  readonly #aggregate: RegionAggregate;
  readonly #intervals: Intervals;
  readonly #stepped: boolean;
  readonly #configuration: AggregateConfiguration;
  readonly #out: ColumnSink;
  readonly #byStatus: boolean;
  #at = 0;
  #begin: Begin | null = null;
  /** Of the open interval: µs of each kind of region. */
  #goodUs = 0;
  #uncertainUs = 0;
  #badUs = 0;
  /** Value × µs, and µs in the state that is asked for. */
  #area = 0;
  #inStateUs = 0;

  constructor(
    aggregate: RegionAggregate,
    intervals: Intervals,
    stepped: boolean,
    configuration: AggregateConfiguration,
    out: ColumnSink,
  ) {
    this.#aggregate = aggregate;
    this.#intervals = intervals;
    this.#stepped = stepped;
    this.#configuration = configuration;
    this.#out = out;
    this.#byStatus = statusAggregates.has(aggregate);
    this.surroundings = { before: "row", after: "row" };
  }

  isUsable(): boolean {
    return true;
  }

  add(t: number, state: number, v: StoredValue): void {
    const use = useOf(state, this.#configuration);
    const next: Begin = this.#byStatus
      ? { t, v: NaN, use }
      : typeof v === "number"
      ? { t, v, use }
      : { t, v: NaN, use: Use.Bad };
    if (this.#begin === null) this.#region({ t: -Infinity, v: NaN, use: Use.Bad }, next);
    else this.#region(this.#begin, next);
    this.#begin = next;
  }

  end(): void {
    const begin = this.#begin;
    if (begin !== null) {
      const { toUs } = this.#intervals.data;
      // without knowing more, the last row is a point of the least width that time has here
      this.#region(begin, { ...begin, t: Math.max(toUs, begin.t + 1) });
    }
    while (this.#at < this.#intervals.count) this.#close();
  }

  #region(from: Begin, to: Begin): void {
    const intervals = this.#intervals;
    const level = this.#stepped || to.use === Use.Bad;
    const slope = level ? 0 : (to.v - from.v) / (to.t - from.t);
    // a region that ends in a value that is not good is uncertain where a line leads there (§5.4.3.2.2)
    const toDoubt = !this.#stepped && !this.#byStatus && to.use !== Use.Good;
    const use = from.use === Use.Good && toDoubt ? Use.Uncertain : from.use;
    while (this.#at < intervals.count) {
      const low = Math.max(intervals.lowUs(this.#at), from.t);
      const high = Math.min(intervals.highUs(this.#at), to.t);
      if (high > low) this.#piece(from, use, slope, low, high);
      if (intervals.highUs(this.#at) > to.t) return;
      this.#close();
    }
  }

  #piece(from: Begin, use: Use, slope: number, low: number, high: number): void {
    const width = high - low;
    if (use === Use.Good) this.#goodUs += width;
    else if (use === Use.Uncertain) this.#uncertainUs += width;
    else this.#badUs += width;
    if (use === Use.Bad || this.#byStatus) return;
    this.#area += (from.v + slope * ((low + high) / 2 - from.t)) * width;
    const wanted = this.#aggregate === "DurationInStateZero" ? from.v === 0 : from.v !== 0;
    if (use === Use.Good && wanted) this.#inStateUs += width;
  }

  #close(): void {
    const i = this.#at++;
    const intervals = this.#intervals;
    if (intervals.isOutside(i)) this.#out.setNoData(i, intervals.beginUs(i));
    else if (this.#byStatus) this.#answerStatus(i);
    else this.#answerValue(i);
    this.#goodUs =
      this.#uncertainUs =
      this.#badUs =
      this.#area =
      this.#inStateUs =
        0;
  }

  #answerStatus(i: number): void {
    const intervals = this.#intervals;
    const wholeUs = intervals.highUs(i) - intervals.lowUs(i);
    const value = {
      DurationGood: this.#goodUs / 1000,
      DurationBad: this.#badUs / 1000,
      PercentGood: this.#goodUs / wholeUs * 100,
      PercentBad: this.#badUs / wholeUs * 100,
    }[this.#aggregate as "DurationGood" | "DurationBad" | "PercentGood" | "PercentBad"];
    this.#out.set(i, intervals.beginUs(i), value, intervals.coded(i, GOOD, CALCULATED));
  }

  #answerValue(i: number): void {
    const intervals = this.#intervals;
    const wholeUs = intervals.highUs(i) - intervals.lowUs(i);
    const usedUs = this.#goodUs + this.#uncertainUs;
    if (usedUs === 0) {
      this.#out.setNoData(i, intervals.beginUs(i));
      return;
    }
    // what lies beyond the data is as bad as a gap in them
    const code = percentStatus(this.#goodUs, wholeUs - usedUs, wholeUs, this.#configuration);
    const value = code === BAD ? null : this.#value(usedUs);
    this.#out.set(i, intervals.beginUs(i), value, intervals.coded(i, code, CALCULATED));
  }

  #value(usedUs: number): number {
    switch (this.#aggregate) {
      case "TimeAverage2":
        return this.#area / usedUs;
      case "Total2":
        return this.#area / 1_000_000;
      default:
        return this.#inStateUs / 1000;
    }
  }
}
