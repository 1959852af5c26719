import type { TagId, Value } from "../tags/tag.ts";

/** What an aggregate is computed from (OPC 10000-13 §5.4.3). */
export type AggregateFamily =
  /** The rows of the interval alone. */
  | "rows"
  /** The area under straight lines between the usable rows: interpolated bounding values (§3.1.8). */
  | "area"
  /** Regions that begin with a row each, bad ones too: simple bounding values (§3.1.9). */
  | "regions"
  /** How long which status held. */
  | "status"
  /** The value at the begin or end of the interval. */
  | "bounds";

/** What the result is: a Double, an Int32, milliseconds, a StatusCode, or the type of the variable itself. */
export type AggregateResult = "double" | "count" | "duration" | "status" | "source";

/** What an aggregate can be computed of: anything, numbers and switches, numbers alone, or what holds its value in steps. */
export type AggregateInput = "any" | "number_or_bool" | "number" | "stepped_number";

/** One aggregate. */
export interface AggregateTraits {
  readonly family: AggregateFamily;
  readonly result: AggregateResult;
  readonly input: AggregateInput;
}

/** The aggregates of OPC 10000-13 that the history computes, by their standard names. */
export const aggregates = {
  Interpolative: { family: "bounds", result: "source", input: "any" },
  Average: { family: "rows", result: "double", input: "number_or_bool" },
  TimeAverage: { family: "area", result: "double", input: "number_or_bool" },
  TimeAverage2: { family: "regions", result: "double", input: "number_or_bool" },
  Total: { family: "area", result: "double", input: "number_or_bool" },
  Total2: { family: "regions", result: "double", input: "number_or_bool" },
  Minimum: { family: "rows", result: "source", input: "number_or_bool" },
  Maximum: { family: "rows", result: "source", input: "number_or_bool" },
  MinimumActualTime: { family: "rows", result: "source", input: "number_or_bool" },
  MaximumActualTime: { family: "rows", result: "source", input: "number_or_bool" },
  Range: { family: "rows", result: "source", input: "number" },
  Count: { family: "rows", result: "count", input: "any" },
  NumberOfTransitions: { family: "rows", result: "count", input: "any" },
  Start: { family: "rows", result: "source", input: "any" },
  End: { family: "rows", result: "source", input: "any" },
  Delta: { family: "rows", result: "source", input: "number" },
  StartBound: { family: "bounds", result: "source", input: "any" },
  EndBound: { family: "bounds", result: "source", input: "any" },
  DeltaBounds: { family: "bounds", result: "source", input: "number" },
  DurationInStateZero: { family: "regions", result: "duration", input: "stepped_number" },
  DurationInStateNonZero: { family: "regions", result: "duration", input: "stepped_number" },
  DurationGood: { family: "status", result: "duration", input: "any" },
  DurationBad: { family: "status", result: "duration", input: "any" },
  PercentGood: { family: "status", result: "double", input: "any" },
  PercentBad: { family: "status", result: "double", input: "any" },
  WorstQuality: { family: "rows", result: "status", input: "any" },
  StandardDeviationSample: { family: "rows", result: "double", input: "number" },
  VarianceSample: { family: "rows", result: "double", input: "number" },
  StandardDeviationPopulation: { family: "rows", result: "double", input: "number" },
  VariancePopulation: { family: "rows", result: "double", input: "number" },
} as const satisfies Record<string, AggregateTraits>;

/** The standard's name of an aggregate. */
export type AggregateName = keyof typeof aggregates;

/** How rows that are not good are treated (AggregateConfigurationType, OPC 10000-13 §4.2.1.2). */
export interface AggregateConfiguration {
  readonly treatUncertainAsBad: boolean;
  /** Share of bad data, in percent, from which on the result is bad. */
  readonly percentDataBad: number;
  /** Share of good data, in percent, from which on the result is good. At least 100 − `percentDataBad`. */
  readonly percentDataGood: number;
  /** Values behind the last row go on along the line through the last two instead of staying as they are. */
  readonly useSlopedExtrapolation: boolean;
}

/** The standard's defaults (OPC 10000-13 §4.2.1.2). */
export const defaultAggregateConfiguration: AggregateConfiguration = {
  treatUncertainAsBad: true,
  percentDataBad: 100,
  percentDataGood: 100,
  useSlopedExtrapolation: false,
};

/** Intervals of one tag and what to compute of each (OPC 10000-13 §5.4.2.2). */
export interface ProcessedQuery {
  readonly tagId: TagId;
  readonly aggregate: AggregateName;
  /** Where the first interval begins; it belongs to the interval. Later than `endUs`: time flows backwards. */
  readonly startUs: number;
  /** Where the last one ends; does not belong to it. Never equal to `startUs`. */
  readonly endUs: number;
  /** Width of an interval, µs; 0 makes the whole span one interval. */
  readonly intervalUs: number;
  /** The first interval wanted, counted from `startUs` in the direction of time. */
  readonly first: number;
  /** At most so many, 1 to 1,000,000. */
  readonly limit: number;
  /** The value holds until the next row, instead of going there along a straight line. */
  readonly stepped: boolean;
  readonly configuration: AggregateConfiguration;
}

/** Values at given times (OPC 10000-11 §6.5.5). */
export interface AtTimeQuery {
  readonly tagId: TagId;
  /** µs, in any order, each as often as wanted; 1 to 1,000,000. */
  readonly timesUs: Float64Array<ArrayBuffer>;
  /** Simple instead of interpolated bounding values (OPC 10000-13 §3.1.9, §3.1.8). */
  readonly simpleBounds: boolean;
  readonly stepped: boolean;
  readonly configuration: AggregateConfiguration;
}

/** Computed values by column, in the order asked for. */
export interface ComputedPage {
  readonly count: number;
  /** Times of the values, µs: the begin of the interval, or the time of the row that the aggregate picked. */
  readonly timesUs: Float64Array;
  /** Numbers with NaN for none (Bool as 0 and 1); an array as soon as one is text. */
  readonly values: Float64Array | readonly Value[];
  /** Status codes with their HistorianBits (OPC 10000-11 §6.2). */
  readonly statuses: Uint32Array;
}

/** Number of intervals of a span. */
export function intervalCount(startUs: number, endUs: number, intervalUs: number): number {
  return intervalUs === 0 ? 1 : Math.ceil(Math.abs(endUs - startUs) / intervalUs);
}
