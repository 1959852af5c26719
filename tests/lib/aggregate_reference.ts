/**
 * The aggregates of OPC 10000-13, word by word after the standard's text and as slow as that: each interval and each
 * bounding value is looked up anew in the whole array of rows. What the history computes is compared with this.
 */
import type { AggregateConfiguration, AggregateName } from "../../src/history/aggregate_query.ts";

export interface ReferenceRow {
  readonly t: number;
  readonly quality: number;
  readonly value: number | string | null;
}

export interface ReferenceQuery {
  readonly aggregate: AggregateName;
  readonly startUs: number;
  readonly endUs: number;
  readonly intervalUs: number;
  readonly stepped: boolean;
  readonly configuration: AggregateConfiguration;
}

export interface ReferenceValue {
  readonly timeUs: number;
  readonly value: number | string | null;
  readonly status: number;
}

const GOOD = 0;
const UNCERTAIN = 0x40a40000;
const BAD = 0x80000000;
const NO_DATA = 0x809b0000;
const CALCULATED = 0x401;
const INTERPOLATED = 0x402;
const PARTIAL = 0x404;
const MULTIPLE = 0x410;

type Kind = "good" | "uncertain" | "bad";

/** A bounding value; `raw` when a row lies there. */
interface Bound {
  readonly value: number | string;
  readonly uncertain: boolean;
  readonly raw: ReferenceRow | null;
}

export class Reference {
  readonly #rows: readonly ReferenceRow[];
  readonly #knownUs: number;
  readonly #stepped: boolean;
  readonly #configuration: AggregateConfiguration;

  /** @param nowUs up to when the last row is known to hold */
  constructor(rows: readonly ReferenceRow[], nowUs: number, stepped: boolean, configuration: AggregateConfiguration) {
    this.#rows = rows;
    this.#knownUs = Math.max(nowUs, rows.at(-1)?.t ?? -Infinity);
    this.#stepped = stepped;
    this.#configuration = configuration;
  }

  /** §5.4.2.2, and each aggregate's clause. */
  processed({ aggregate, startUs, endUs, intervalUs }: Omit<ReferenceQuery, "stepped" | "configuration">) {
    const results: ReferenceValue[] = [];
    const sign = startUs < endUs ? 1 : -1;
    const width = intervalUs === 0 ? Math.abs(endUs - startUs) : intervalUs;
    for (let begin = startUs; (endUs - begin) * sign > 0; begin += width * sign) {
      const end = sign > 0 ? Math.min(endUs, begin + width) : Math.max(endUs, begin - width);
      results.push(this.#interval(aggregate, begin, end, width));
    }
    return results;
  }

  /** Interpolated (§3.1.8) or simple (§3.1.9) bounding value as a result of ReadAtTime or Interpolative. */
  at(timeUs: number, simple: boolean): ReferenceValue {
    const bound = simple ? this.#simple(timeUs) : this.#interpolated(timeUs, this.#stepped);
    if (bound === null) return { timeUs, value: null, status: NO_DATA };
    const status = bound.raw?.quality ?? ((bound.uncertain ? UNCERTAIN : GOOD) | INTERPOLATED);
    return { timeUs, value: bound.value, status };
  }

  #kind(row: ReferenceRow): Kind {
    const severity = row.quality >>> 30;
    if (severity === 0) return "good";
    return severity === 1 && !this.#configuration.treatUncertainAsBad ? "uncertain" : "bad";
  }

  #isUsable(row: ReferenceRow): boolean {
    return row.value !== null && this.#kind(row) !== "bad";
  }

  #interpolated(t: number, stepped: boolean): Bound | null {
    const rows = this.#rows;
    const here = rows.find((row) => row.t === t && this.#isUsable(row));
    if (here !== undefined) return this.#rawBound(here);
    const before = rows.filter((row) => row.t < t && this.#isUsable(row)).reverse();
    const after = rows.find((row) => row.t > t && this.#isUsable(row));
    const [first, second] = before;
    if (first === undefined) return null;
    const skipped = (untilUs: number) =>
      rows.some((row) => row.t > first.t && row.t <= untilUs && !this.#isUsable(row));
    const doubtful = this.#kind(first) === "uncertain";
    if (stepped) {
      const beyond = after === undefined && t > this.#knownUs;
      return { value: first.value as number | string, uncertain: doubtful || beyond || skipped(t), raw: null };
    }
    if (after === undefined) {
      const sloped = this.#configuration.useSlopedExtrapolation && second !== undefined;
      return { value: sloped ? line(second, first, t) : first.value as number | string, uncertain: true, raw: null };
    }
    const uncertain = doubtful || this.#kind(after) === "uncertain" || skipped(after.t);
    return { value: line(first, after, t), uncertain, raw: null };
  }

  #simple(t: number): Bound | null {
    const rows = this.#rows;
    const here = rows.find((row) => row.t === t);
    if (here !== undefined) return this.#isUsable(here) ? this.#rawBound(here) : null;
    const before = rows.findLast((row) => row.t < t);
    const after = rows.find((row) => row.t > t);
    if (before === undefined || !this.#isUsable(before)) return null;
    const doubtful = this.#kind(before) === "uncertain";
    const value = before.value as number | string;
    if (after === undefined) return t > this.#knownUs ? null : { value, uncertain: doubtful, raw: null };
    if (this.#stepped) return { value, uncertain: doubtful, raw: null };
    if (!this.#isUsable(after)) return { value, uncertain: true, raw: null };
    return {
      value: line(before, after, t),
      uncertain: doubtful || this.#kind(after) === "uncertain",
      raw: null,
    };
  }

  #rawBound(row: ReferenceRow): Bound {
    return { value: row.value as number | string, uncertain: this.#kind(row) === "uncertain", raw: row };
  }

  #interval(aggregate: AggregateName, begin: number, end: number, width: number): ReferenceValue {
    const [low, high] = begin < end ? [begin, end] : [end, begin];
    const forward = begin < end;
    const first = this.#rows[0];
    const noData = { timeUs: begin, value: null, status: NO_DATA };
    if (aggregate === "Interpolative") return first === undefined ? noData : this.at(begin, false);
    if (first === undefined) return noData;
    const isInside = (t: number) => forward ? t >= low && t < high : t > low && t <= high;
    const beforeData = first.t > high || (first.t === high && forward);
    const behindData = this.#knownUs < low || (this.#knownUs === low && !forward);
    if (beforeData || behindData) return noData;
    const isPartial = high - low < width || low < first.t || high > this.#knownUs;
    const partial = isPartial ? PARTIAL : 0;
    const rows = this.#rows.filter(({ t }) => isInside(t));
    const good = rows.filter((row) => this.#kind(row) === "good");
    const numbers = good.map(({ value }) => value).filter((value) => typeof value === "number");
    const bad = rows.filter((row) => this.#kind(row) === "bad").length;
    const uncertain = rows.filter((row) => this.#kind(row) === "uncertain").map(({ value }) => value as number);
    const answer = (value: number | string | null, status: number, timeUs = begin) => ({
      timeUs,
      value,
      status: (status | (aggregate === "Average" ? 0 : partial)) >>> 0,
    });
    const plain = (value: number, doubtful: boolean) => answer(value, (doubtful ? UNCERTAIN : GOOD) | CALCULATED);
    const byShare = (value: number) => {
      const status = rows.length === 0 ? GOOD : this.#share(good.length, bad, rows.length);
      return status === BAD ? { timeUs: begin, value: null, status: BAD } : answer(value, status | CALCULATED);
    };
    const extreme = (pick: (...values: number[]) => number, actual: boolean) => {
      if (numbers.length === 0) return noData;
      const value = pick(...numbers);
      const where = good.filter((row) => row.value === value);
      const doubtful = bad > 0 || (uncertain.length > 0 && pick(value, ...uncertain) !== value);
      const raw = !doubtful && (actual || where.some(({ t }) => t === begin));
      const bits = (raw ? 0 : CALCULATED) | (where.length > 1 ? MULTIPLE : 0);
      return answer(value, (doubtful ? UNCERTAIN : GOOD) | bits, actual ? where[0]?.t : begin);
    };
    const pick = (row: ReferenceRow | undefined) =>
      row === undefined ? noData : answer(row.quality >>> 31 ? null : row.value, row.quality, row.t);

    switch (aggregate) {
      case "Average":
        return numbers.length === 0 ? noData : byShare(sum(numbers) / numbers.length);
      case "Count":
        return byShare(good.length);
      case "NumberOfTransitions": {
        let count = 0;
        let previous = this.#rows.findLast(({ t }, i) =>
          (forward ? t < low : t <= low) && this.#kind(this.#rows[i] as ReferenceRow) !== "bad"
        )?.value;
        for (const row of rows) {
          if (this.#kind(row) === "bad") continue;
          if (row.value !== previous) count++;
          previous = row.value;
        }
        return byShare(count);
      }
      case "Minimum":
        return extreme(Math.min, false);
      case "Maximum":
        return extreme(Math.max, false);
      case "MinimumActualTime":
        return extreme(Math.min, true);
      case "MaximumActualTime":
        return extreme(Math.max, true);
      case "Range": {
        if (numbers.length === 0) return noData;
        const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
        return plain(most - least, bad > 0 || uncertain.some((value) => value < least || value > most));
      }
      case "Delta": {
        if (numbers.length === 0) return noData;
        const skipped = rows[0] !== good[0] || rows.at(-1) !== good.at(-1);
        return plain((numbers.at(-1) ?? NaN) - (numbers[0] ?? NaN), skipped);
      }
      case "Start":
        return pick(rows[0]);
      case "End":
        return pick(rows.at(-1));
      case "WorstQuality": {
        const rank = ({ quality }: ReferenceRow) => Math.min(2, quality >>> 30);
        const worst = Math.max(...rows.map(rank));
        const those = rows.filter((row) => rank(row) === worst);
        const [first] = those;
        return first === undefined ? noData : answer(first.quality, CALCULATED | (those.length > 1 ? MULTIPLE : 0));
      }
      case "StandardDeviationSample":
      case "StandardDeviationPopulation":
      case "VarianceSample":
      case "VariancePopulation": {
        if (numbers.length === 0) return noData;
        const mean = sum(numbers) / numbers.length;
        const count = aggregate.endsWith("Sample") ? numbers.length - 1 : numbers.length;
        const variance = numbers.length === 1 ? 0 : sum(numbers.map((value) => (value - mean) ** 2)) / count;
        return plain(aggregate.startsWith("Variance") ? variance : Math.sqrt(variance), rows.length > good.length);
      }
      case "TimeAverage":
      case "Total": {
        const found = this.#trapezoids(low, high);
        if (found === null) return noData;
        return plain(aggregate === "Total" ? found.area / 1e6 : found.area / found.width, found.doubtful);
      }
      case "StartBound":
      case "EndBound": {
        const timeUs = aggregate === "StartBound" ? begin : end;
        const { value, status } = this.at(timeUs, true);
        return value === null ? { timeUs, value, status } : answer(value, status, timeUs);
      }
      case "DeltaBounds": {
        const [a, b] = [this.#simple(begin), this.#simple(end)];
        return a === null || b === null
          ? noData
          : plain((b.value as number) - (a.value as number), a.uncertain || b.uncertain);
      }
      case "DurationGood":
        return answer(this.#duration(low, high, "good") / 1000, CALCULATED);
      case "DurationBad":
        return answer(this.#duration(low, high, "bad") / 1000, CALCULATED);
      case "PercentGood":
        return answer(this.#duration(low, high, "good") / (high - low) * 100, CALCULATED);
      case "PercentBad":
        return answer(this.#duration(low, high, "bad") / (high - low) * 100, CALCULATED);
      default: {
        const { goodUs, usedUs, area, zeroUs } = this.#regions(low, high);
        if (usedUs === 0) return noData;
        const status = this.#share(goodUs, high - low - usedUs, high - low);
        const value = {
          TimeAverage2: area / usedUs,
          Total2: area / 1e6,
          DurationInStateZero: zeroUs / 1000,
          DurationInStateNonZero: (goodUs - zeroUs) / 1000,
        }[aggregate];
        return answer(status === BAD ? null : value, status | CALCULATED);
      }
    }
  }

  /** §5.4.3.2.1 */
  #share(good: number, bad: number, whole: number): number {
    const { percentDataGood, percentDataBad } = this.#configuration;
    const isGood = good / whole * 100 >= percentDataGood;
    const isBad = bad > 0 && bad / whole * 100 >= percentDataBad;
    // "If they are equal the result of the PercentDataGood calculation is used" (§4.2.1.2)
    if (isGood && isBad) return percentDataGood === 100 - percentDataBad ? GOOD : BAD;
    return isBad ? BAD : isGood ? GOOD : UNCERTAIN;
  }

  /** §5.4.3.6: lines from bound to value to bound, always sloped. */
  #trapezoids(low: number, high: number) {
    const inside = this.#rows.filter(({ t }) => t > low && t < high);
    const points: { t: number; v: number }[] = [];
    let doubtful = inside.some((row) => this.#kind(row) !== "good" || row.value === null);
    const start = this.#interpolated(low, false);
    if (start === null) doubtful = true;
    else points.push({ t: low, v: start.value as number });
    for (const row of inside) if (this.#isUsable(row)) points.push({ t: row.t, v: row.value as number });
    if (points.length === 0) return null;
    const end = this.#interpolated(high, false);
    if (end !== null) points.push({ t: high, v: end.value as number });
    doubtful ||= start?.uncertain === true || end?.uncertain === true;
    let area = 0;
    for (let i = 1; i < points.length; i++) {
      const [a, b] = [points[i - 1], points[i]];
      if (a !== undefined && b !== undefined) area += (a.v + b.v) / 2 * (b.t - a.t);
    }
    return { area, width: high - (points[0]?.t ?? high), doubtful };
  }

  /** §5.4.3.2.2: each region begins with the start bound or a row. */
  #regions(low: number, high: number) {
    const lastUs = this.#rows.at(-1)?.t ?? -Infinity;
    const untilUs = Math.min(high, Math.max(this.#knownUs, lastUs + 1));
    const cuts = [low, ...this.#rows.map(({ t }) => t).filter((t) => t > low && t < untilUs), untilUs];
    let [goodUs, usedUs, area, zeroUs] = [0, 0, 0, 0];
    for (let i = 1; i < cuts.length; i++) {
      const [a, b] = [cuts[i - 1] as number, cuts[i] as number];
      const begin = this.#simple(a);
      if (b <= a || begin === null) continue;
      const next = this.#rows.find(({ t }) => t > a);
      const v = begin.value as number;
      let [endValue, doubtful] = [v, begin.uncertain];
      if (!this.#stepped && next !== undefined) {
        if (!this.#isUsable(next)) doubtful = true;
        else {
          endValue = v + ((next.value as number) - v) * (b - a) / (next.t - a);
          doubtful ||= this.#kind(next) === "uncertain";
        }
      }
      usedUs += b - a;
      area += (v + endValue) / 2 * (b - a);
      if (!doubtful) goodUs += b - a;
      if (!doubtful && v === 0) zeroUs += b - a;
    }
    return { goodUs, usedUs, area, zeroUs };
  }

  /** §5.4.3.31 and .32: what a row says holds until the next one; before the first everything is bad. */
  #duration(low: number, high: number, kind: Kind): number {
    const first = this.#rows[0]?.t ?? Infinity;
    let sumUs = kind === "bad" ? Math.max(0, Math.min(high, first) - low) : 0;
    this.#rows.forEach((row, i) => {
      const next = this.#rows[i + 1]?.t ?? Math.max(this.#knownUs, row.t + 1);
      if (this.#kind(row) === kind) sumUs += Math.max(0, Math.min(high, next) - Math.max(low, row.t));
    });
    return sumUs;
  }
}

function line(a: ReferenceRow, b: ReferenceRow, t: number): number {
  const [from, to] = [a.value as number, b.value as number];
  return from + (to - from) * (t - a.t) / (b.t - a.t);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
