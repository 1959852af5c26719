/** One measured figure. */
export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The figure that must be met. */
  readonly must?: number;
  /** The figure that is aimed at. */
  readonly aim?: number;
  readonly note?: string;
}

/** How a bench is run. */
export interface BenchOptions {
  /** The whole size that the figures are stated for, instead of a quick one. */
  readonly full: boolean;
}

/** The value at `share` (0 to 1) of the values in order of size; `NaN` of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}
