import type { AggregateConfiguration } from "./aggregate_query.ts";
import type { DataSpan } from "./aggregate_intervals.ts";
import { BAD_NO_DATA, coded, GOOD, INTERPOLATED, UNCERTAIN_DATA_SUB_NORMAL, Use, useOf } from "./aggregate_status.ts";
import type { RowFold, Surroundings } from "./row_fold.ts";
import { qualityOf, type StoredValue } from "./rows.ts";

/** A row that a value can be derived from; `use` is never bad for interpolated bounds. */
interface Point {
  readonly t: number;
  readonly v: StoredValue;
  readonly use: Use;
}

/** How bounding values are found. */
export interface BoundsRules {
  readonly simple: boolean;
  readonly stepped: boolean;
  readonly configuration: AggregateConfiguration;
  readonly data: DataSpan;
}

/** Told each value: the place of its time, the value and its status with info bits. */
export type OnBound = (place: number, value: StoredValue, status: number) => void;

/** The bounding values of given times, ascending: interpolated (OPC 10000-13 §3.1.8) or simple ones (§3.1.9). */
export class FoldBounds implements RowFold {
  readonly surroundings: Surroundings;
  readonly #timesUs: Float64Array;
  readonly #rules: BoundsRules;
  readonly #tell: OnBound;
  #at = 0;
  #last: Point | null = null;
  #lastButOne: Point | null = null;
  /** Time of the first bad row behind `#last`, for interpolated bounds. */
  #badFromUs = Infinity;

  constructor(timesUs: Float64Array, rules: BoundsRules, tell: OnBound) {
    this.#timesUs = timesUs;
    this.#rules = rules;
    this.#tell = tell;
    const { simple, stepped, configuration } = rules;
    const rows = simple ? "row" : "usable";
    this.surroundings = {
      before: !simple && configuration.useSlopedExtrapolation ? "two_usable" : rows,
      after: stepped ? "none" : rows,
    };
  }

  isUsable(state: number, v: StoredValue): boolean {
    return v !== null && useOf(state, this.#rules.configuration) !== Use.Bad;
  }

  add(t: number, state: number, v: StoredValue): void {
    const use: Use = v === null ? Use.Bad : useOf(state, this.#rules.configuration);
    const { simple } = this.#rules;
    if (!simple && use === Use.Bad) {
      this.#badFromUs = Math.min(this.#badFromUs, t);
      return;
    }
    const point: Point = { t, v, use };
    while (this.#at < this.#timesUs.length && this.#timeUs < t) {
      if (simple) this.#simple(point);
      else this.#interpolated(point);
    }
    while (this.#at < this.#timesUs.length && this.#timeUs === t) {
      if (use === Use.Bad) this.#set(null, BAD_NO_DATA);
      else this.#set(v, qualityOf(state));
    }
    this.#lastButOne = this.#last;
    this.#last = point;
    this.#badFromUs = Infinity;
  }

  end(): void {
    while (this.#at < this.#timesUs.length) {
      if (this.#rules.simple) this.#simpleAtTheEnd();
      else this.#interpolatedAtTheEnd();
    }
  }

  get #timeUs(): number {
    return this.#timesUs[this.#at] as number;
  }

  #interpolated(next: Point): void {
    const last = this.#last;
    if (last === null) return this.#set(null, BAD_NO_DATA);
    if (this.#rules.stepped) return this.#step(last, this.#badFromUs <= this.#timeUs);
    const doubtful = this.#badFromUs < Infinity || last.use !== Use.Good || next.use !== Use.Good;
    this.#line(last, next, doubtful);
  }

  #interpolatedAtTheEnd(): void {
    const last = this.#last;
    if (last === null) return this.#set(null, BAD_NO_DATA);
    const { stepped, configuration, data } = this.#rules;
    if (stepped) return this.#step(last, this.#badFromUs <= this.#timeUs || this.#timeUs > data.toUs);
    const before = configuration.useSlopedExtrapolation ? this.#lastButOne : null;
    if (before === null) this.#step(last, true);
    else this.#line(before, last, true);
  }

  #simple(next: Point): void {
    const last = this.#last;
    if (last === null || last.use === Use.Bad) return this.#set(null, BAD_NO_DATA);
    if (this.#rules.stepped) this.#step(last, false);
    else if (next.use === Use.Bad) this.#step(last, true);
    else this.#line(last, next, last.use !== Use.Good || next.use !== Use.Good);
  }

  #simpleAtTheEnd(): void {
    const last = this.#last;
    const known = this.#timeUs <= this.#rules.data.toUs;
    if (last === null || last.use === Use.Bad || !known) this.#set(null, BAD_NO_DATA);
    else this.#step(last, false);
  }

  #step(from: Point, doubtful: boolean): void {
    this.#set(from.v, statusOf(doubtful || from.use !== Use.Good));
  }

  #line(from: Point, to: Point, doubtful: boolean): void {
    if (typeof from.v !== "number" || typeof to.v !== "number") return this.#step(from, true);
    const value = from.v + (to.v - from.v) * (this.#timeUs - from.t) / (to.t - from.t);
    this.#set(value, statusOf(doubtful));
  }

  #set(value: StoredValue, status: number): void {
    this.#tell(this.#at++, value, status);
  }
}

function statusOf(doubtful: boolean): number {
  return coded(doubtful ? UNCERTAIN_DATA_SUB_NORMAL : GOOD, INTERPOLATED);
}
