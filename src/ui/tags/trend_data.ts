import type { BucketHistoryAnswer, RawSampleAnswer } from "../../web/api_schema.ts";

/** A span in which the quality was not good, in s since the epoch. */
export interface QualitySpan {
  readonly from: number;
  readonly to: number;
  readonly severity: "uncertain" | "bad";
}

/** What a trend draws. Times in s since the epoch; `null` leaves a gap. */
export interface TrendData {
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
  /** Lowest and highest of each bucket; `null` for single samples. */
  readonly band: { readonly low: readonly (number | null)[]; readonly high: readonly (number | null)[] } | null;
  readonly spans: readonly QualitySpan[];
}

/** A line is not drawn over a silence of more than this many typical intervals. */
const SILENT_INTERVALS = 3;

/**
 * Draws single samples, oldest first. A bad sample is a gap, its value says nothing about that time; so is a silence
 * much longer than usual.
 *
 * @param steady the value holds until the next one comes, as that of a tag stored only when it changes: no gaps
 */
export function trendOfSamples(samples: readonly RawSampleAnswer[], nowS: number, steady: boolean): TrendData {
  const times: number[] = [];
  const values: (number | null)[] = [];
  const spans: QualitySpan[] = [];
  const silence = steady ? Infinity : SILENT_INTERVALS * typicalInterval(samples);
  samples.forEach(({ sourceTime, value, quality }, index) => {
    const time = Date.parse(sourceTime) / 1000;
    const bits = quality >>> 30;
    const before = times.at(-1);
    if (before !== undefined && time - before > silence) {
      times.push((before + time) / 2);
      values.push(null);
    }
    times.push(time);
    values.push(bits >= 2 ? null : numberOf(value));
    if (bits === 0) return;
    const next = samples[index + 1];
    const to = next === undefined ? nowS : Date.parse(next.sourceTime) / 1000;
    const severity = bits === 1 ? "uncertain" : "bad";
    const last = spans.at(-1);
    if (last !== undefined && last.severity === severity && last.to === time) spans[spans.length - 1] = { ...last, to };
    else spans.push({ from: time, to, severity });
  });
  return { times, values, band: null, spans };
}

function typicalInterval(samples: readonly RawSampleAnswer[]): number {
  const times = samples.map(({ sourceTime }) => Date.parse(sourceTime) / 1000);
  const intervals = times.slice(1).map((time, index) => time - (times[index] ?? time)).sort((a, b) => a - b);
  return intervals[intervals.length >> 1] ?? Infinity;
}

/** Draws buckets: their mean as a line, lowest to highest as a band, buckets without a usable value as gaps. */
export function trendOfBuckets({ buckets }: Pick<BucketHistoryAnswer, "buckets">): TrendData {
  const spans: QualitySpan[] = [];
  const times = buckets.map(({ start, end, count, goodShare }) => {
    const from = Date.parse(start) / 1000;
    const to = Date.parse(end) / 1000;
    if (count > 0 && goodShare < 1) spans.push({ from, to, severity: "uncertain" });
    return (from + to) / 2;
  });
  return {
    times,
    values: buckets.map(({ mean }) => mean),
    band: { low: buckets.map(({ min }) => min), high: buckets.map(({ max }) => max) },
    spans,
  };
}

/** Of samples, oldest first, those whose value or quality differs from the one before. */
export function changesOf(samples: readonly RawSampleAnswer[]): RawSampleAnswer[] {
  return samples.filter(({ value, quality }, index) => {
    const before = samples[index - 1];
    return before === undefined || before.value !== value || before.quality !== quality;
  });
}

/** Lowest, highest and last of what is drawn; `null` when nothing is. */
export function trendExtremes(
  data: TrendData,
): { readonly low: number; readonly high: number; readonly last: number } | null {
  const drawn = data.values.filter((value) => value !== null);
  const last = drawn.at(-1);
  if (last === undefined) return null;
  const low = [...data.band?.low ?? [], ...drawn].reduce<number>((a, b) => b === null ? a : Math.min(a, b), Infinity);
  const high = [...data.band?.high ?? [], ...drawn].reduce<number>(
    (a, b) => b === null ? a : Math.max(a, b),
    -Infinity,
  );
  return { low, high, last };
}

/** A bucket width that a person can name, for at most `most` buckets over a range, s. */
export function bucketSecondsFor(rangeMs: number, most: number): number {
  const steps = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];
  return steps.find((step) => rangeMs / 1000 / step <= most) ?? 86_400;
}

function numberOf(value: RawSampleAnswer["value"]): number | null {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" ? value : null;
}
