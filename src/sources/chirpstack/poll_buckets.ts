import type { ObjectPath } from "../../config/value_path.ts";
import type { RemoteMetric, RemoteMetrics } from "./chirpstack_api.ts";

/** Width of the buckets that poll mode reads, µs. */
export const BUCKET_US = 3_600_000_000;

/** The aggregate of one hour. */
export interface FilledBucket {
  /** Start of the hour as ChirpStack names it, µs. */
  readonly timeUs: number;
  readonly value: number;
}

/** Whether the hour that starts at `timeUs` is over, with some time for frames on their way and clocks that differ. */
export function isComplete(timeUs: number, nowUs: number, graceMs: number): boolean {
  return timeUs + BUCKET_US + graceMs * 1000 <= nowUs;
}

/**
 * The hours that are over, start after `afterUs`, and hold a value, oldest first.
 *
 * ChirpStack answers 0.0 both for a real zero and for an hour without any value. An hour counts as filled when its
 * value is not 0 or the device was received in it. What remains in doubt is an hour in which the device was received
 * but did not send this metric: it reads as 0.
 *
 * @param received frames received in the same hours; `null` when the server sends none: then zeros are not taken
 */
export function filledBuckets(
  metric: RemoteMetric,
  received: RemoteMetric | null,
  afterUs: number,
  nowUs: number,
  graceMs: number,
): FilledBucket[] {
  const frames = new Map(received?.timesUs.map((timeUs, index) => [timeUs, received.values[index] ?? 0]));
  const filled: FilledBucket[] = [];
  metric.timesUs.forEach((timeUs, index) => {
    const value = metric.values[index];
    if (value === undefined || timeUs <= afterUs || !isComplete(timeUs, nowUs, graceMs)) return;
    if (value !== 0 || (frames.get(timeUs) ?? 0) > 0) filled.push({ timeUs, value });
  });
  return filled.toSorted((a, b) => a.timeUs - b.timeUs);
}

/** The start of the last hour that is over among all that were answered; `null` when there is none. */
export function lastComplete(metrics: Iterable<RemoteMetric | null>, nowUs: number, graceMs: number): number | null {
  let last: number | null = null;
  for (const metric of metrics) {
    for (const timeUs of metric?.timesUs ?? []) {
      if (isComplete(timeUs, nowUs, graceMs) && timeUs > (last ?? 0)) last = timeUs;
    }
  }
  return last;
}

/** Finds the metrics and states of a device by what a configuration calls them. */
export interface MetricNames {
  metric(path: ObjectPath, text: string): RemoteMetric | undefined;
  state(path: ObjectPath, text: string): string | undefined;
}

/**
 * Names metrics by key first, then by display name. A key is the configured text itself, or the path with its parts
 * joined as ChirpStack joins them: `channels[2].value` is `channels_2_value` (chirpstack/src/codec/mod.rs).
 */
export function metricNames({ metrics, states }: RemoteMetrics): MetricNames {
  const metricOf = finder(metrics);
  const stateOf = finder(states);
  return { metric: metricOf, state: (path, text) => stateOf(path, text)?.value };
}

function finder<Item extends { readonly key: string; readonly name: string }>(items: readonly Item[]) {
  const byKey = new Map(items.map((item) => [item.key, item]));
  const byName = new Map(items.map((item) => [item.name, item]));
  return (path: ObjectPath, text: string): Item | undefined => {
    const joined = path.segments.join("_");
    return byKey.get(text) ?? byKey.get(joined) ?? byName.get(text) ?? byName.get(joined);
  };
}
