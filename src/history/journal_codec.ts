import { DamagedBlockError } from "./block_codec.ts";
import { ByteReader } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import { crc32 } from "./crc32.ts";
import type { Row, StoredValue } from "./rows.ts";

const FORMAT = 1;
const CRC_BYTES = 4;
const Kind = { Null: 0, Float: 1, Whole: 2, Text: 3 } as const;

/** What one commit did to the newest rows: a row was put (a row of the same time is replaced) or taken out. */
export interface JournalEntry {
  /** Id of the series. */
  readonly series: number;
  readonly t: number;
  /** `null`: the row at `t` was taken out. */
  readonly row: Row | null;
}

const scratch = new ByteWriter(16_384);

/** Packs the entries `from … to)` of one commit, in their order. */
export function encodeJournal(
  entries: readonly JournalEntry[],
  from = 0,
  to = entries.length,
): Uint8Array<ArrayBuffer> {
  const writer = scratch;
  writer.reset();
  writer.byte(FORMAT);
  writer.varint(to - from);
  let timeBefore = 0;
  let lagBefore = 0;
  for (let i = from; i < to; i++) {
    const { series, t, row } = entries[i] as JournalEntry;
    writer.varint(series * 2 + (row === null ? 1 : 0));
    writer.zigzag(t - timeBefore);
    timeBefore = t;
    if (row === null) continue;
    writer.zigzag(row.lag - lagBefore);
    lagBefore = row.lag;
    writer.varint(row.state);
    writeValue(writer, row.v);
  }
  writer.uint32(crc32(writer.written()));
  return writer.take();
}

/** Unpacks one commit. Throws {@link DamagedBlockError} when a bit of it has changed. */
export function decodeJournal(bytes: Uint8Array): JournalEntry[] {
  const end = bytes.length - CRC_BYTES;
  if (end < 1 || new ByteReader(bytes, end).uint32() !== crc32(bytes, 0, end)) {
    throw new DamagedBlockError("Cannot read a journal record as its checksum does not match");
  }
  try {
    const reader = new ByteReader(bytes, 0, end);
    const format = reader.byte();
    if (format !== FORMAT) throw new RangeError(`Cannot read a journal record of format ${format}`);
    const entries: JournalEntry[] = [];
    let t = 0;
    let lag = 0;
    for (let left = reader.varint(); left > 0; left--) {
      const head = reader.varint();
      const series = Math.floor(head / 2);
      t += reader.zigzag();
      if (head % 2 === 1) {
        entries.push({ series, t, row: null });
        continue;
      }
      lag += reader.zigzag();
      const state = reader.varint();
      entries.push({ series, t, row: { t, lag, state, v: readValue(reader) } });
    }
    return entries;
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new DamagedBlockError(error.message);
    throw error;
  }
}

function writeValue(writer: ByteWriter, value: StoredValue): void {
  if (value === null) {
    writer.byte(Kind.Null);
  } else if (typeof value === "string") {
    writer.byte(Kind.Text);
    writer.text(value);
  } else if (Number.isInteger(value) && Math.abs(value) < 2 ** 48 && !Object.is(value, -0)) {
    writer.byte(Kind.Whole);
    writer.zigzag(value);
  } else {
    writer.byte(Kind.Float);
    writer.float64(value);
  }
}

function readValue(reader: ByteReader): StoredValue {
  const kind = reader.byte();
  switch (kind) {
    case Kind.Null:
      return null;
    case Kind.Float:
      return reader.float64();
    case Kind.Whole:
      return reader.zigzag();
    case Kind.Text:
      return reader.text();
    default:
      throw new RangeError(`Cannot read a value as its kind is unknown: current value is ${kind}`);
  }
}
