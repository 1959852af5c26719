import { DamagedBlockError } from "./block_codec.ts";
import { ByteReader } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import { crc32 } from "./crc32.ts";
import { figuresOf, type FoldedBuckets, type HourFigures } from "./fold.ts";
import { readNumbers, writeNumbers } from "./number_column.ts";

/** Length of an hour, µs. */
export const HOUR_US = 3_600_000_000;

const FORMAT = 1;
const CRC_BYTES = 4;
const numberColumns = ["sum", "min", "max", "first", "last"] as const;
const scratch = new ByteWriter(4096);

/**
 * The rollup of one day: the figures of its 24 hours, packed. Hours without rows and without good time are left out;
 * `null` when that is all of them. A day's own figures are those of its hours together.
 */
export function encodeRollup(hours: FoldedBuckets): Uint8Array<ArrayBuffer> | null {
  const kept: HourFigures[] = [];
  let present = 0;
  for (let hour = 0; hour < 24; hour++) {
    const figures = figuresOf(hours, hour);
    if (figures.rows === 0 && figures.goodUs === 0) continue;
    present |= 1 << hour;
    kept.push(figures);
  }
  if (kept.length === 0) return null;
  const writer = scratch;
  writer.reset();
  writer.byte(FORMAT);
  writer.varint(present);
  for (const { rows, good, count, numbers, goodUs } of kept) {
    writer.varint(rows);
    writer.varint(rows - good);
    writer.varint(rows - count);
    writer.varint(count - numbers);
    writer.varint(HOUR_US - goodUs);
  }
  const numeric = kept.filter(({ numbers }) => numbers > 0);
  if (numeric.length > 0) {
    for (const name of numberColumns) writeNumbers(writer, numeric.map((hour) => hour[name]), 0, numeric.length);
  }
  writer.uint32(crc32(writer.written()));
  return writer.take();
}

/** The hours (0 to 23) of a day that have figures. Throws {@link DamagedBlockError} when a bit of it has changed. */
export function decodeRollup(bytes: Uint8Array): { readonly hour: number; readonly figures: HourFigures }[] {
  const end = bytes.length - CRC_BYTES;
  if (end < 1 || new ByteReader(bytes, end).uint32() !== crc32(bytes, 0, end)) {
    throw new DamagedBlockError("Cannot read a rollup as its checksum does not match");
  }
  try {
    const reader = new ByteReader(bytes, 0, end);
    const format = reader.byte();
    if (format !== FORMAT) throw new RangeError(`Cannot read a rollup of format ${format}`);
    const present = reader.varint();
    const hours: { hour: number; figures: { -readonly [K in keyof HourFigures]: number } }[] = [];
    for (let hour = 0; hour < 24; hour++) {
      if ((present & (1 << hour)) === 0) continue;
      const rows = reader.varint();
      const good = rows - reader.varint();
      const count = rows - reader.varint();
      const numbers = count - reader.varint();
      const goodUs = HOUR_US - reader.varint();
      const figures = { rows, good, count, numbers, goodUs, sum: 0, min: NaN, max: NaN, first: NaN, last: NaN };
      hours.push({ hour, figures });
    }
    const numeric = hours.filter(({ figures }) => figures.numbers > 0);
    if (numeric.length > 0) {
      const column = new Float64Array(numeric.length);
      for (const name of numberColumns) {
        readNumbers(reader, column, 0, numeric.length);
        numeric.forEach(({ figures }, i) => figures[name] = column[i] as number);
      }
    }
    return hours;
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new DamagedBlockError(error.message);
    throw error;
  }
}
