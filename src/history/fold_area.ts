import type { AggregateConfiguration } from "./aggregate_query.ts";
import type { Intervals } from "./aggregate_intervals.ts";
import { CALCULATED, GOOD, UNCERTAIN_DATA_SUB_NORMAL, Use, useOf } from "./aggregate_status.ts";
import type { ColumnSink } from "./computed_columns.ts";
import type { RowFold, Surroundings } from "./row_fold.ts";
import type { StoredValue } from "./rows.ts";

/** A usable row. */
interface Point {
  readonly t: number;
  readonly v: number;
  readonly uncertain: boolean;
}

/**
 * TimeAverage and Total (OPC 10000-13 §5.4.3.6, §5.4.3.8): straight lines from usable row to usable row, whatever the
 * tag's way to hold its value. Where a line crosses the edge of an interval lies the interpolated bounding value (§3.1.8).
 */
export class FoldArea implements RowFold {
  readonly surroundings: Surroundings;
  readonly #total: boolean;
  readonly #intervals: Intervals;
  readonly #configuration: AggregateConfiguration;
  readonly #out: ColumnSink;
  #at = 0;
  #last: Point | null = null;
  #lastButOne: Point | null = null;
  #badSince = false;
  /** Of the open interval: value × µs, µs, and whether something of it is doubtful. */
  #area = 0;
  #coveredUs = 0;
  #doubtful = false;

  constructor(
    aggregate: "TimeAverage" | "Total",
    intervals: Intervals,
    configuration: AggregateConfiguration,
    out: ColumnSink,
  ) {
    this.#total = aggregate === "Total";
    this.#intervals = intervals;
    this.#configuration = configuration;
    this.#out = out;
    this.surroundings = { before: configuration.useSlopedExtrapolation ? "two_usable" : "usable", after: "usable" };
  }

  isUsable(state: number, v: StoredValue): boolean {
    return typeof v === "number" && useOf(state, this.#configuration) !== Use.Bad;
  }

  add(t: number, state: number, v: StoredValue): void {
    const use = useOf(state, this.#configuration);
    if (use === Use.Bad || typeof v !== "number") {
      this.#badSince = true;
      return;
    }
    const point: Point = { t, v, uncertain: use === Use.Uncertain };
    const last = this.#last;
    if (last !== null) this.#line(last, point, this.#badSince || last.uncertain || point.uncertain);
    this.#lastButOne = last;
    this.#last = point;
    this.#badSince = false;
  }

  end(): void {
    const { count } = this.#intervals;
    const last = this.#last;
    if (last !== null && count > 0) {
      const untilUs = this.#intervals.highUs(count - 1);
      const before = this.#configuration.useSlopedExtrapolation ? this.#lastButOne : null;
      const slope = before === null ? 0 : (last.v - before.v) / (last.t - before.t);
      if (untilUs > last.t) {
        this.#line(last, { t: untilUs, v: last.v + slope * (untilUs - last.t), uncertain: true }, true);
      }
    }
    while (this.#at < count) this.#close();
  }

  #line(from: Point, to: Point, doubtful: boolean): void {
    const intervals = this.#intervals;
    const slope = (to.v - from.v) / (to.t - from.t);
    while (this.#at < intervals.count) {
      const low = Math.max(intervals.lowUs(this.#at), from.t);
      const high = Math.min(intervals.highUs(this.#at), to.t);
      if (high > low) {
        const middle = (low + high) / 2 - from.t;
        this.#area += (from.v + slope * middle) * (high - low);
        this.#coveredUs += high - low;
        this.#doubtful ||= doubtful;
      }
      if (intervals.highUs(this.#at) > to.t) return;
      this.#close();
    }
  }

  #close(): void {
    const i = this.#at++;
    const intervals = this.#intervals;
    if (intervals.isOutside(i) || this.#coveredUs === 0) {
      this.#out.setNoData(i, intervals.beginUs(i));
    } else {
      const doubtful = this.#doubtful || this.#coveredUs < intervals.highUs(i) - intervals.lowUs(i);
      const value = this.#total ? this.#area / 1_000_000 : this.#area / this.#coveredUs;
      const status = intervals.coded(i, doubtful ? UNCERTAIN_DATA_SUB_NORMAL : GOOD, CALCULATED);
      this.#out.set(i, intervals.beginUs(i), value, status);
    }
    this.#area = this.#coveredUs = 0;
    this.#doubtful = false;
  }
}
