/** Whole numbers up to here are exact in a 32-bit float. */
export const MAX_EXACT_SINGLE = 2 ** 24;

/**
 * The shortest decimal number that a 32-bit float stands for: 21.3 for 21.299999237060547. ChirpStack's aggregates
 * travel as 32-bit floats, and the digits that widening adds are nobody's measurement.
 */
export function fromSingle(value: number): number {
  if (!Number.isFinite(value) || Number.isInteger(value)) return value;
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
