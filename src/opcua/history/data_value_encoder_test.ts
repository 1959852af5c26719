import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { BinaryStream, DataType, HistoryData, HistoryReadResult, StatusCodes, TimestampsToReturn } from "node-opcua";
import { Quality } from "../../tags/quality.ts";
import type { DataTypeName, Value } from "../../tags/tag.ts";
import { builtInType, dataValue, scalar } from "../space/data_values.ts";
import { statusCodeOf } from "../space/status_codes.ts";
import { DataValueEncoder } from "./data_value_encoder.ts";

interface Row {
  readonly value: Value;
  readonly quality: number;
  readonly sourceUs: number;
  readonly serverUs: number;
}

/** Past the year 2200, to the µs; 0 stands for none. */
const timeUs = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 7_500_000_000_000_000 }) },
);
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double({ noNaN: true }),
  fc.integer({ min: -40_000, max: 70_000 }),
  fc.maxSafeInteger(),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 400 }),
  fc.integer().map(String),
);
const quality = fc.oneof(
  fc.constant(Quality.Good as number),
  fc.constantFrom<number>(...Object.values(Quality)),
  // with HistorianBits
  fc.constantFrom<number>(0x401, 0x402, 0x40a40404, 0x40a40402, 0x809b0000),
);
const row: fc.Arbitrary<Row> = fc.record({ value, quality, sourceUs: timeUs, serverUs: timeUs });
const timestamps = fc.constantFrom(TimestampsToReturn.Source, TimestampsToReturn.Server, TimestampsToReturn.Both);

/** The result as the library sends it. */
function bytesOf(data: HistoryData): Uint8Array {
  const result = new HistoryReadResult({ statusCode: StatusCodes.Good });
  result.historyData = data;
  const stream = new BinaryStream(result.binaryStoreSize());
  result.encode(stream);
  strictEqual(stream.length, stream.buffer.length);
  return stream.buffer;
}

function byTheLibrary(rows: readonly Row[], type: DataTypeName, asked: TimestampsToReturn): HistoryData {
  const data = new HistoryData({});
  data.dataValues = rows.map(({ value, quality, sourceUs, serverUs }) =>
    dataValue(
      value,
      quality,
      asked === TimestampsToReturn.Server ? 0 : sourceUs,
      asked === TimestampsToReturn.Source ? 0 : serverUs,
      type,
    )
  );
  return data;
}

function encoded(rows: readonly Row[], type: DataTypeName | "StatusCode", asked: TimestampsToReturn) {
  const encoder = new DataValueEncoder(type, asked, 0);
  for (const { value, quality, sourceUs, serverUs } of rows) encoder.add(value, quality, sourceUs, serverUs);
  const data = encoder.finish();
  strictEqual(data.binaryStoreSize(), encoder.bytes + 4);
  return data;
}

for (const type of Object.keys(builtInType) as DataTypeName[]) {
  Deno.test(`values of ${type} are encoded byte for byte as the library encodes them`, () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 30 }), timestamps, (rows, asked) => {
        const own = bytesOf(encoded(rows, type, asked));
        deepStrictEqual(own, bytesOf(byTheLibrary(rows, type, asked)));
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("status codes are encoded as the library encodes them", () => {
  const codes = [...Object.values(Quality), 0x40a40404];
  const library = new HistoryData({});
  library.dataValues = codes.map((code) => {
    const result = dataValue(null, Quality.Good, 5_000_000, 0, "Double");
    result.value = scalar(DataType.StatusCode, statusCodeOf(code));
    return result;
  });
  const rows = codes.map((code) => ({ value: code, quality: 0, sourceUs: 5_000_000, serverUs: 5_000_000 }));
  deepStrictEqual(bytesOf(encoded(rows, "StatusCode", TimestampsToReturn.Source)), bytesOf(library));
});

Deno.test("more values than a part holds are decoded as they were, to the µs", () => {
  const count = 25_000;
  const at = (i: number) => 1_700_000_000_000_001 + i * 1_000_003;
  const rows = Array.from({ length: count }, (_, i): Row => ({
    value: i % 7 === 0 ? null : i / 4,
    quality: i % 5 === 0 ? Quality.UncertainLastUsableValue : Quality.Good,
    sourceUs: at(i),
    serverUs: at(i) + 57,
  }));
  const bytes = bytesOf(encoded(rows, "Double", TimestampsToReturn.Both));
  deepStrictEqual(bytes, bytesOf(byTheLibrary(rows, "Double", TimestampsToReturn.Both)));
  const result = new HistoryReadResult();
  result.decode(new BinaryStream(Buffer.from(bytes)));
  const values = (result.historyData as HistoryData).dataValues ?? [];
  strictEqual(values.length, count);
  const back = values.map(({ value, statusCode, sourceTimestamp, sourcePicoseconds }): unknown[] => [
    value?.value ?? null,
    statusCode.value,
    (sourceTimestamp?.getTime() ?? 0) * 1000 + sourcePicoseconds / 1_000_000,
  ]);
  deepStrictEqual(back, rows.map(({ value, quality, sourceUs }) => [value, quality, sourceUs]));
});

Deno.test("a text longer than a part goes out whole", () => {
  const rows = ["a", "ü€🙂".repeat(50_000), "z"].map((value) => ({ value, quality: 0, sourceUs: 1, serverUs: 0 }));
  deepStrictEqual(
    bytesOf(encoded(rows, "String", TimestampsToReturn.Source)),
    bytesOf(byTheLibrary(rows, "String", TimestampsToReturn.Source)),
  );
});

Deno.test("rows of columns are added until the bytes are reached, with NaN for no value", () => {
  const columns = {
    count: 100,
    timesUs: new Float64Array(100).fill(1_000_000),
    serverTimesUs: new Float64Array(100),
    qualities: new Uint32Array(100),
    values: new Float64Array(100).fill(1).fill(NaN, 90),
  };
  const encoder = new DataValueEncoder("Double", TimestampsToReturn.Both, 100);
  // mask, type and number of 8 bytes, source time: 18 bytes each
  strictEqual(encoder.addRows(columns, 0, 100, 180), 10);
  strictEqual(encoder.addRows(columns, 10, 100, 180), 0);
  strictEqual(encoder.addRows(columns, 10, 100, 181), 1);
  strictEqual(encoder.bytes, 11 * 18);
  strictEqual(encoder.addRows(columns, 90, 100, Infinity), 10);
  strictEqual(encoder.bytes, 11 * 18 + 10 * 9);
  ok(encoder.finish().count === 21);
});
