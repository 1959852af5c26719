import type { Random } from "./seeded_random.ts";

const dayUs = 86_400_000_000;
const hourUs = 3_600_000_000;

/** Where counters start to count: 2026-01-01T00:00:00Z, µs. */
const counterEpochUs = 1_767_225_600_000_000;

/** How a value follows the day. */
export interface DailyCurve {
  readonly mean: number;
  /** Half the distance between the day's lowest and highest value. */
  readonly swing: number;
  /** Hour of the day (UTC, 0 to 24) with the highest value. Default 15. */
  readonly peakHour?: number;
  /** Half width of the noise of one reading. Default 0. */
  readonly noise?: number;
}

/** A reading of something that follows the sun: a sine over 24 h, a slower one over nine days, and noise. */
export function dailyCurve(timeUs: number, curve: DailyCurve, random: Random): number {
  const { mean, swing, peakHour = 15, noise = 0 } = curve;
  const day = Math.cos(2 * Math.PI * (timeUs - peakHour * hourUs) / dayUs);
  const weather = Math.sin(2 * Math.PI * timeUs / (9 * dayUs) + mean);
  return mean + swing * (0.8 * day + 0.2 * weather) + noise * (2 * random() - 1);
}

/**
 * A counter that grows by `perHour` on average, faster by day than by night, and never falls: the integral of a load
 * curve that stays above zero. Whole units.
 */
export function growingCounter(timeUs: number, start: number, perHour: number, peakHour = 14): number {
  const hours = (timeUs - counterEpochUs) / hourUs;
  const wave = 0.7 * Math.sin(2 * Math.PI * (hours - peakHour) / 24) * 24 / (2 * Math.PI);
  return Math.max(0, Math.floor(start + perHour * (hours + wave)));
}

/** A battery that loses `perDay` volts a day and is changed when it is down to `low`. */
export function batteryVolts(timeUs: number, full: number, low: number, perDay: number): number {
  const life = (full - low) / perDay;
  const age = (((timeUs - counterEpochUs) / dayUs) % life + life) % life;
  return full - age * perDay;
}

/** Rounds to so many digits behind the point, without the binary noise of repeated arithmetic. */
export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Hour of the day in UTC, 0 to 24, with its fraction. */
export function hourOfDay(timeUs: number): number {
  return (timeUs % dayUs) / hourUs;
}
