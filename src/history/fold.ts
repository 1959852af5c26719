import { isBadState, isGoodState, isServerMade, type StoredValue } from "./rows.ts";

/** Buckets of equal width by column; index 0 begins at `fromUs`. */
export interface FoldedBuckets {
  /** Rows of any kind. */
  readonly rows: Float64Array;
  /** Rows whose status is good. */
  readonly good: Float64Array;
  /** Measured rows (not server-made) whose status is not bad. */
  readonly count: Float64Array;
  /** Those of `count` whose value is a number; the figures below are about them and NaN where there is none. */
  readonly numbers: Float64Array;
  readonly sum: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly first: Float64Array;
  readonly last: Float64Array;
  /** How long the status was good, µs: a status holds until the next row. */
  readonly goodUs: Float64Array;
}

/** One hour of a rollup. */
export type HourFigures = { readonly [K in keyof FoldedBuckets]: number };

/**
 * Folds rows, ascending by time, into buckets. Server-made rows repeat the last value when the quality changes by
 * age: they count for the status alone, never for the value figures.
 */
export class Fold {
  readonly buckets: FoldedBuckets;
  readonly #fromUs: number;
  readonly #toUs: number;
  readonly #bucketUs: number;
  #sinceUs = 0;
  #wasGood = false;

  /** @param toUs exclusive; the last bucket may reach beyond it */
  constructor(fromUs: number, toUs: number, bucketUs: number) {
    const count = Math.ceil((toUs - fromUs) / bucketUs);
    const zeros = () => new Float64Array(count);
    const none = () => new Float64Array(count).fill(NaN);
    this.buckets = {
      rows: zeros(),
      good: zeros(),
      count: zeros(),
      numbers: zeros(),
      sum: zeros(),
      min: none(),
      max: none(),
      first: none(),
      last: none(),
      goodUs: zeros(),
    };
    this.#fromUs = fromUs;
    this.#toUs = toUs;
    this.#bucketUs = bucketUs;
  }

  /** Says what the status was at a time: by the last row before the rows that follow. `null`: unknown. */
  begin(timeUs: number, state: number | null): void {
    this.#sinceUs = timeUs;
    this.#wasGood = state !== null && isGoodState(state);
  }

  /** Takes one row; rows outside the span must not be given. */
  add(t: number, state: number, v: StoredValue): void {
    if (this.#wasGood) this.#addGood(this.#sinceUs, t);
    this.#sinceUs = t;
    this.#wasGood = isGoodState(state);
    const { rows, good, count, numbers, sum, min, max, first, last } = this.buckets;
    const i = Math.floor((t - this.#fromUs) / this.#bucketUs);
    rows[i] = (rows[i] as number) + 1;
    if (this.#wasGood) good[i] = (good[i] as number) + 1;
    if (isServerMade(state) || isBadState(state) || v === null) return;
    count[i] = (count[i] as number) + 1;
    if (typeof v !== "number") return;
    if ((numbers[i] as number) === 0) {
      first[i] = min[i] = max[i] = v;
    } else {
      if (v < (min[i] as number)) min[i] = v;
      if (v > (max[i] as number)) max[i] = v;
    }
    numbers[i] = (numbers[i] as number) + 1;
    sum[i] = (sum[i] as number) + v;
    last[i] = v;
  }

  /** The last row's status holds up to `timeUs`. */
  end(timeUs: number): void {
    if (this.#wasGood) this.#addGood(this.#sinceUs, Math.min(timeUs, this.#toUs));
    this.#sinceUs = timeUs;
    this.#wasGood = false;
  }

  /** Adds an hour of a rollup; hours must come in their order and lie in one bucket each. */
  addHour(startUs: number, hour: HourFigures): void {
    const { rows, good, count, numbers, sum, min, max, first, last, goodUs } = this.buckets;
    const i = Math.floor((startUs - this.#fromUs) / this.#bucketUs);
    rows[i] = (rows[i] as number) + hour.rows;
    good[i] = (good[i] as number) + hour.good;
    count[i] = (count[i] as number) + hour.count;
    goodUs[i] = (goodUs[i] as number) + hour.goodUs;
    if (hour.numbers === 0) return;
    if ((numbers[i] as number) === 0) {
      first[i] = hour.first;
      min[i] = hour.min;
      max[i] = hour.max;
    } else {
      min[i] = Math.min(min[i] as number, hour.min);
      max[i] = Math.max(max[i] as number, hour.max);
    }
    numbers[i] = (numbers[i] as number) + hour.numbers;
    sum[i] = (sum[i] as number) + hour.sum;
    last[i] = hour.last;
  }

  #addGood(fromUs: number, toUs: number): void {
    const { goodUs } = this.buckets;
    for (let at = Math.max(fromUs, this.#fromUs); at < toUs;) {
      const i = Math.floor((at - this.#fromUs) / this.#bucketUs);
      const end = Math.min(toUs, this.#fromUs + (i + 1) * this.#bucketUs);
      goodUs[i] = (goodUs[i] as number) + end - at;
      at = end;
    }
  }
}

/** The figures of bucket `i`. */
export function figuresOf(buckets: FoldedBuckets, i: number): HourFigures {
  return {
    rows: buckets.rows[i] as number,
    good: buckets.good[i] as number,
    count: buckets.count[i] as number,
    numbers: buckets.numbers[i] as number,
    sum: buckets.sum[i] as number,
    min: buckets.min[i] as number,
    max: buckets.max[i] as number,
    first: buckets.first[i] as number,
    last: buckets.last[i] as number,
    goodUs: buckets.goodUs[i] as number,
  };
}
