import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { readNumbers, writeNumbers } from "./number_column.ts";
import type { StoredValue } from "./rows.ts";

const Form = { Numbers: 0, Runs: 1 } as const;
const Kind = { Null: 0, Number: 1, Text: 2 } as const;

/** Appends `values[from … to)`: numbers as one column; texts by a dictionary; where kinds mix, runs of kinds first. */
export function writeValues(writer: ByteWriter, values: readonly StoredValue[], from: number, to: number): void {
  let mixed = false;
  for (let i = from; i < to; i++) if (typeof values[i] !== "number") mixed = true;
  if (!mixed) {
    writer.byte(Form.Numbers);
    writeNumbers(writer, values as readonly number[], from, to);
    return;
  }
  writer.byte(Form.Runs);
  const numbers: number[] = [];
  const texts: string[] = [];
  for (let i = from; i < to;) {
    const kind = kindOf(values[i] as StoredValue);
    const start = i;
    for (; i < to && kindOf(values[i] as StoredValue) === kind; i++) {
      const value = values[i];
      if (typeof value === "number") numbers.push(value);
      else if (typeof value === "string") texts.push(value);
    }
    writer.byte(kind);
    writer.varint(i - start);
  }
  if (numbers.length > 0) writeNumbers(writer, numbers, 0, numbers.length);
  if (texts.length > 0) writeTexts(writer, texts);
}

/** Reads `count` values: one array of numbers when all are numbers. */
export function readValues(reader: ByteReader, count: number): Float64Array | StoredValue[] {
  const form = reader.byte();
  if (form === Form.Numbers) {
    const numbers = new Float64Array(count);
    readNumbers(reader, numbers, 0, count);
    return numbers;
  }
  if (form !== Form.Runs) throw new RangeError(`Cannot read values as their form is unknown: current value is ${form}`);
  const runs: { kind: number; length: number }[] = [];
  const totals = [0, 0, 0];
  for (let rows = 0; rows < count;) {
    const kind = reader.byte();
    const length = reader.varint();
    if (kind > Kind.Text || length === 0 || length > count - rows) {
      throw new RangeError("Cannot read values as their runs do not add up");
    }
    runs.push({ kind, length });
    totals[kind] = (totals[kind] as number) + length;
    rows += length;
  }
  const numbers = new Float64Array(totals[Kind.Number] as number);
  if (numbers.length > 0) readNumbers(reader, numbers, 0, numbers.length);
  const texts = (totals[Kind.Text] as number) > 0 ? readTexts(reader, totals[Kind.Text] as number) : [];
  const values: StoredValue[] = [];
  let number = 0;
  let text = 0;
  for (const { kind, length } of runs) {
    for (let i = 0; i < length; i++) {
      if (kind === Kind.Number) values.push(numbers[number++] as number);
      else if (kind === Kind.Text) values.push(texts[text++] as string);
      else values.push(null);
    }
  }
  return values;
}

function kindOf(value: StoredValue): number {
  return value === null ? Kind.Null : typeof value === "number" ? Kind.Number : Kind.Text;
}

function writeTexts(writer: ByteWriter, texts: readonly string[]): void {
  const places = new Map<string, number>();
  for (const text of texts) if (!places.has(text)) places.set(text, places.size);
  writer.varint(places.size);
  for (const text of places.keys()) writer.text(text);
  if (places.size === 1) return;
  for (const text of texts) writer.varint(places.get(text) as number);
}

function readTexts(reader: ByteReader, count: number): string[] {
  const distinct = reader.varint();
  if (distinct === 0 || distinct > count) throw new RangeError("Cannot read texts as their dictionary does not add up");
  const dictionary: string[] = [];
  for (let i = 0; i < distinct; i++) dictionary.push(reader.text());
  const texts: string[] = [];
  for (let i = 0; i < count; i++) {
    const text = dictionary[distinct === 1 ? 0 : reader.varint()];
    if (text === undefined) throw new RangeError("Cannot read texts as one is not in their dictionary");
    texts.push(text);
  }
  return texts;
}
