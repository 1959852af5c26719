import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";

/**
 * A column of numbers in few bytes, exact to the last bit (except that a negative zero comes back as zero). Field
 * devices send short decimals (21.53), so most columns are whole numbers of some power of ten whose differences fit one or two
 * bytes. A scale such as × 1.8 + 32 leaves rounding noise (70.16000000000001): the decimal is kept, and the noise
 * beside it as a small count of units in the last place. What is no decimal is stored as the bytes that differ from
 * the number before it.
 */
const Mode = { Constant: 0, Decimal: 1, NoisyDecimal: 2, Xor: 3 } as const;

const MAX_DECIMALS = 9;
const MAX_NOISE = 63;
/** The difference of two must stay within ±2^52. */
const MAX_WHOLE = 2 ** 51;
const powers = Array.from({ length: MAX_DECIMALS + 1 }, (_, exponent) => 10 ** exponent);

const pair = new Float64Array(2);
const words = new Uint32Array(pair.buffer);

/** Appends `values[from … to)`. Infinities and NaN are kept. */
export function writeNumbers(writer: ByteWriter, values: ArrayLike<number>, from: number, to: number): void {
  const first = values[from] as number;
  if (isConstant(values, from, to)) {
    writer.byte(Mode.Constant);
    writer.float64(first);
    return;
  }
  const form = decimalForm(values, from, to);
  if (form === null) {
    writer.byte(Mode.Xor);
    writeXor(writer, values, from, to);
    return;
  }
  writer.byte(form.noisy ? Mode.NoisyDecimal : Mode.Decimal);
  writer.byte(form.decimals);
  const power = powers[form.decimals] as number;
  let before = 0;
  for (let i = from; i < to; i++) {
    const whole = Math.round((values[i] as number) * power);
    writer.zigzag(whole - before);
    before = whole;
  }
  if (!form.noisy) return;
  for (let i = from; i < to; i++) {
    const value = values[i] as number;
    writer.zigzag(noise(value, decimalOf(Math.round(value * power), power)) as number);
  }
}

/** Reads `count` numbers into `into` at `offset`. */
export function readNumbers(reader: ByteReader, into: Float64Array | number[], offset: number, count: number): void {
  const mode = reader.byte();
  const end = offset + count;
  if (mode === Mode.Constant) {
    const value = reader.float64();
    for (let i = offset; i < end; i++) into[i] = value;
  } else if (mode === Mode.Decimal || mode === Mode.NoisyDecimal) {
    const power = powers[reader.byte()];
    if (power === undefined) throw new RangeError("Cannot read a column of numbers as its scale is unknown");
    let whole = 0;
    for (let i = offset; i < end; i++) {
      whole += reader.zigzag();
      into[i] = whole / power;
    }
    if (mode === Mode.NoisyDecimal) {
      for (let i = offset; i < end; i++) {
        const steps = reader.zigzag();
        if (steps === 0) continue;
        pair[0] = into[i] as number;
        words[0] = (words[0] as number) + steps;
        into[i] = pair[0] as number;
      }
    }
  } else if (mode === Mode.Xor) {
    readXor(reader, into, offset, end);
  } else {
    throw new RangeError(`Cannot read a column of numbers as its form is unknown: current value is ${mode}`);
  }
}

function isConstant(values: ArrayLike<number>, from: number, to: number): boolean {
  const first = values[from];
  for (let i = from + 1; i < to; i++) if (!Object.is(values[i], first)) return false;
  return true;
}

/** The fewest decimals that represent every value, or `null` when some value is no short decimal. */
function decimalForm(values: ArrayLike<number>, from: number, to: number): { decimals: number; noisy: boolean } | null {
  let decimals = 0;
  let noisy = false;
  for (let i = from; i < to; i++) {
    const value = values[i] as number;
    for (;;) {
      const power = powers[decimals] as number;
      const whole = Math.round(value * power);
      if (!(Math.abs(whole) <= MAX_WHOLE)) return null;
      const decimal = decimalOf(whole, power);
      if (decimal === value) break;
      if (noise(value, decimal) !== null) {
        noisy = true;
        break;
      }
      if (++decimals > MAX_DECIMALS) return null;
    }
  }
  // a scale found later also applies to the values before it: more decimals represent them too, but maybe with noise
  return decimals === 0 ? { decimals, noisy } : fits(values, from, to, decimals);
}

function fits(
  values: ArrayLike<number>,
  from: number,
  to: number,
  decimals: number,
): { decimals: number; noisy: boolean } | null {
  const power = powers[decimals] as number;
  let noisy = false;
  for (let i = from; i < to; i++) {
    const value = values[i] as number;
    const whole = Math.round(value * power);
    if (!(Math.abs(whole) <= MAX_WHOLE)) return null;
    const decimal = decimalOf(whole, power);
    if (decimal === value) continue;
    if (noise(value, decimal) === null) return null;
    noisy = true;
  }
  return { decimals, noisy };
}

/** The decimal as the reader computes it, who never meets a negative zero. */
function decimalOf(whole: number, power: number): number {
  return (whole + 0) / power;
}

/** Units in the last place between `decimal` and `value` when they are few, else `null`. */
function noise(value: number, decimal: number): number | null {
  pair[0] = value;
  pair[1] = decimal;
  if (words[1] !== words[3]) return null;
  const steps = (words[0] as number) - (words[2] as number);
  return steps >= -MAX_NOISE && steps <= MAX_NOISE ? steps : null;
}

/** Each number as the bytes in which it differs from the one before: a control byte, then the bytes between the zeros. */
function writeXor(writer: ByteWriter, values: ArrayLike<number>, from: number, to: number): void {
  let lowBefore = 0;
  let highBefore = 0;
  for (let i = from; i < to; i++) {
    pair[0] = values[i] as number;
    const low = (words[0] as number) ^ lowBefore;
    const high = (words[1] as number) ^ highBefore;
    lowBefore = words[0] as number;
    highBefore = words[1] as number;
    if (low === 0 && high === 0) {
      writer.byte(0);
      continue;
    }
    const leading = high !== 0 ? Math.clz32(high) >> 3 : 4 + (Math.clz32(low) >> 3);
    const trailing = low !== 0 ? trailingZeroBytes(low) : 4 + trailingZeroBytes(high);
    writer.byte(1 + leading * 8 + trailing);
    for (let byte = trailing; byte < 8 - leading; byte++) {
      writer.byte(byte < 4 ? (low >>> (byte * 8)) & 255 : (high >>> (byte * 8 - 32)) & 255);
    }
  }
}

function readXor(reader: ByteReader, into: Float64Array | number[], offset: number, end: number): void {
  let lowBefore = 0;
  let highBefore = 0;
  for (let i = offset; i < end; i++) {
    const control = reader.byte();
    if (control !== 0) {
      const leading = (control - 1) >> 3;
      let low = 0;
      let high = 0;
      for (let byte = (control - 1) & 7; byte < 8 - leading; byte++) {
        if (byte < 4) low |= reader.byte() << (byte * 8);
        else high |= reader.byte() << (byte * 8 - 32);
      }
      lowBefore ^= low;
      highBefore ^= high;
    }
    words[0] = lowBefore;
    words[1] = highBefore;
    into[i] = pair[0] as number;
  }
}

function trailingZeroBytes(word: number): number {
  return (31 - Math.clz32(word & -word)) >> 3;
}
