import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteReader } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import { readNumbers, writeNumbers } from "./number_column.ts";

function roundTrip(values: readonly number[]): { values: number[]; bytes: number } {
  const writer = new ByteWriter(4);
  writeNumbers(writer, values, 0, values.length);
  const out: number[] = new Array(values.length).fill(0);
  const reader = new ByteReader(writer.take());
  readNumbers(reader, out, 0, values.length);
  assert.equal(reader.left, 0);
  return { values: out, bytes: writer.length };
}

/** A negative zero comes back as zero when its column is one of decimals: both are the same number. */
const same = (a: number, b: number) => Object.is(a, b) || (a === 0 && b === 0);

function assertExact(values: readonly number[]): number {
  const out = roundTrip(values);
  values.forEach((value, i) => assert.ok(same(out.values[i] as number, value), `${value} became ${out.values[i]}`));
  return out.bytes;
}

Deno.test("slowly moving decimals take one to two bytes each", () => {
  const values = Array.from({ length: 1000 }, (_, i) => Math.round((20 + Math.sin(i / 50) * 5) * 100) / 100);
  assert.ok(assertExact(values) < 1100);
});

Deno.test("rounding noise of a scaled decimal costs one more byte, not eight", () => {
  const values = Array.from({ length: 1000 }, (_, i) => (i / 10) * 1.8 + 32);
  assert.ok(values.some((value) => String(value).length > 12), "the sample has noise");
  assert.ok(assertExact(values) < 2600);
});

Deno.test("numbers of single precision take fewer than eight bytes", () => {
  const values = Array.from({ length: 1000 }, (_, i) => Math.fround(20 + Math.sin(i / 50)));
  assert.ok(assertExact(values) < 6000);
});

Deno.test("a constant column is nine bytes", () => {
  assert.equal(assertExact(new Array(500).fill(3.25)), 9);
});

Deno.test("the limits of the number range are kept", () => {
  assertExact([2 ** 53, -(2 ** 53), 2 ** 53 - 1, 0, 1]);
  assertExact([2 ** 51, -(2 ** 51), 2 ** 51, 0.5]);
  assertExact([Number.MAX_VALUE, Number.MIN_VALUE, -Number.MAX_VALUE, Infinity, -Infinity, NaN, 0]);
  assertExact([0.1, 0.2, 0.1 + 0.2, 1e-9, 1e15]);
  assertExact([-0, 5, -0]);
  assertExact([7]);
});

Deno.test("every column of numbers is read as it was written", () => {
  const decimal = fc.tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.integer({ min: 0, max: 11 })).map((
    [whole, decimals],
  ) => whole / 10 ** decimals);
  const any = fc.oneof(fc.double(), decimal, fc.maxSafeInteger(), fc.float(), decimal.map((value) => value * 1.8 + 32));
  fc.assert(fc.property(fc.array(any, { minLength: 1, maxLength: 60 }), (values) => void assertExact(values)));
  fc.assert(fc.property(fc.array(decimal, { minLength: 1, maxLength: 60 }), (values) => void assertExact(values)));
});

Deno.test("damaged bytes are refused and never read past the end", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 50 }), (bytes, count) => {
    const reader = new ByteReader(bytes);
    try {
      readNumbers(reader, new Float64Array(count), 0, count);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
    assert.ok(reader.left >= 0);
  }));
});
