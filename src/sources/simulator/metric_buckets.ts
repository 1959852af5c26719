/** Width of the buckets in which ChirpStack keeps measurements. */
export type Aggregation = "HOUR" | "DAY" | "MONTH";

/** How values meet in a bucket: the last one, the sum, or the mean. */
export type BucketKind = "counter" | "absolute" | "gauge";

/** A bucket as it is read: one value a field; a field that nothing was saved to is missing. */
export interface BucketRecord {
  /** Start of the bucket, µs since the epoch. */
  readonly timeUs: number;
  readonly fields: Readonly<Record<string, number>>;
}

const aggregations: readonly Aggregation[] = ["HOUR", "DAY", "MONTH"];
const hourUs = 3_600_000_000;
const dayUs = 24 * hourUs;

/** How long a bucket lives after its last change (chirpstack/src/storage/metrics.rs, `get_ttl`). */
const lifetimeUs: Readonly<Record<Aggregation, number>> = {
  HOUR: 48 * hourUs,
  DAY: 62 * dayUs,
  MONTH: 730 * dayUs,
};

interface Bucket {
  expiresUs: number;
  readonly sums: Record<string, number>;
  readonly counts: Record<string, number>;
}

/** The measurements of one series, as ChirpStack keeps them in Redis: aggregated, never raw. All times are UTC. */
export class MetricBuckets {
  readonly #buckets: Record<Aggregation, Map<number, Bucket>> = { HOUR: new Map(), DAY: new Map(), MONTH: new Map() };

  /**
   * Adds a record to its buckets. A counter keeps the last value that was saved, an absolute the sum, a gauge the mean.
   *
   * @param nowUs when the server saves it; buckets die so long after
   */
  save(timeUs: number, kind: BucketKind, fields: Readonly<Record<string, number>>, nowUs: number): void {
    for (const aggregation of aggregations) {
      const bucket = this.#open(aggregation, bucketStart(aggregation, timeUs), nowUs);
      for (const field in fields) {
        const value = fields[field] ?? 0;
        const sum = bucket.sums[field];
        bucket.sums[field] = sum === undefined || kind === "counter" ? value : sum + value;
        if (kind === "gauge") bucket.counts[field] = (bucket.counts[field] ?? 0) + 1;
      }
    }
  }

  /** Every bucket from the one that holds `startUs` to the one that holds `endUs`, also those that hold nothing. */
  read(aggregation: Aggregation, startUs: number, endUs: number, nowUs: number): BucketRecord[] {
    return bucketStarts(aggregation, startUs, endUs).map((timeUs) => {
      const bucket = this.#buckets[aggregation].get(timeUs);
      const fields: Record<string, number> = {};
      if (bucket !== undefined && bucket.expiresUs > nowUs) {
        for (const [field, sum] of Object.entries(bucket.sums)) fields[field] = sum / (bucket.counts[field] ?? 1);
      }
      return { timeUs, fields };
    });
  }

  #open(aggregation: Aggregation, startUs: number, nowUs: number): Bucket {
    const buckets = this.#buckets[aggregation];
    const expiresUs = nowUs + lifetimeUs[aggregation];
    const found = buckets.get(startUs);
    if (found !== undefined && found.expiresUs > nowUs) {
      found.expiresUs = expiresUs;
      return found;
    }
    for (const [start, bucket] of buckets) if (bucket.expiresUs <= nowUs) buckets.delete(start);
    const created = { expiresUs, sums: {}, counts: {} };
    buckets.set(startUs, created);
    return created;
  }
}

/** Start of the bucket that holds a time. */
export function bucketStart(aggregation: Aggregation, timeUs: number): number {
  if (aggregation === "HOUR") return Math.floor(timeUs / hourUs) * hourUs;
  if (aggregation === "DAY") return Math.floor(timeUs / dayUs) * dayUs;
  const date = new Date(timeUs / 1000);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) * 1000;
}

/** The starts of all buckets between two times, both ends included. */
export function bucketStarts(aggregation: Aggregation, startUs: number, endUs: number): number[] {
  const starts: number[] = [];
  const last = bucketStart(aggregation, endUs);
  for (let start = bucketStart(aggregation, startUs); start <= last; start = nextBucket(aggregation, start)) {
    starts.push(start);
  }
  return starts;
}

function nextBucket(aggregation: Aggregation, startUs: number): number {
  if (aggregation === "HOUR") return startUs + hourUs;
  if (aggregation === "DAY") return startUs + dayUs;
  const date = new Date(startUs / 1000);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) * 1000;
}
