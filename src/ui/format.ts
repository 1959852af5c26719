import type { Messages } from "./messages/messages.ts";

/** Writes numbers, spans and times for one language. Pure: what it needs comes in. */
export interface Formatter {
  /** A value of a tag, without its unit. */
  value(value: boolean | number | string | null): string;
  /** A whole number with separators. */
  count(value: number): string;
  /** A number with at most `digits` after the point. */
  number(value: number, digits: number): string;
  /** `12.4 MB`; steps of 1000. */
  bytes(bytes: number): string;
  /** A span in its largest fitting unit: `8 s`, `5 min`, `3 h`, `12 d`. */
  span(ms: number): string;
  /** How long ago something was: `just now`, `8 s ago`. */
  age(ms: number | null): string;
  /** Clock time, with the date when it is another day than `nowMs`. */
  time(timeMs: number, nowMs: number): string;
  /** Date and clock time. */
  dateTime(timeMs: number): string;
  /** The day. */
  date(timeMs: number): string;
}

/** A real minus sign: the hyphen that some languages' formats use is too short to be seen from afar. */
function withMinus(text: string): string {
  return text.replaceAll("-", "\u2212");
}

/** A formatter for a language's texts and its rules for numbers and dates. */
export function makeFormatter(locale: string, messages: Messages): Formatter {
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const significant = new Intl.NumberFormat(locale, { maximumSignificantDigits: 7 });
  const scientific = new Intl.NumberFormat(locale, { notation: "scientific", maximumSignificantDigits: 6 });
  const clock = new Intl.DateTimeFormat(locale, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
  const day = new Intl.DateTimeFormat(locale, { year: "numeric", month: "short", day: "numeric" });
  const shortDay = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric" });
  const decimals = new Map<number, Intl.NumberFormat>();

  function number(value: number, digits: number): string {
    let format = decimals.get(digits);
    if (format === undefined) {
      format = new Intl.NumberFormat(locale, { maximumFractionDigits: digits });
      decimals.set(digits, format);
    }
    return withMinus(format.format(value));
  }
  function span(ms: number): string {
    const seconds = Math.max(0, Math.round(ms / 1000));
    if (seconds < 90) return messages.spans.seconds(seconds);
    const minutes = Math.round(seconds / 60);
    if (minutes < 90) return messages.spans.minutes(minutes);
    const hours = Math.round(minutes / 60);
    return hours < 48 ? messages.spans.hours(hours) : messages.spans.days(Math.round(hours / 24));
  }
  return {
    value(value) {
      if (value === null) return "–";
      if (typeof value === "boolean") return value ? messages.values.true : messages.values.false;
      if (typeof value === "string") return value;
      const size = Math.abs(value);
      const format = Number.isInteger(value) ? whole : size >= 1e-4 && size < 1e12 ? significant : scientific;
      return withMinus(format.format(value));
    },
    count: (value) => whole.format(value),
    number,
    bytes(bytes) {
      const units = ["B", "kB", "MB", "GB", "TB"];
      let step = 0;
      let size = bytes;
      while (size >= 1000 && step < units.length - 1) {
        size /= 1000;
        step++;
      }
      return `${number(size, step === 0 || size >= 100 ? 0 : 1)} ${units[step]}`;
    },
    span,
    age(ms) {
      if (ms === null) return messages.age.never;
      if (ms < -2_000) return messages.age.ahead;
      return ms < 2_000 ? messages.age.now : messages.age.ago(span(ms));
    },
    time(timeMs, nowMs) {
      const time = clock.format(timeMs);
      return new Date(timeMs).toDateString() === new Date(nowMs).toDateString()
        ? time
        : `${shortDay.format(timeMs)}, ${time}`;
    },
    dateTime: (timeMs) => `${day.format(timeMs)}, ${clock.format(timeMs)}`,
    date: (timeMs) => day.format(timeMs),
  };
}
