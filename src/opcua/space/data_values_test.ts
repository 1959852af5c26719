import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { DataType } from "node-opcua";
import { Quality } from "../../tags/quality.ts";
import { dataValue, encodable, int64Words } from "./data_values.ts";

Deno.test("the words of an Int64 are its two's complement, for every integer a tag can hold", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    const [high, low] = int64Words(value);
    strictEqual(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)), BigInt(value));
  }));
  deepStrictEqual(int64Words(-1), [0xffffffff, 0xffffffff]);
  deepStrictEqual(int64Words(2 ** 32), [1, 0]);
});

Deno.test("a value is converted to its data type or refused, never wrapped", () => {
  strictEqual(encodable(32_767, "Int16"), 32_767);
  strictEqual(encodable(32_768, "Int16"), undefined);
  strictEqual(encodable(-1, "UInt16"), undefined);
  strictEqual(encodable(4_294_967_295, "UInt32"), 4_294_967_295);
  strictEqual(encodable(4_294_967_296, "UInt32"), undefined);
  strictEqual(encodable(2 ** 53, "Int64"), undefined);
  strictEqual(encodable(NaN, "Int32"), undefined);
  strictEqual(encodable(21.6, "Int32"), 22);
  strictEqual(encodable(true, "Double"), 1);
  strictEqual(encodable(0, "Boolean"), false);
  strictEqual(encodable(2, "Boolean"), true);
  strictEqual(encodable("on", "Boolean"), undefined);
  strictEqual(encodable("12", "Int16"), 12);
  strictEqual(encodable("", "Double"), undefined);
  strictEqual(encodable(1.5, "String"), "1.5");
});

Deno.test("a value that does not fit its data type is left out and the status says so", () => {
  const good = dataValue(70_000, Quality.Good, 5_000, 6_000, "UInt16");
  deepStrictEqual([good.value.dataType, good.statusCode.value], [DataType.Null, Quality.BadOutOfRange]);
  const bad = dataValue(70_000, Quality.BadNoCommunication, 5_000, 6_000, "UInt16");
  strictEqual(bad.statusCode.value, Quality.BadNoCommunication);
});

Deno.test("microseconds go into the Date and the picoseconds", () => {
  const value = dataValue(1, Quality.GoodCalculated, 1_700_000_000_123_456, 0, "Double");
  strictEqual(value.sourceTimestamp?.getTime(), 1_700_000_000_123);
  strictEqual(value.sourcePicoseconds, 456_000_000);
  strictEqual(value.serverTimestamp, null);
  strictEqual(value.statusCode.value, 0x401);
});
