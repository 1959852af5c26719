import type { AggregateConfiguration, AggregateName } from "./aggregate_query.ts";
import type { Intervals } from "./aggregate_intervals.ts";
import {
  BAD,
  BAD_NO_DATA,
  CALCULATED,
  GOOD,
  MULTIPLE_VALUES,
  percentStatus,
  RAW,
  UNCERTAIN_DATA_SUB_NORMAL,
  Use,
  useOf,
} from "./aggregate_status.ts";
import type { ColumnSink } from "./computed_columns.ts";
import type { RowFold, Surroundings } from "./row_fold.ts";
import { isBadState, isGoodState, qualityOf, type StoredValue } from "./rows.ts";

/** One row that is remembered. */
interface Picked {
  readonly t: number;
  readonly state: number;
  readonly v: StoredValue;
}

/** The least or greatest of the numbers that were given. */
class Extreme {
  value = NaN;
  timeUs = NaN;
  /** How often the value came. */
  times = 0;
  /** It came at the begin of the interval too. */
  atBegin = false;
  /** The same of the uncertain values. */
  uncertain = NaN;
  readonly #sign: 1 | -1;

  /** @param sign 1: the greatest; −1: the least */
  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  take(t: number, v: number, beginUs: number): void {
    const beyond = (v - this.value) * this.#sign;
    if (beyond < 0) return;
    if (beyond === 0) {
      this.times++;
    } else {
      this.value = v;
      this.timeUs = t;
      this.times = 1;
      this.atBegin = false;
    }
    if (t === beginUs) this.atBegin = true;
  }

  takeUncertain(v: number): void {
    if (!((v - this.uncertain) * this.#sign <= 0)) this.uncertain = v;
  }

  /** Whether an uncertain value lies beyond all good ones. */
  get isDoubtful(): boolean {
    return (this.uncertain - this.value) * this.#sign > 0;
  }
}

/**
 * The aggregates that look at the rows of each interval and nothing else (OPC 10000-13 §5.4.3.5, .10 to .14, .21, .24 to
 * .27, .35, .37 to .40). One interval is open at a time: rows come in their order.
 */
export class FoldRows implements RowFold {
  readonly surroundings: Surroundings;
  readonly #aggregate: AggregateName;
  readonly #intervals: Intervals;
  readonly #configuration: AggregateConfiguration;
  readonly #out: ColumnSink;
  #at = 0;
  /** Rows of the open interval: all, good, bad. */
  #rows = 0;
  #good = 0;
  #bad = 0;
  #sum = 0;
  #mean = 0;
  #squares = 0;
  #least = new Extreme(-1);
  #greatest = new Extreme(1);
  #first: Picked | null = null;
  #last: Picked | null = null;
  #firstGood: Picked | null = null;
  #lastGood: Picked | null = null;
  #notGoodOutside = false;
  #transitions = 0;
  /** The usable value before, over all intervals. */
  #before: StoredValue | undefined;
  #worst: Picked | null = null;
  #worstTimes = 0;

  constructor(
    aggregate: AggregateName,
    intervals: Intervals,
    configuration: AggregateConfiguration,
    out: ColumnSink,
  ) {
    this.#aggregate = aggregate;
    this.#intervals = intervals;
    this.#configuration = configuration;
    this.#out = out;
    this.surroundings = { before: aggregate === "NumberOfTransitions" ? "usable" : "none", after: "none" };
  }

  isUsable(state: number): boolean {
    return useOf(state, this.#configuration) !== Use.Bad;
  }

  add(t: number, state: number, v: StoredValue): void {
    const intervals = this.#intervals;
    while (this.#at < intervals.count && intervals.isBehind(this.#at, t)) this.#close();
    const use = useOf(state, this.#configuration);
    const inside = this.#at < intervals.count && !intervals.isBefore(this.#at, t);
    if (inside) this.#take(t, state, v, use);
    if (use !== Use.Bad) this.#before = v;
  }

  end(): void {
    while (this.#at < this.#intervals.count) this.#close();
  }

  #take(t: number, state: number, v: StoredValue, use: Use): void {
    const row: Picked = { t, state, v };
    this.#rows++;
    this.#first ??= row;
    this.#last = row;
    if (use !== Use.Bad && v !== this.#before) this.#transitions++;
    this.#takeWorst(row);
    const beginUs = this.#intervals.beginUs(this.#at);
    if (use === Use.Good) {
      this.#good++;
      this.#firstGood ??= row;
      this.#lastGood = row;
      if (typeof v !== "number") return;
      this.#sum += v;
      // Welford's way does not lose digits when values are large beside their differences
      const step = v - this.#mean;
      this.#mean += step / this.#good;
      this.#squares += step * (v - this.#mean);
      this.#least.take(t, v, beginUs);
      this.#greatest.take(t, v, beginUs);
      return;
    }
    if (use === Use.Bad) this.#bad++;
    else if (typeof v === "number") {
      this.#least.takeUncertain(v);
      this.#greatest.takeUncertain(v);
    }
    if (this.#firstGood === null) this.#notGoodOutside = true;
  }

  #takeWorst(row: Picked): void {
    const rank = isBadState(row.state) ? 2 : isGoodState(row.state) ? 0 : 1;
    const worst = this.#worst === null
      ? -1
      : isBadState(this.#worst.state)
      ? 2
      : isGoodState(this.#worst.state)
      ? 0
      : 1;
    if (rank > worst) {
      this.#worst = row;
      this.#worstTimes = 1;
    } else if (rank === worst) {
      this.#worstTimes++;
    }
  }

  #close(): void {
    const i = this.#at++;
    if (this.#intervals.isOutside(i)) this.#out.setNoData(i, this.#intervals.beginUs(i));
    else this.#answer(i);
    this.#rows =
      this.#good =
      this.#bad =
      this.#sum =
      this.#mean =
      this.#squares =
      this.#transitions =
        0;
    this.#worstTimes = 0;
    this.#least = new Extreme(-1);
    this.#greatest = new Extreme(1);
    this.#first =
      this.#last =
      this.#firstGood =
      this.#lastGood =
      this.#worst =
        null;
    this.#notGoodOutside = false;
  }

  #answer(i: number): void {
    const aggregate = this.#aggregate;
    switch (aggregate) {
      case "Average":
        return this.#good === 0 ? this.#noData(i) : this.#byPercent(i, this.#sum / this.#good);
      case "Count":
        return this.#byPercent(i, this.#good);
      case "NumberOfTransitions":
        return this.#byPercent(i, this.#transitions);
      case "Minimum":
        return this.#extreme(i, this.#least, false);
      case "Maximum":
        return this.#extreme(i, this.#greatest, false);
      case "MinimumActualTime":
        return this.#extreme(i, this.#least, true);
      case "MaximumActualTime":
        return this.#extreme(i, this.#greatest, true);
      case "Range": {
        const doubtful = this.#bad > 0 || this.#least.isDoubtful || this.#greatest.isDoubtful;
        return this.#calculated(i, this.#greatest.value - this.#least.value, doubtful);
      }
      case "Delta": {
        const [first, last] = [this.#firstGood?.v, this.#lastGood?.v];
        const delta = typeof first === "number" && typeof last === "number" ? last - first : NaN;
        return this.#calculated(i, delta, this.#notGoodOutside || this.#last !== this.#lastGood);
      }
      case "Start":
        return this.#pick(i, this.#first);
      case "End":
        return this.#pick(i, this.#last);
      case "WorstQuality":
        if (this.#worst === null) return this.#noData(i);
        return this.#set(i, qualityOf(this.#worst.state), GOOD, this.#worstTimes > 1 ? MULTIPLE_VALUES : 0);
      case "VarianceSample":
      case "VariancePopulation":
      case "StandardDeviationSample":
      case "StandardDeviationPopulation":
        return this.#calculated(i, this.#spread(aggregate), this.#rows > this.#good);
    }
  }

  #spread(aggregate: AggregateName): number {
    const population = aggregate === "VariancePopulation" || aggregate === "StandardDeviationPopulation";
    const variance = this.#good === 1 ? 0 : this.#squares / (population ? this.#good : this.#good - 1);
    return aggregate === "VarianceSample" || aggregate === "VariancePopulation" ? variance : Math.sqrt(variance);
  }

  /** The status by the share of good and bad rows. */
  #byPercent(i: number, value: number): void {
    const status = this.#rows === 0 ? GOOD : percentStatus(this.#good, this.#bad, this.#rows, this.#configuration);
    if (status === BAD) this.#out.set(i, this.#intervals.beginUs(i), null, BAD);
    else this.#set(i, value, status, 0);
  }

  #calculated(i: number, value: number, doubtful: boolean): void {
    if (this.#good === 0 || Number.isNaN(value)) this.#noData(i);
    else this.#set(i, value, doubtful ? UNCERTAIN_DATA_SUB_NORMAL : GOOD, 0);
  }

  #extreme(i: number, extreme: Extreme, actualTime: boolean): void {
    if (Number.isNaN(extreme.value)) return this.#noData(i);
    const doubtful = this.#bad > 0 || extreme.isDoubtful;
    const raw = !doubtful && (actualTime || extreme.atBegin);
    const bits = (raw ? RAW : CALCULATED) | (extreme.times > 1 ? MULTIPLE_VALUES : 0);
    const timeUs = actualTime ? extreme.timeUs : this.#intervals.beginUs(i);
    const status = this.#intervals.coded(i, doubtful ? UNCERTAIN_DATA_SUB_NORMAL : GOOD, bits);
    this.#out.set(i, timeUs, extreme.value, status);
  }

  #pick(i: number, row: Picked | null): void {
    if (row === null) return this.#noData(i);
    const value = isBadState(row.state) ? null : row.v;
    this.#out.set(i, row.t, value, this.#intervals.coded(i, qualityOf(row.state), RAW));
  }

  #set(i: number, value: number, status: number, bits: number): void {
    const out = this.#out;
    const timeUs = this.#intervals.beginUs(i);
    // the table of Average has no partial bit (§5.4.3.5)
    if (this.#aggregate === "Average") out.set(i, timeUs, value, (status | CALCULATED | bits) >>> 0);
    else out.set(i, timeUs, value, this.#intervals.coded(i, status, CALCULATED | bits));
  }

  #noData(i: number): void {
    this.#out.set(i, this.#intervals.beginUs(i), null, BAD_NO_DATA);
  }
}
