import { ByteReader } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import { crc32 } from "./crc32.ts";
import type { Rows, StoredValue } from "./rows.ts";
import { readValues, writeValues } from "./value_column.ts";

/**
 * Rows of one series, packed: about 2 to 11 bytes a row instead of 30. Layout: format (1 byte), number of rows, first
 * time, unit and usual interval of the times, their differences from it; server lags; runs of status and flags;
 * values; CRC-32.
 */
const FORMAT = 1;
const CRC_BYTES = 4;

/** Rows as a block holds them. */
export interface Block {
  readonly count: number;
  readonly t: Float64Array;
  readonly lag: Float64Array;
  readonly state: Float64Array;
  readonly v: Float64Array | StoredValue[];
}

/** The bytes of a block are not what was written. */
export class DamagedBlockError extends Error {
  override readonly name = "DamagedBlockError";
}

const units = [1_000_000, 1000, 1];
const scratch = new ByteWriter(16_384);

/** Packs the rows `from … to)`, at least one. */
export function encodeBlock(rows: Rows, from = 0, to = rows.t.length): Uint8Array<ArrayBuffer> {
  const writer = scratch;
  writer.reset();
  writer.byte(FORMAT);
  writer.varint(to - from);
  writeTimes(writer, rows.t, from, to);
  writeLags(writer, rows.lag, from, to);
  writeRuns(writer, rows.state, from, to);
  writeValues(writer, rows.v, from, to);
  writer.uint32(crc32(writer.written()));
  return writer.take();
}

/** Unpacks a block. Throws {@link DamagedBlockError} when a bit of it has changed. */
export function decodeBlock(bytes: Uint8Array): Block {
  const end = bytes.length - CRC_BYTES;
  if (end < 1) throw new DamagedBlockError(`Cannot read a block as it is too short: ${bytes.length} bytes`);
  if (new ByteReader(bytes, end).uint32() !== crc32(bytes, 0, end)) {
    throw new DamagedBlockError("Cannot read a block as its checksum does not match");
  }
  try {
    const reader = new ByteReader(bytes, 0, end);
    const format = reader.byte();
    if (format !== FORMAT) throw new RangeError(`Cannot read a block of format ${format}`);
    const count = reader.varint();
    // a row takes at least the byte of its time
    if (count < 1 || count > bytes.length) throw new RangeError(`Cannot read a block of ${count} rows`);
    const t = readTimes(reader, count);
    const lag = readLags(reader, count);
    const state = readRuns(reader, count);
    const v = readValues(reader, count);
    return { count, t, lag, state, v };
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new DamagedBlockError(error.message);
    throw error;
  }
}

/** A block as editable rows. */
export function rowsOfBlock(block: Block): Rows {
  return { t: plain(block.t), lag: plain(block.lag), state: plain(block.state), v: plain<StoredValue>(block.v) };
}

/** Array.from asks a typed array's iterator for each element: far slower. */
function plain<T>(values: ArrayLike<T>): T[] {
  const array: T[] = [];
  for (let i = 0; i < values.length; i++) array.push(values[i] as T);
  return array;
}

function writeTimes(writer: ByteWriter, t: readonly number[], from: number, to: number): void {
  writer.zigzag(t[from] as number);
  if (to - from === 1) return;
  const unit = unitOf(t, from, to, true);
  const usual = usualInterval(t, from, to);
  writer.byte(unit);
  const width = units[unit] as number;
  writer.zigzag(usual / width);
  for (let i = from + 1; i < to; i++) {
    writer.zigzag(((t[i] as number) - (t[i - 1] as number) - usual) / width);
  }
}

function readTimes(reader: ByteReader, count: number): Float64Array {
  const t = new Float64Array(count);
  let time = t[0] = reader.zigzag();
  if (count === 1) return t;
  const width = units[reader.byte()];
  if (width === undefined) throw new RangeError("Cannot read times as their unit is unknown");
  const usual = reader.zigzag();
  for (let i = 1; i < count; i++) t[i] = time += (reader.zigzag() + usual) * width;
  return t;
}

function writeLags(writer: ByteWriter, lag: readonly number[], from: number, to: number): void {
  let constant = true;
  for (let i = from + 1; i < to; i++) if (lag[i] !== lag[from]) constant = false;
  const unit = unitOf(lag, from, to, false);
  const width = units[unit] as number;
  writer.byte(constant ? unit : unit + units.length);
  let before = 0;
  for (let i = from; i < (constant ? from + 1 : to); i++) {
    const now = (lag[i] as number) / width;
    writer.zigzag(now - before);
    before = now;
  }
}

function readLags(reader: ByteReader, count: number): Float64Array {
  const lag = new Float64Array(count);
  const form = reader.byte();
  const width = units[form % units.length] as number;
  if (form < units.length) return lag.fill(reader.zigzag() * width);
  if (form >= 2 * units.length) throw new RangeError("Cannot read server times as their form is unknown");
  let now = 0;
  for (let i = 0; i < count; i++) {
    now += reader.zigzag();
    lag[i] = now * width;
  }
  return lag;
}

function writeRuns(writer: ByteWriter, state: readonly number[], from: number, to: number): void {
  for (let i = from; i < to;) {
    const start = i;
    while (i < to && state[i] === state[start]) i++;
    writer.varint(state[start] as number);
    writer.varint(i - start);
  }
}

function readRuns(reader: ByteReader, count: number): Float64Array {
  const state = new Float64Array(count);
  for (let rows = 0; rows < count;) {
    const value = reader.varint();
    const length = reader.varint();
    if (length === 0 || length > count - rows) throw new RangeError("Cannot read states as their runs do not add up");
    state.fill(value, rows, rows += length);
  }
  return state;
}

/** Index of the largest unit that divides all values (`differences`: all differences of neighbours). */
function unitOf(values: readonly number[], from: number, to: number, differences: boolean): number {
  let unit = 0;
  for (let i = differences ? from + 1 : from; i < to; i++) {
    const value = (values[i] as number) - (differences ? values[i - 1] as number : 0);
    while (value % (units[unit] as number) !== 0) unit++;
  }
  return unit;
}

/** A typical difference of neighbours: the median of at most 33 of them. One gap among them does not move it. */
function usualInterval(t: readonly number[], from: number, to: number): number {
  const step = Math.max(1, Math.floor((to - from - 1) / 33));
  const some: number[] = [];
  for (let i = from + 1; i < to; i += step) some.push((t[i] as number) - (t[i - 1] as number));
  some.sort((a, b) => a - b);
  return some[some.length >> 1] as number;
}
