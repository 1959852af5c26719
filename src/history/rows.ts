import type { Value } from "../tags/tag.ts";
import type { QualityCode } from "../tags/quality.ts";

/** A value as it is stored: a Bool is 0 or 1. */
export type StoredValue = number | string | null;

/**
 * Rows of one series by column, ascending by time, no time twice. The same shape serves the rows in memory, a page
 * that is being read and a block that is being edited.
 */
export interface Rows {
  /** Source times, µs. */
  readonly t: number[];
  /** Server time minus source time, µs. */
  readonly lag: number[];
  /** Status code and flags, see {@link stateOf}. */
  readonly state: number[];
  readonly v: StoredValue[];
}

/** Rows by column in any kind of array. */
export interface Columns {
  readonly t: ArrayLike<number>;
  readonly lag: ArrayLike<number>;
  readonly state: ArrayLike<number>;
  readonly v: ArrayLike<StoredValue>;
}

/** One row. */
export interface Row {
  readonly t: number;
  readonly lag: number;
  readonly state: number;
  readonly v: StoredValue;
}

/** Status code and {@link import("./history.ts").RowFlag} bits in one number: Good without a flag is 0. */
export function stateOf(quality: QualityCode, flags: number): number {
  return quality * 8 + flags;
}

/** The {@link RowFlag} bits of a row's state. */
export function flagsOf(state: number): number {
  return state % 8;
}

/** The status code of a row's state. */
export function qualityOf(state: number): QualityCode {
  return Math.floor(state / 8);
}

/** The status is neither uncertain nor bad: the two top bits of the code are zero. */
export function isGoodState(state: number): boolean {
  return state < 0x4000_0000 * 8;
}

/** The status is bad: the top bit of the code is set. */
export function isBadState(state: number): boolean {
  return state >= 0x8000_0000 * 8;
}

/** The row was made here because the quality changed by age (flag ServerMade). */
export function isServerMade(state: number): boolean {
  return state % 2 === 1;
}

/** A tag's value in its stored form. NaN, which SQLite and JSON cannot hold, becomes `null`. */
export function storedValue(value: Value): StoredValue {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" && Number.isNaN(value) ? null : value;
}

/** Columns without a row. */
export function emptyRows(): Rows {
  return { t: [], lag: [], state: [], v: [] };
}

/** Index of the first row whose time is at least `timeUs`; the number of rows when there is none. */
export function lowerBound(t: ArrayLike<number>, timeUs: number, from = 0, to = t.length): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((t[middle] as number) < timeUs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts a row in its place; a row of the same time is replaced. */
export function putRow(rows: Rows, row: Row): void {
  const { t, lag, state, v } = rows;
  const last = t.length - 1;
  if (last < 0 || (t[last] as number) < row.t) {
    t.push(row.t);
    lag.push(row.lag);
    state.push(row.state);
    v.push(row.v);
    return;
  }
  const at = lowerBound(t, row.t);
  const replaced = t[at] === row.t ? 1 : 0;
  t.splice(at, replaced, row.t);
  lag.splice(at, replaced, row.lag);
  state.splice(at, replaced, row.state);
  v.splice(at, replaced, row.v);
}

/** Takes out `count` rows from index `at` on. */
export function removeRows(rows: Rows, at: number, count = 1): void {
  rows.t.splice(at, count);
  rows.lag.splice(at, count);
  rows.state.splice(at, count);
  rows.v.splice(at, count);
}

/** Appends the rows `from … to)` of `source`, which must all be later. */
export function appendRows(rows: Rows, source: Rows, from = 0, to = source.t.length): void {
  for (let i = from; i < to; i++) {
    rows.t.push(source.t[i] as number);
    rows.lag.push(source.lag[i] as number);
    rows.state.push(source.state[i] as number);
    rows.v.push(source.v[i] as StoredValue);
  }
}

/** The row at index `at`. */
export function rowAt(rows: Columns, at: number): Row {
  return {
    t: rows.t[at] as number,
    lag: rows.lag[at] as number,
    state: rows.state[at] as number,
    v: rows.v[at] as StoredValue,
  };
}
