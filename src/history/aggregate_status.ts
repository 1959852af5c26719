import type { AggregateConfiguration } from "./aggregate_query.ts";
import { isBadState, isGoodState } from "./rows.ts";

/** The codes of aggregates (OPC 10000-13 §5.3.2; numbers from OPC 10000-6 annex A). */
export const GOOD = 0x00000000;
export const UNCERTAIN_DATA_SUB_NORMAL = 0x40a40000;
export const BAD = 0x80000000;
export const BAD_NO_DATA = 0x809b0000;

/** InfoType DataValue with HistorianBits (OPC 10000-4 §7.38.1); a raw value has none of them. */
const DATA_VALUE = 0x400;
export const RAW = 0;
export const CALCULATED = DATA_VALUE | 0x01;
export const INTERPOLATED = DATA_VALUE | 0x02;
export const PARTIAL = DATA_VALUE | 0x04;
export const MULTIPLE_VALUES = DATA_VALUE | 0x10;

/** Status and bits as one unsigned number. */
export function coded(code: number, bits: number): number {
  return (code | bits) >>> 0;
}

/** What a row's status means for an aggregate. */
export const Use = { Good: 0, Uncertain: 1, Bad: 2 } as const;
export type Use = typeof Use[keyof typeof Use];

/** {@link Use} of a row's state; uncertain rows are bad when the configuration says so (OPC 10000-13 §3.1.7). */
export function useOf(state: number, { treatUncertainAsBad }: AggregateConfiguration): Use {
  if (isGoodState(state)) return Use.Good;
  return treatUncertainAsBad || isBadState(state) ? Use.Bad : Use.Uncertain;
}

/**
 * The status of a result by how much of its input is good and bad (OPC 10000-13 §5.4.3.2.1), counted in rows or in time.
 * Uncertain input is neither. Where good and bad share a limit (`good` = 100 − `bad`), good wins (§4.2.1.2).
 */
export function percentStatus(
  good: number,
  bad: number,
  whole: number,
  { percentDataGood, percentDataBad }: AggregateConfiguration,
): number {
  const enoughGood = good * 100 >= percentDataGood * whole;
  const tooBad = bad > 0 && bad * 100 >= percentDataBad * whole;
  if (enoughGood && (!tooBad || percentDataGood === 100 - percentDataBad)) return GOOD;
  return tooBad ? BAD : UNCERTAIN_DATA_SUB_NORMAL;
}
