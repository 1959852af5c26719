import { BAD_NO_DATA } from "./aggregate_status.ts";
import type { StoredValue } from "./rows.ts";

/** A {@link import("./aggregate_query.ts").ComputedPage} as it crosses threads. */
export interface ComputedColumns {
  readonly count: number;
  readonly timesUs: Float64Array<ArrayBuffer>;
  readonly values: Float64Array<ArrayBuffer> | StoredValue[];
  readonly statuses: Uint32Array<ArrayBuffer>;
}

/** Where computed values go. */
export interface ColumnSink {
  set(place: number, timeUs: number, value: StoredValue, status: number): void;
  setNoData(place: number, timeUs: number): void;
}

/** Computed values while they are being made: by place, in any order. */
export class ColumnsInMaking implements ColumnSink {
  readonly timesUs: Float64Array<ArrayBuffer>;
  readonly statuses: Uint32Array<ArrayBuffer>;
  readonly #numbers: Float64Array<ArrayBuffer>;
  /** Texts by place; empty for tags that hold none. */
  readonly #texts = new Map<number, string>();

  constructor(count: number) {
    this.timesUs = new Float64Array(count);
    this.statuses = new Uint32Array(count);
    this.#numbers = new Float64Array(count).fill(NaN);
  }

  set(place: number, timeUs: number, value: StoredValue, status: number): void {
    this.timesUs[place] = timeUs;
    this.statuses[place] = status;
    if (typeof value === "string") this.#texts.set(place, value);
    else if (value !== null) this.#numbers[place] = value;
  }

  setNoData(place: number, timeUs: number): void {
    this.set(place, timeUs, null, BAD_NO_DATA);
  }

  /** The same columns with other places: place 0 of it is `offset` here. */
  from(offset: number): ColumnSink {
    if (offset === 0) return this;
    return {
      set: (place, timeUs, value, status) => this.set(place + offset, timeUs, value, status),
      setNoData: (place, timeUs) => this.setNoData(place + offset, timeUs),
    };
  }

  /** The columns, from the last to the first when `reverse`. */
  done(reverse: boolean): ComputedColumns {
    const { timesUs, statuses } = this;
    const count = timesUs.length;
    if (reverse) {
      timesUs.reverse();
      statuses.reverse();
      this.#numbers.reverse();
    }
    if (this.#texts.size === 0) return { count, timesUs, values: this.#numbers, statuses };
    const values: StoredValue[] = Array.from(this.#numbers, (number) => Number.isNaN(number) ? null : number);
    for (const [place, text] of this.#texts) values[reverse ? count - 1 - place : place] = text;
    return { count, timesUs, values, statuses };
  }
}
