import { intervalCount } from "./aggregate_query.ts";
import { coded, PARTIAL } from "./aggregate_status.ts";

/** Where the stored data of a series begin and end, µs. */
export interface DataSpan {
  readonly fromUs: number;
  /** Time of the last row. */
  readonly lastUs: number;
  /**
   * Up to when the last row is known to hold, `lastUs` at least: "the Historian may extend the last value" (OPC 10000-13
   * §3.1.9), and this one would have been told of a change or, when a device falls silent, of its age.
   */
  readonly toUs: number;
}

/**
 * Some of the intervals of a request in the order of time, whatever the direction in which they were asked for:
 * interval `i` lies between `edges[i]` and `edges[i + 1]`. It includes its begin and not its end: when time flows backwards, the
 * begin is the later edge.
 */
export class Intervals {
  readonly edges: Float64Array;
  readonly count: number;
  readonly reverse: boolean;
  readonly data: DataSpan;
  readonly #fullUs: number;

  constructor(edges: Float64Array, reverse: boolean, fullUs: number, data: DataSpan) {
    this.edges = edges;
    this.count = edges.length - 1;
    this.reverse = reverse;
    this.data = data;
    this.#fullUs = fullUs;
  }

  /** The intervals `first … first + limit)` of a request; fewer when it has no more. */
  static of(
    request: {
      readonly startUs: number;
      readonly endUs: number;
      readonly intervalUs: number;
      readonly first: number;
      readonly limit: number;
    },
    data: DataSpan,
  ): Intervals {
    const { startUs, endUs, intervalUs, first, limit } = request;
    const reverse = startUs > endUs;
    const fullUs = intervalUs === 0 ? Math.abs(endUs - startUs) : intervalUs;
    const count = Math.max(0, Math.min(limit, intervalCount(startUs, endUs, intervalUs) - first));
    const edges = new Float64Array(count + 1);
    for (let k = 0; k <= count; k++) {
      if (reverse) edges[count - k] = Math.max(endUs, startUs - (first + k) * fullUs);
      else edges[k] = Math.min(endUs, startUs + (first + k) * fullUs);
    }
    return new Intervals(edges, reverse, fullUs, data);
  }

  /** The intervals `from … to)` of these. */
  part(from: number, to: number): Intervals {
    return new Intervals(this.edges.subarray(from, to + 1), this.reverse, this.#fullUs, this.data);
  }

  /** The same intervals over data that begin earlier. */
  over(fromUs: number): Intervals {
    return new Intervals(this.edges, this.reverse, this.#fullUs, { ...this.data, fromUs });
  }

  lowUs(i: number): number {
    return this.edges[i] as number;
  }

  highUs(i: number): number {
    return this.edges[i + 1] as number;
  }

  /** Where the interval begins in the direction of time: its timestamp. */
  beginUs(i: number): number {
    return this.reverse ? this.highUs(i) : this.lowUs(i);
  }

  /** Where it ends in the direction of time. */
  endUs(i: number): number {
    return this.reverse ? this.lowUs(i) : this.highUs(i);
  }

  /** Whether a row at `timeUs` comes behind interval `i`. */
  isBehind(i: number, timeUs: number): boolean {
    const high = this.highUs(i);
    return this.reverse ? timeUs > high : timeUs >= high;
  }

  /** Whether a row at `timeUs` comes before interval `i`. */
  isBefore(i: number, timeUs: number): boolean {
    const low = this.lowUs(i);
    return this.reverse ? timeUs <= low : timeUs < low;
  }

  /** Whether the interval lies before all data or behind them. */
  isOutside(i: number): boolean {
    return this.isBehind(i, this.data.fromUs) || this.isBefore(i, this.data.toUs);
  }

  /** The bit of an interval that is not complete: cut off by the end of the request or of the data (§5.3.3.2). */
  partialBit(i: number): number {
    const low = this.lowUs(i);
    const high = this.highUs(i);
    const { fromUs, toUs } = this.data;
    return high - low < this.#fullUs || low < fromUs || high > toUs ? PARTIAL : 0;
  }

  /** `code` with `bits`, and the partial bit of interval `i`. */
  coded(i: number, code: number, bits: number): number {
    return coded(code, bits | this.partialBit(i));
  }
}
